import { isGithubJob } from "#lib/cloud/github-token.ts";
import { FleetError } from "#lib/errors.ts";

// The token program of kubectl loads this: keep its imports small.

/** Who acts: one source of credentials. A source that fails is never followed by another, which would be another identity. */
export type Choice =
  | { readonly kind: "secret"; readonly clientId: string; readonly secret: string }
  | { readonly kind: "certificate"; readonly clientId: string; readonly path: string; readonly password?: string }
  /** A Kubernetes pod with workload identity: its token is in a file. */
  | { readonly kind: "file"; readonly clientId: string; readonly path: string }
  /** A job of GitHub Actions. It acts as the second client if the fleet lets it read only. */
  | { readonly kind: "github"; readonly clientId: string; readonly readOnlyClientId: string }
  /** Of the virtual machine or service that this runs on. Without a client id: its only one. */
  | { readonly kind: "managed identity"; readonly clientId: string }
  | { readonly kind: "az" };

type Variables = Readonly<Record<string, string>>;

/** Names of Azure's libraries, in lower case, as AZURE_TOKEN_CREDENTIALS takes them. */
const chosen: Readonly<Record<string, (variables: Variables) => Choice>> = {
  environmentcredential: servicePrincipal,
  workloadidentitycredential: workloadIdentity,
  managedidentitycredential: managedIdentity,
  azureclicredential: () => ({ kind: "az" }),
};

/**
 * The credentials that AZURE_TOKEN_CREDENTIALS names, else those whose variables are set: a service principal's secret or certificate, the
 * token file of a pod, GitHub's token, the managed identity of a service; else those of az.
 *
 * @throws FleetError CredentialsMissing
 */
export function chooseCredentials(variables: Variables): Choice {
  const { AZURE_TOKEN_CREDENTIALS: name = "" } = variables;
  const named = chosen[name.toLowerCase()];
  if (named !== undefined) return named(variables);
  if (name !== "") {
    throw missing(
      `AZURE_TOKEN_CREDENTIALS names ${name}, which is none of the credentials that are used here`,
      "use EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential or AzureCliCredential, or unset it",
    );
  }
  const isSet = (variable: string): boolean => (variables[variable] ?? "") !== "";
  if (isSet("AZURE_CLIENT_SECRET") || isSet("AZURE_CLIENT_CERTIFICATE_PATH")) return servicePrincipal(variables);
  if (isSet("AZURE_FEDERATED_TOKEN_FILE")) return workloadIdentity(variables);
  if (isGithubJob(variables)) return githubJob(variables);
  if (isSet("IDENTITY_ENDPOINT")) return managedIdentity(variables);
  return { kind: "az" };
}

function servicePrincipal(variables: Variables): Choice {
  const { AZURE_CLIENT_SECRET: secret = "", AZURE_CLIENT_CERTIFICATE_PATH: path = "" } = variables;
  const clientId = clientIdOf(variables, "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH");
  if (secret !== "") return { kind: "secret", clientId, secret };
  const { AZURE_CLIENT_CERTIFICATE_PASSWORD: password = "" } = variables;
  if (path !== "") return { kind: "certificate", clientId, path, ...(password === "" ? {} : { password }) };
  throw missing("there is neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH", "set one of them");
}

function workloadIdentity(variables: Variables): Choice {
  const { AZURE_FEDERATED_TOKEN_FILE: path = "" } = variables;
  const clientId = clientIdOf(variables, "AZURE_FEDERATED_TOKEN_FILE");
  if (path !== "") return { kind: "file", clientId, path };
  throw missing("there is no AZURE_FEDERATED_TOKEN_FILE", "set it to the file with the pod's token");
}

function githubJob({
  AZURE_CLIENT_ID: clientId = "",
  AZURE_READ_ONLY_CLIENT_ID: readOnlyClientId = "",
}: Variables): Choice {
  if (clientId !== "" || readOnlyClientId !== "") return { kind: "github", clientId, readOnlyClientId };
  throw missing(
    "this job of GitHub has no AZURE_CLIENT_ID",
    "set the repository's variables AZURE_CLIENT_ID and AZURE_READ_ONLY_CLIENT_ID (create:azure-mgmt prints the commands) and pass them to the job; or set AZURE_TOKEN_CREDENTIALS to AzureCliCredential for a login by azure/login",
  );
}

function managedIdentity({ AZURE_CLIENT_ID: clientId = "" }: Variables): Choice {
  return { kind: "managed identity", clientId };
}

function clientIdOf({ AZURE_CLIENT_ID: clientId = "" }: Variables, other: string): string {
  if (clientId !== "") return clientId;
  throw missing(`there is no AZURE_CLIENT_ID for ${other}`, "set AZURE_CLIENT_ID to the application's client id");
}

function missing(message: string, hint: string): FleetError {
  return new FleetError("CredentialsMissing", message, { hint });
}

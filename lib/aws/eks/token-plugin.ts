import { dirname, resolve } from "node:path";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { findBun } from "#lib/find-bun.ts";
import type { Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import type { Paths } from "#lib/paths.ts";

/** The parts of a kubeconfig that depend on the computer. */
export interface PluginPlace {
  /** Absolute path. */
  readonly bun: string;
  readonly root: string;
  /** Folder that runs write to, where sessions are cached too. */
  readonly state: string;
  /** Set for the plugin, overriding kubectl's environment. Contains no secrets, because it is written to a file. */
  readonly environment: Readonly<Record<string, string>>;
}

export async function findPluginPlace(world: Pick<AwsWorld, "exec" | "variables" | "paths">): Promise<PluginPlace> {
  return {
    bun: await findBun(world),
    root: world.paths.root,
    state: stateOf(world.paths),
    environment: environmentOf(world.variables),
  };
}

/** Absolute: kubectl is called from anywhere. */
function stateOf({ cache }: Paths): string {
  return resolve(dirname(cache));
}

/** Source of an emulator's credentials; emptied if the run had none, so that real credentials are never sent to it. */
const emulatorVariables = [
  "AWS_ENDPOINT_URL",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_EC2_METADATA_DISABLED",
];
const secretVariables = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];

/** Only for an emulator: real credentials come from kubectl's environment. */
function environmentOf(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (awsEndpointOf(variables) === undefined) return {};
  const own = emulatorVariables.map((name) => [name, variables[name] ?? ""]);
  const blanked = secretVariables.filter((name) => (variables[name] ?? "") === "").map((name) => [name, ""]);
  return Object.fromEntries([...own, ...blanked]);
}

/** Whose token, for which cluster. */
export interface TokenSubject {
  /** FQDN. */
  readonly name: EksCluster["name"];
  readonly region: string;
  /** As EKS knows it. */
  readonly eksName: string;
  readonly server: string;
  /** Name and id of the account. */
  readonly account: { readonly name: string; readonly accountId: string };
  /** ARN. */
  readonly role: string;
  /** @default clusters/fleet.ts */
  readonly fleetFile: string | undefined;
}

type Exec = NonNullable<Kubeconfig["users"][number]["user"]["exec"]>;

/** The program that kubectl calls for a token, with all that it must not take from where kubectl is called. */
export function formatPlugin(subject: TokenSubject, { bun, root, state, environment }: PluginPlace): Exec {
  const { name, region, eksName, server, account, role, fleetFile } = subject;
  const env = Object.entries(environment).map(([variable, value]) => ({ name: variable, value }));
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    command: bun,
    args: [
      // Bun reads .env and bunfig.toml of whatever folder kubectl is called in, and a bunfig.toml can load code.
      "--no-env-file",
      `--config=${root}/bunfig.toml`,
      "--no-install",
      "run",
      `${root}/tasks/kube-token.ts`,
      ...["--cluster", eksName],
      ...["--region", region],
      ...["--server", server],
      ...["--account", account.name],
      ...["--account-id", account.accountId],
      ...["--role", role],
      ...["--state", state],
      ...(fleetFile === undefined ? [] : ["--fleet", resolve(fleetFile)]),
    ],
    ...(env.length === 0 ? {} : { env }),
    interactiveMode: "Never",
    provideClusterInfo: true,
    installHint: `this kubeconfig calls ${bun} and ${root}/tasks/kube-token.ts; create ${name} again to write it again`,
  };
}

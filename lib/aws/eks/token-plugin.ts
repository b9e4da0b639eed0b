import { resolve } from "node:path";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { fixVariables, type Plugin, type PluginPlace } from "#lib/cloud/exec-plugin.ts";

/** Source of an emulator's credentials. */
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
export function eksPluginEnvironment(variables: Readonly<Record<string, string>>): PluginPlace["environment"] {
  if (awsEndpointOf(variables) === undefined) return {};
  return fixVariables(variables, { plain: emulatorVariables, secret: secretVariables });
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

/** The program that kubectl calls for a token of EKS. */
export function eksPlugin({ name, region, eksName, server, account, role, fleetFile }: TokenSubject): Plugin {
  return {
    cluster: name,
    options: {
      provider: "aws",
      cluster: eksName,
      region,
      server,
      account: account.name,
      "account-id": account.accountId,
      role,
      fleet: fleetFile === undefined ? undefined : resolve(fleetFile),
    },
  };
}

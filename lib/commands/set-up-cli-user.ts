import { join } from "node:path";
import type { AwsClients } from "#lib/aws/clients.ts";
import { cliUserName, ensureCliUser, type KeyStore } from "#lib/aws/iam/cli-user.ts";
import { addProfile, requireFreeProfile, sharedCredentialsPath } from "#lib/aws/iam/shared-credentials.ts";
import { managementOf } from "#lib/cloud/accounts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { writeMiseVariable } from "#lib/mise-local.ts";
import { taskCommand } from "#lib/printed-command.ts";
import { formatWord } from "#lib/shell-words.ts";

export interface CliUserSetUp {
  readonly fleet: Pick<Fleet, "accounts" | "domain">;
  readonly aws: AwsClients;
  readonly variables: Readonly<Record<string, string>>;
  /** The checkout: the user's ARN is written to its mise.local.toml. Undefined in the sandbox, whose user no real role may trust. */
  readonly root: string | undefined;
  readonly signal: AbortSignal;
  /** Profile of ~/.aws/credentials to store the key in; without one, the key is printed. */
  readonly profile: string | undefined;
  /** The output is a terminal and is not logged. */
  readonly interactive: boolean;
  readonly show: (text: string) => void;
}

/**
 * Creates the management account's IAM user for people, and stores its ARN where the other tasks read
 * it. Idempotent.
 *
 * @throws FleetError as ensureCliUser(), and MiseLocalInvalid, ProfileTaken, InvalidArgument
 */
export async function setUpCliUser(setUp: CliUserSetUp): Promise<void> {
  const { fleet, aws, signal, show, root } = setUp;
  const account = managementOf(fleet, "aws", "UnknownAccount");
  const { arn, done, keyIds } = await ensureCliUser({
    aws,
    signal,
    account,
    tags: { project: "k8s-multicluster-gitops", fleet: fleet.domain, account: account.name },
    progress: (what) => show(`${account.name}: ${what}\n`),
    store: keyStore(setUp),
  });
  if (done.length === 0) show(`${account.name}: ${arn} is there, with the access key ${keyIds.join(" and ")}\n`);
  if (root === undefined) {
    show("mise.local.toml: not changed by the sandbox\n");
  } else {
    const written = await writeMiseVariable(join(root, "mise.local.toml"), "AWS_USER_ARN", arn);
    show(`mise.local.toml: ${written ? "AWS_USER_ARN is set" : "AWS_USER_ARN is right"}\n`);
  }
  if (done.length === 0) return;
  show(
    `once the management role exists, take AdministratorAccess away: ${taskCommand("create:aws-mgmt:user", "--restrict", "--apply")}\n`,
  );
}

function keyStore({ profile, variables, interactive, show }: CliUserSetUp): KeyStore {
  const path = sharedCredentialsPath(variables);
  if (profile !== undefined) {
    return {
      prepare: () => requireFreeProfile(path, profile),
      async keep(key) {
        await addProfile(path, profile, key);
        show(`${path}: the key is in the profile ${profile}: export AWS_PROFILE=${formatWord(profile)}\n`);
      },
    };
  }
  return {
    async prepare() {
      if (interactive) return;
      throw new FleetError("InvalidArgument", "the secret key would end in a file or a log", {
        hint: `add --profile ${cliUserName} to keep it in ${path}, or run it on a terminal`,
      });
    },
    async keep({ id, secret }) {
      show(
        [
          "",
          "Keep this now, it is shown once:",
          `  export AWS_ACCESS_KEY_ID=${id}`,
          `  export AWS_SECRET_ACCESS_KEY=${secret}`,
          "",
          "",
        ].join("\n"),
      );
    },
  };
}

import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { tryFindRole } from "#sandbox/aws/iam/roles.ts";
import {
  account,
  closeLabs,
  type Lab,
  openLab,
  region,
  roleTemplate,
} from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const program = Bun.which("aws", { PATH: `${join(projectRoot, ".tools/python/bin")}:${Bun.env.PATH ?? ""}` });

/** AWS's own command line, which waits for stacks by AWS's own rules. */
async function aws(lab: Lab, ...args: readonly string[]) {
  const { accessKeyId, secretAccessKey } = administratorKeys(account);
  const child = Bun.spawn([program ?? "aws", "cloudformation", ...args], {
    env: {
      AWS_ENDPOINT_URL: lab.endpoint,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_EC2_METADATA_DISABLED: "true",
      HOME: lab.folder,
      PATH: Bun.env.PATH ?? "",
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, text: output + errors };
}

test.skipIf(program === null)(
  "the command line of AWS deploys, sees that nothing is to be done, and deletes",
  async () => {
    const lab = await openLab();
    const file = join(lab.folder, "template.json");
    await Bun.write(file, JSON.stringify(roleTemplate({ RoleName: "one" })));
    const deploy = [
      "deploy",
      "--stack-name",
      "roles",
      "--template-file",
      file,
      "--capabilities",
      "CAPABILITY_NAMED_IAM",
      "--no-fail-on-empty-changeset",
      "--tags",
      "project=fleet",
    ];
    const first = await aws(lab, ...deploy);
    expect(first).toMatchObject({
      code: 0,
      text: expect.stringContaining("Successfully created/updated stack - roles"),
    });
    expect(tryFindRole(lab.cloud, account, "one")?.tags).toEqual({ project: "fleet" });
    // It names its change sets by the second.
    const begun = Math.floor(Date.now() / 1_000);
    while (Math.floor(Date.now() / 1_000) === begun) await Bun.sleep(20);
    const second = await aws(lab, ...deploy);
    expect(second).toMatchObject({
      code: 0,
      text: expect.stringContaining("No changes to deploy. Stack roles is up to date"),
    });
    expect((await aws(lab, "delete-stack", "--stack-name", "roles")).code).toBe(0);
    expect((await aws(lab, "wait", "stack-delete-complete", "--stack-name", "roles")).code).toBe(0);
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
  },
  60_000,
);

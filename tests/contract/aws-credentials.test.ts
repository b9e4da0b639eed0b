import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { awsCli } from "#tests/support/aws-cli.ts";

// The same variables and files for our own calls and for the AWS CLI: both use the same keys, or none.

let sts: Bun.Server<undefined>;
/** Stands for the role of a machine: a container's credentials. */
let machine: Bun.Server<undefined>;
let folder: string;

beforeAll(async () => {
  sts = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const key = /Credential=([^/]+)/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
      const result = `<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/${key}</Arn><UserId>x</UserId>`;
      return new Response(
        `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>${result}</GetCallerIdentityResult></GetCallerIdentityResponse>`,
        { headers: { "content-type": "text/xml" } },
      );
    },
  });
  machine = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      Response.json({ AccessKeyId: "MACHINE", SecretAccessKey: "s", Token: "t", Expiration: "2099-01-01T00:00:00Z" }),
  });
  folder = await mkdtemp(join(tmpdir(), "aws-credentials-"));
  await Bun.write(join(folder, "credentials"), keysOf("default", "DEFAULT") + keysOf("work", "WORK"));
  await Bun.write(
    join(folder, "config"),
    [
      "[profile region-only]\nregion = us-east-1\n",
      "[profile failing]\ncredential_process = sh -c 'echo the vault is sealed >&2; exit 3'\n",
      "[profile garbled]\ncredential_process = echo nothing\n",
      "[profile circle]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = back\n",
      "[profile back]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = circle\n",
    ].join("\n"),
  );
  await Bun.write(
    join(folder, "failing"),
    "[default]\ncredential_process = sh -c 'echo the vault is sealed >&2; exit 3'\n",
  );
});
afterAll(async () => {
  await Promise.all([sts.stop(true), machine.stop(true)]);
  await rm(folder, { recursive: true });
});

const keysOf = (profile: string, key: string): string =>
  `[${profile}]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`;

type Variables = Readonly<Record<string, string>>;

async function run(command: readonly string[], variables: Variables): Promise<{ key: string; text: string }> {
  const child = Bun.spawn([...command], {
    cwd: projectRoot,
    env: {
      PATH: Bun.env.PATH ?? "",
      HOME: folder,
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
      AWS_CONFIG_FILE: join(folder, "config"),
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${machine.port}/`,
      AWS_MAX_ATTEMPTS: "1",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ENDPOINT_URL: `http://127.0.0.1:${sts.port}`,
      ...variables,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { key: /:user\/(\w+)/.exec(stdout)?.[1] ?? "none", text: `${stdout}${stderr}` };
}

const cli = (variables: Variables) => run([awsCli.path ?? "", "sts", "get-caller-identity"], variables);
const ours = (variables: Variables) =>
  run([process.execPath, "run", "tests/fixtures/processes/aws-identity.ts"], variables);

const keys = { AWS_ACCESS_KEY_ID: "KEYS", AWS_SECRET_ACCESS_KEY: "s" };
const noFiles = { AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" };
const cases: readonly (readonly [what: string, variables: () => Variables, key: string])[] = [
  ["the default profile", () => ({}), "DEFAULT"],
  ["a profile", () => ({ AWS_PROFILE: "work" }), "WORK"],
  ["keys", () => keys, "KEYS"],
  ["keys and a profile", () => ({ ...keys, AWS_PROFILE: "work" }), "KEYS"],
  ["a profile that does not exist", () => ({ AWS_PROFILE: "absent" }), "none"],
  ["keys and a profile that does not exist", () => ({ ...keys, AWS_PROFILE: "absent" }), "none"],
  ["a key without its secret", () => ({ AWS_ACCESS_KEY_ID: "KEYS" }), "none"],
  ["AWS_DEFAULT_PROFILE", () => ({ AWS_DEFAULT_PROFILE: "work" }), "WORK"],
  ["AWS_DEFAULT_PROFILE beside AWS_PROFILE", () => ({ AWS_PROFILE: "absent", AWS_DEFAULT_PROFILE: "work" }), "WORK"],
  ["the role of the machine", () => ({ ...noFiles, AWS_CONFIG_FILE: "/nonexistent" }), "MACHINE"],
  ["the role of the machine, by a profile without credentials", () => ({ AWS_PROFILE: "region-only" }), "MACHINE"],
  ["credential_process that fails", () => ({ AWS_PROFILE: "failing" }), "none"],
  [
    "credential_process of the default profile that fails",
    () => ({ ...noFiles, AWS_CONFIG_FILE: join(folder, "failing") }),
    "none",
  ],
  ["credential_process that prints no JSON", () => ({ AWS_PROFILE: "garbled" }), "none"],
  ["a circle of source_profile", () => ({ AWS_PROFILE: "circle" }), "none"],
];

const timeoutMs = 60_000;

describe("credentials are found", () => {
  test.each(cases)(
    "like the AWS CLI: %s",
    async (_what, variables, key) => {
      const found = await ours(variables());
      expect(found.key, found.text).toBe(key);
      if (key === "none") expect(found.text).toContain("(CredentialsMissing)");
    },
    timeoutMs,
  );

  test.skipIf(awsCli.path === undefined).each(cases)(
    "by the AWS CLI: %s",
    async (_what, variables, key) => {
      const found = await cli(variables());
      expect(found.key, found.text).toBe(key);
    },
    timeoutMs,
  );

  test.each([
    ["failing", "the vault is sealed"],
    ["garbled", "credential_process returned invalid JSON"],
    ["circle", "Detected a cycle"],
    ["absent", "there is no profile absent"],
  ])("the reason is named: %s", async (profile, reason) => {
    expect((await ours({ AWS_PROFILE: profile })).text).toContain(reason);
  });

  const elsewhere = async (profile: string): Promise<Variables> => {
    const url = `http://127.0.0.1:${sts.port}`;
    const config = join(folder, "endpoints");
    await Bun.write(
      config,
      `[profile plain]\nendpoint_url = ${url}\n[profile by-service]\nservices = s\n[services s]\nsts =\n  endpoint_url = ${url}\n`,
    );
    // Nothing may leave this computer where the endpoint is ignored.
    const nowhere = { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.1" };
    return { ...keys, ...nowhere, AWS_ENDPOINT_URL: "", AWS_CONFIG_FILE: config, AWS_PROFILE: profile };
  };

  test.each(["plain", "by-service"])("an endpoint of the configuration gets no signed call: %s", async (profile) => {
    const { key, text } = await ours(await elsewhere(profile));
    expect([key, text]).toEqual(["none", expect.stringContaining("(EndpointRefused)")]);
  });

  test.each(["plain", "by-service"])(
    "an endpoint of the configuration is ignored on demand: %s",
    async (profile) => {
      const ignoring = { ...(await elsewhere(profile)), AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
      const { key, text } = await ours(ignoring);
      expect([key, text]).toEqual(["none", expect.stringContaining("(AwsUnreachable)")]);
    },
    60_000,
  );
});

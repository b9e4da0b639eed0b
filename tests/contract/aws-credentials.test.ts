import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { awsCli } from "#tests/support/aws-cli.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

// The same variables and files for our own calls and for the AWS CLI: both use the same keys, or none.

let sts: Bun.Server<undefined>;
/** Stands for the role of a machine: a container's credentials. */
let machine: Bun.Server<undefined>;
let folder: string;

beforeAll(async () => {
  sts = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = new URLSearchParams(await request.text());
      if (body.get("Action") === "AssumeRole") return assumeRole(body);
      const key = /Credential=([^/]+)/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
      if (key === "STALE")
        return denial("InvalidClientTokenId", "The security token included in the request is invalid.");
      const who = key === "ROOT" ? "root" : `user/${key}`;
      const partition = key === "CHINA" ? "aws-cn" : "aws";
      const result = `<Account>123456789012</Account><Arn>arn:${partition}:iam::123456789012:${who}</Arn><UserId>x</UserId>`;
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
      keysOf('profile "quoted"', "QUOTED"),
      keysOf('profile "of two words"', "WORDS"),
      "[profile region-only]\nregion = us-east-1\n",
      "[profile failing]\ncredential_process = sh -c 'echo the vault is sealed >&2; exit 3'\n",
      '[profile talkative]\ncredential_process = sh -c \'echo {\\"SecretAccessKey\\": \\"printed-secret\\"; echo \\"SecretAccessKey\\": \\"spoken-secret\\" >&2; exit 3\'\n',
      "[profile garbled]\ncredential_process = echo nothing\n",
      "[profile circle]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = back\n",
      `[profile mfa]\nrole_arn = ${mfaRole}\nmfa_serial = ${mfaDevice}\nsource_profile = work\nexternal_id = of-us\nduration_seconds = 3600\n`,
      `[profile behind-mfa]\nrole_arn = ${mfaRole}2\nsource_profile = mfa\n`,
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

function xml(name: string, content: string, status = 200): Response {
  return new Response(`<${name} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${content}</${name}>`, {
    status,
    headers: { "content-type": "text/xml" },
  });
}

function denial(code: string, message: string): Response {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return xml("ErrorResponse", error, 403);
}

/** Knows one MFA device and its code. */
function assumeRole(body: URLSearchParams): Response {
  codes.push(body.get("TokenCode") ?? "");
  if (body.get("TokenCode") !== "123456") {
    return denial("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.");
  }
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  const given = `<AccessKeyId>MFASESSION</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expiration}</Expiration>`;
  const user = `<AssumedRoleUser><Arn>${mfaRole}</Arn><AssumedRoleId>x:y</AssumedRoleId></AssumedRoleUser>`;
  return xml("AssumeRoleResponse", `<AssumeRoleResult><Credentials>${given}</Credentials>${user}</AssumeRoleResult>`);
}

const mfaRole = "arn:aws:iam::123456789012:role/operator";
const mfaDevice = "arn:aws:iam::123456789012:mfa/phone";
/** Every code that STS got. */
let codes: string[] = [];

const keysOf = (profile: string, key: string): string =>
  `[${profile}]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`;

type Variables = Readonly<Record<string, string>>;

function environmentOf(variables: Variables): Variables {
  const given = {
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
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}

async function run(command: readonly string[], variables: Variables): Promise<{ key: string; text: string }> {
  const child = Bun.spawn([...command], {
    cwd: projectRoot,
    env: environmentOf(variables),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { key: /:user\/(\w+)/.exec(stdout)?.[1] ?? "none", text: `${stdout}${stderr}` };
}

const cli = (variables: Variables) => run([awsCli.path ?? "", "sts", "get-caller-identity"], variables);
const identityOf = [process.execPath, "run", "tests/fixtures/processes/aws-identity.ts"];
const ours = (variables: Variables) => run(identityOf, variables);

const keys = { AWS_ACCESS_KEY_ID: "KEYS", AWS_SECRET_ACCESS_KEY: "s" };
const job = { ACTIONS_ID_TOKEN_REQUEST_URL: "http://127.0.0.1:1/", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t" };
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
  ["a profile whose name is quoted", () => ({ AWS_PROFILE: "quoted" }), "QUOTED"],
  ["a profile in a job of GitHub", () => ({ ...job, AWS_PROFILE: "work" }), "WORK"],
  ["keys in a job of GitHub", () => ({ ...job, ...keys }), "KEYS"],
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

  test("no secret of a credential_process is shown", async () => {
    const { text } = await ours({ AWS_PROFILE: "talkative" });
    expect(text).toContain("credential_process ended with exit code 3");
    expect(text).toContain("SecretAccessKey");
    expect(text).not.toContain("-secret");
  });

  test.each([
    ["failing", "the vault is sealed"],
    ["garbled", "credential_process returned invalid JSON"],
    ["circle", "Detected a cycle"],
    ["absent", "there is no profile absent"],
  ])("the reason is named: %s", async (profile, reason) => {
    expect((await ours({ AWS_PROFILE: profile })).text).toContain(reason);
  });

  test("a profile name that AWS's SDK cannot read is named", async () => {
    const { text } = await ours({ AWS_PROFILE: "of two words" });
    expect(text).toBe(
      "there is no profile of two words (CredentialsMissing)\nhint: AWS's SDK for JavaScript cannot read names with such characters in ~/.aws/config: rename the profile\n",
    );
  });

  test.each([
    ["by their ARN", { AWS_ACCESS_KEY_ID: "CHINA" }, "the credentials are of the partition aws-cn"],
    ["by the region", { AWS_ACCESS_KEY_ID: "STALE", AWS_REGION: "us-gov-west-1" }, "and the region is us-gov-west-1"],
  ])("credentials of another partition are refused: %s", async (_what, variables, message) => {
    const { text } = await ours({ ...keys, ...variables });
    expect(text).toContain(message);
    expect(text).toContain("(PartitionNotSupported)");
  });

  test("the root user is refused, except to make the first user", async () => {
    const root = { AWS_ACCESS_KEY_ID: "ROOT", AWS_SECRET_ACCESS_KEY: "s" };
    const { text } = await ours(root);
    expect(text.split("\n")).toEqual([
      "the credentials are of the root user of 123456789012, which can assume no role (RootRefused)",
      expect.stringMatching(/^hint: .*bun\S* run tasks\/create\/aws-mgmt\/user.ts --apply /),
      "",
    ]);
    expect((await run([...identityOf, "--allow-root"], root)).text).toBe("arn:aws:iam::123456789012:root\n");
  });

  /** On a terminal, where a person types this. */
  async function onTerminal(command: readonly string[], variables: Variables, typed: string) {
    let [screen, isTyped] = ["", false];
    const child = Bun.spawn([...command], {
      cwd: projectRoot,
      env: environmentOf(variables),
      terminal: {
        cols: 100,
        rows: 30,
        data(terminal, data) {
          screen += Buffer.from(data).toString();
          if (isTyped || !/MFA code .*: /.test(screen)) return;
          isTyped = true;
          terminal.write(typed);
        },
      },
    });
    await child.exited;
    return { key: /:user\/(\w+)/.exec(screen)?.[1] ?? "none", text: screen };
  }

  const homes = async (): Promise<string> => await mkdtemp(join(folder, "home-"));
  const mfa = (HOME: string, profile = "mfa"): Variables => ({ AWS_PROFILE: profile, HOME });

  test.each(["mfa", "behind-mfa"])("an MFA code that nobody can be asked for is named: %s", async (profile) => {
    codes = [];
    const { text } = await ours(mfa(await homes(), profile));
    expect(text).toStartWith(`the profile ${profile} needs a code of the MFA device ${mfaDevice} (MfaCodeNeeded)\n`);
    expect(text).toMatch(/hint: .*bun\S* run tasks\/whoami\.ts /);
    expect(codes).toEqual([]);
  });

  test("an MFA code is asked for on a terminal, once for all commands of an hour", async () => {
    codes = [];
    const home = await homes();
    const { key, text } = await onTerminal(identityOf, mfa(home), "123456\n");
    expect(key, text).toBe("MFASESSION");
    expect(text).toContain(`MFA code of ${mfaDevice}: `);
    expect((await ours(mfa(home))).key).toBe("MFASESSION");
    expect(codes).toEqual(["123456"]);
    const [file = ""] = await readdir(join(home, ".aws/cli/cache"));
    expect((await stat(join(home, ".aws/cli/cache", file))).mode & 0o777).toBe(0o600);
  });

  test("an MFA code is asked for again when less than a quarter of an hour is left of the session", async () => {
    const home = await homes();
    await onTerminal(identityOf, mfa(home), "123456\n");
    const [file = ""] = await readdir(join(home, ".aws/cli/cache"));
    const path = join(home, ".aws/cli/cache", file);
    const kept = JSON.parse(await Bun.file(path).text()) as { readonly Credentials: object };
    for (const [minutes, code] of [
      [20, "MFASESSION"],
      [14, "none"],
    ] as const) {
      const Expiration = new Date(Date.now() + minutes * 60_000).toISOString();
      await Bun.write(path, JSON.stringify({ Credentials: { ...kept.Credentials, Expiration } }));
      expect((await ours(mfa(home))).key).toBe(code);
    }
  });

  test("an MFA code is asked for once in a run whose session cannot be kept", async () => {
    codes = [];
    const home = await homes();
    await Bun.write(join(home, ".aws/cli/cache"), "a file where a folder is needed");
    const { text } = await onTerminal([...identityOf, "--again"], mfa(home), "123456\n");
    expect(text.match(/user\/MFASESSION/g), text).toHaveLength(2);
    expect(codes).toEqual(["123456"]);
  });

  test("an MFA code that is wrong is refused with AWS's reason", async () => {
    const { text } = await onTerminal(identityOf, mfa(await homes()), "654321\n");
    expect(text).toContain("the profile mfa gives no credentials (CredentialsMissing)");
    expect(text).toContain("invalid MFA one time pass code");
    expect(text).toContain(`the current code of ${mfaDevice}`);
  });

  test.skipIf(awsCli.path === undefined)(
    "a session after an MFA code serves us and the AWS CLI",
    async () => {
      codes = [];
      const [byUs, byCli] = [await homes(), await homes()];
      const command = [awsCli.path ?? "", "sts", "get-caller-identity"];
      expect((await onTerminal(identityOf, mfa(byUs), "123456\n")).key).toBe("MFASESSION");
      expect((await cli(mfa(byUs))).key).toBe("MFASESSION");
      expect((await onTerminal(command, mfa(byCli), "123456\n")).key).toBe("MFASESSION");
      expect((await ours(mfa(byCli))).key).toBe("MFASESSION");
      expect(codes).toEqual(["123456", "123456"]);
    },
    timeoutMs,
  );

  /** Without the endpoint of the other tests. Nothing may leave this computer where an endpoint is ignored. */
  const withEndpoints = async (variables: Variables): Promise<Variables> => {
    const url = `http://127.0.0.1:${sts.port}`;
    const config = join(folder, "endpoints");
    await Bun.write(
      config,
      [
        `[profile plain]\nendpoint_url = ${url}\n`,
        `[profile ignoring]\nendpoint_url = ${url}\nignore_configured_endpoint_urls = true\n`,
        `[profile by-service]\nservices = s\n[services s]\nsts =\n  endpoint_url = ${url}\n`,
        `[profile other-service]\nservices = t\n[services t]\ns3 =\n  endpoint_url = ${url}\n`,
        `[profile based]\nrole_arn = ${mfaRole}\nsource_profile = plain\n`,
      ].join("\n"),
    );
    const nowhere = { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.1" };
    return { ...keys, ...nowhere, AWS_ENDPOINT_URL: "", AWS_CONFIG_FILE: config, ...variables };
  };
  const url = (): string => `http://127.0.0.1:${sts.port}`;
  const ignore = { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };

  /** KEYS: the endpoint got a signed call. */
  const endpoints: readonly (readonly [
    what: string,
    variables: () => Variables,
    byCli: "KEYS" | "none",
    refused: string,
  ])[] = [
    ["of the profile", () => ({ AWS_PROFILE: "plain" }), "KEYS", "the profile plain sends"],
    ["of a services section", () => ({ AWS_PROFILE: "by-service" }), "KEYS", "the profile by-service sends"],
    ["of a service that is never called", () => ({ AWS_PROFILE: "other-service" }), "none", ""],
    ["that the profile ignores", () => ({ AWS_PROFILE: "ignoring" }), "none", ""],
    ["of the profile, ignored by the variable", () => ({ AWS_PROFILE: "plain", ...ignore }), "none", ""],
    ["of a section, ignored by the variable", () => ({ AWS_PROFILE: "by-service", ...ignore }), "none", ""],
    ["of the variable, ignored by the variable", () => ({ AWS_ENDPOINT_URL: url(), ...ignore }), "none", ""],
    ["of the variable", () => ({ AWS_ENDPOINT_URL: url() }), "KEYS", ""],
    [
      "of the variable, and of S3",
      () => ({ AWS_ENDPOINT_URL: url(), AWS_ENDPOINT_URL_S3: "https://s3.example.org" }),
      "KEYS",
      "",
    ],
    ["of a variable of one service", () => ({ AWS_ENDPOINT_URL_STS: url() }), "KEYS", "AWS_ENDPOINT_URL_STS sends"],
    ["of another host", () => ({ AWS_ENDPOINT_URL: "http://sts.invalid" }), "none", "AWS_ENDPOINT_URL sends"],
  ];

  test.each(endpoints)(
    "an endpoint gets signed calls only where it is permitted: %s",
    async (_what, variables, byCli, refused) => {
      const given = await withEndpoints(variables());
      const found = await ours(given);
      if (refused === "") {
        expect(found.key, found.text).toBe(byCli);
        expect(found.text).not.toContain("EndpointRefused");
      } else {
        expect([found.key, found.text]).toEqual(["none", expect.stringContaining(refused)]);
        expect(found.text).toContain("(EndpointRefused)\nhint: ");
      }
      const permitted = await ours({
        ...given,
        ALLOWED_AWS_ENDPOINTS: "elsewhere.example.org, 127.0.0.1, sts.invalid",
      });
      expect(permitted.key, permitted.text).toBe(byCli);
      expect(permitted.text).not.toContain("EndpointRefused");
    },
    timeoutMs,
  );

  test.skipIf(awsCli.path === undefined).each(endpoints)(
    "an endpoint gets signed calls by the AWS CLI: %s",
    async (_what, variables, byCli) => {
      const found = await cli(await withEndpoints(variables()));
      expect(found.key, found.text).toBe(byCli);
    },
    timeoutMs,
  );

  test("an endpoint of a profile that another is based on is refused", async () => {
    const given = await withEndpoints({ AWS_PROFILE: "based", AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
    expect((await ours(given)).text).toStartWith("the profile plain sends calls for AWS to http://127.0.0.1");
  });
});

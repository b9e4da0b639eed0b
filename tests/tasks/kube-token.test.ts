import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CachedSession, formatSession, type SessionKey, sessionPath } from "#lib/credentials/session-cache.ts";
import { writePrivateFile } from "#lib/files.ts";
import { eksToken } from "#lib/kubernetes/eks-token.ts";
import { projectRoot } from "#lib/paths.ts";
import { openSts, type Sts, sessionOf, stsSecret } from "#tests/support/sts.ts";

const accountId = "210987654321";
const role = `arn:aws:iam::${accountId}:role/aws-01-iam-role`;
const server = "https://ABCDEF0123.gr7.eu-central-1.eks.amazonaws.com";
const cluster = "k01-k8s-aws-mylabs-test";
const fleet = {
  domain: "mylabs.test",
  zones: [],
  accounts: [
    { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" },
    { provider: "aws", name: "aws-01", role: "tenant", accountId },
  ],
  clusters: [],
};
const v1 = "client.authentication.k8s.io/v1";

let state: string;
let sts: Sts;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "kube-token-"));
  await Bun.write(join(state, "fleet.json"), JSON.stringify(fleet));
  sts = openSts("123456789012");
});
afterEach(async () => {
  await sts.stop();
  await rm(state, { recursive: true, force: true });
});

interface Run {
  /** Instead of the usual options; undefined leaves one out. */
  readonly options?: Readonly<Record<string, string | undefined>>;
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** As a kubeconfig calls it. */
async function run({ options = {}, more = [], env = {}, cwd = "/" }: Run = {}) {
  const all = {
    cluster,
    region: "eu-central-1",
    server,
    account: "aws-01",
    "account-id": accountId,
    role,
    state,
    fleet: join(state, "fleet.json"),
    ...options,
  };
  const args = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  const flags = ["--no-env-file", `--config=${projectRoot}/bunfig.toml`, "--no-install", "run"];
  const child = Bun.spawn([process.execPath, ...flags, `${projectRoot}/tasks/kube-token.ts`, ...args, ...more], {
    cwd,
    env: {
      PATH: Bun.env.PATH ?? "",
      HOME: "/nonexistent",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_ACCESS_KEY_ID: "AKIAOFABASE",
      AWS_SECRET_ACCESS_KEY: "secretofthebase",
      AWS_ENDPOINT_URL: sts.endpoint,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { stdout, stderr, exitCode: await child.exited };
}

interface Credential {
  readonly apiVersion: string;
  readonly kind: string;
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

async function credentialOf(given?: Run): Promise<Credential> {
  const { stdout, stderr, exitCode } = await run(given);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return JSON.parse(stdout) as Credential;
}

/** What is refused says why, and prints nothing that a client could take for a credential, and no secret. */
async function refusalOf(given?: Run): Promise<string> {
  const { stdout, stderr, exitCode } = await run(given);
  expect(stdout).toBe("");
  expect(exitCode).toBeGreaterThan(0);
  expect(stderr).toContain("\nhint: ");
  expect(stderr).not.toMatch(/secretofthebase|a-secret-key-of-a-session|session\/\+=|cached-secret/);
  return stderr;
}

const tokenUrl = ({ status }: Credential): URL =>
  new URL(Buffer.from(status.token.replace("k8s-aws-v1.", ""), "base64url").toString());
const minutesLeft = ({ status }: Credential): number => (Date.parse(status.expirationTimestamp) - Date.now()) / 60_000;

const folder = (): string => join(state, ".cache/aws");
const key = (change: Partial<SessionKey> = {}): SessionKey => ({ accountId, role, endpoint: sts.endpoint, ...change });
const cached = (): string => sessionPath(folder(), key());

async function cache(session: Partial<CachedSession> = {}, at: SessionKey = key()): Promise<void> {
  const whole = {
    arn: sessionOf(role),
    accessKeyId: "ASIACACHED",
    secretAccessKey: "cached-secret",
    sessionToken: "t",
    expiresMs: Date.now() + 3_600_000,
    ...session,
  };
  await writePrivateFile(sessionPath(folder(), at), formatSession(at, whole));
}

const info = (change: object = {}, spec: object = {}): Readonly<Record<string, string>> => ({
  KUBERNETES_EXEC_INFO: JSON.stringify({ kind: "ExecCredential", apiVersion: v1, spec, ...change }),
});
const infoOf = (address: string, more: object = {}) =>
  info({}, { cluster: { server: address, config: null, ...more }, interactive: false });

describe("with nothing cached, the plugin", () => {
  test("goes the way into the account, and prints a token of its role", async () => {
    const credential = await credentialOf();
    expect(sts.calls).toEqual([
      "GetCallerIdentity",
      "AssumeRole aws-mgmt-iam-role",
      "GetCallerIdentity",
      "AssumeRole aws-01-iam-role",
      "GetCallerIdentity",
    ]);
    const url = tokenUrl(credential);
    // The API server asks the real STS, or the sandbox in its name.
    expect(url.origin).toBe("https://sts.eu-central-1.amazonaws.com");
    const [, year, month, day, time = ""] =
      /^(....)(..)(..)(T.*)$/.exec(url.searchParams.get("X-Amz-Date") ?? "") ?? [];
    const at = new Date(`${year}-${month}-${day}${time.replace(/(..)(..)Z/, ":$1:$2Z")}`);
    const credentials = {
      accessKeyId: Buffer.from(role).toString("hex"),
      secretAccessKey: stsSecret,
      sessionToken: "session/+=",
    };
    expect(credential).toMatchObject({ apiVersion: v1, kind: "ExecCredential" });
    expect(credential.status.token).toBe(eksToken({ credentials, region: "eu-central-1", cluster, at }));
    expect(minutesLeft(credential)).toBeWithin(13.5, 14);
  });

  test("keeps the session for itself alone", async () => {
    await credentialOf();
    expect([(await stat(folder())).mode & 0o777, (await stat(cached())).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(await readdir(folder())).toHaveLength(1);
    const before = sts.calls.length;
    await credentialOf();
    expect(sts.calls).toHaveLength(before);
  });

  test("goes the way once for ten that ask at once", async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => credentialOf()));
    expect(sts.calls.filter((call) => call === "AssumeRole aws-01-iam-role")).toHaveLength(1);
    expect(new Set(all.map((one) => tokenUrl(one).searchParams.get("X-Amz-Credential"))).size).toBe(1);
    // The lease went with its last holder.
    expect((await readdir(state)).sort()).toEqual([".cache", "fleet.json"]);
  }, 30_000);

  test("knows another fleet by its option only", async () => {
    const named = await refusalOf({
      options: { fleet: "/nowhere/fleet.ts" },
      env: { FLEET_FILE: join(state, "fleet.json") },
    });
    expect(named).toContain("/nowhere/fleet.ts: no such file (FleetUnreadable)");
    await credentialOf({ env: { FLEET_FILE: "/nowhere/fleet.ts", CLUSTERS_DIRECTORY: "/nowhere" } });
  });

  test("says what the way into the account says", async () => {
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect(await refusalOf({ env: none })).toContain("(CredentialsMissing)");
    await sts.stop();
    expect(await refusalOf({ env: { AWS_MAX_ATTEMPTS: "1" } })).toContain("(AwsUnreachable)");
  });

  test("sends nothing to an endpoint that isn't on this computer", async () => {
    expect(await refusalOf({ env: { AWS_ENDPOINT_URL: "https://collector.example.org" } })).toContain(
      "(EndpointRefused)",
    );
  });

  test.each([
    [
      "another account than the fleet says",
      { "account-id": "999999999990", role: role.replace(accountId, "999999999990") },
      "WrongAccount",
    ],
    ["an account that the fleet doesn't have", { account: "aws-09" }, "UnknownAccount"],
    ["another role than the way leads to", { role: `arn:aws:iam::${accountId}:role/other` }, "WrongIdentity"],
    ["a fleet that isn't there", { fleet: "/nowhere/fleet.ts" }, "FleetUnreadable"],
  ] as const)("refuses %s, and keeps nothing", async (_what, options, code) => {
    expect(await refusalOf({ options })).toContain(`(${code})`);
    expect(await readdir(state)).toEqual(["fleet.json"]);
  });

  test("refuses a session that turns out to be of another account", async () => {
    sts.arnOf = (of) => sessionOf(of).replace(accountId, "999999999990");
    expect(await refusalOf()).toContain("credentials are for 999999999990");
  });
});

describe("with a cached session, the plugin", () => {
  test("asks nobody", async () => {
    await cache();
    const credential = await credentialOf();
    expect(tokenUrl(credential).searchParams.get("X-Amz-Credential")).toStartWith("ASIACACHED/");
    expect(minutesLeft(credential)).toBeWithin(13.5, 14);
    expect(sts.calls).toEqual([]);
  });

  test("fetches another where that one dies before the token would", async () => {
    await cache({ expiresMs: Date.now() + 14.9 * 60_000 });
    expect(tokenUrl(await credentialOf()).searchParams.get("X-Amz-Credential")).not.toStartWith("ASIACACHED/");
  });

  test("ends a token with the session where none lives longer", async () => {
    sts.lifetimeMs = 10 * 60_000;
    expect(minutesLeft(await credentialOf())).toBeWithin(9, 10);
  });

  test("takes none that another endpoint or another role gave", async () => {
    await cache({}, key({ endpoint: undefined }));
    await cache({}, key({ role: `${role}x` }));
    expect(tokenUrl(await credentialOf()).searchParams.get("X-Amz-Credential")).not.toStartWith("ASIACACHED/");
  });

  test.each([
    ["half a file", '{"arn":'],
    ["nothing", ""],
    ["something else", '{"arn":"a","accessKeyId":1}'],
  ])("fetches another for %s", async (_what, text) => {
    await writePrivateFile(cached(), text);
    await credentialOf();
    expect(sts.calls).toContain("AssumeRole aws-01-iam-role");
  });

  test.each([
    ["is readable by others", () => chmod(cached(), 0o604), "has mode 0604"],
    ["is writable by the group", () => chmod(cached(), 0o620), "has mode 0620"],
    ["is in a folder of others", () => chmod(folder(), 0o755), "has mode 0755"],
    [
      "is a link",
      async () => {
        await rename(cached(), join(state, "elsewhere"));
        await symlink(join(state, "elsewhere"), cached());
      },
      "is a link",
    ],
  ] as const)("refuses a file that %s", async (_what, change, why) => {
    await cache();
    await change();
    const said = await refusalOf();
    expect(said).toContain("(CacheUnsafe)");
    expect(said).toContain(why);
    expect(sts.calls).toEqual([]);
  });

  // Only root can give a file away.
  test.skipIf(process.getuid?.() !== 0)("refuses a file of somebody else", async () => {
    await cache();
    Bun.spawnSync(["chown", "4711", cached()]);
    expect(await refusalOf()).toContain("belongs to user 4711");
  });

  test.each([
    ["another account", `arn:aws:sts::999999999990:assumed-role/aws-01-iam-role/x`, "WrongAccount"],
    ["another role", `arn:aws:sts::${accountId}:assumed-role/aws-01-iam-role-2/x`, "WrongIdentity"],
    ["another partition", `arn:aws-cn:sts::${accountId}:assumed-role/aws-01-iam-role/x`, "WrongIdentity"],
    ["a user", `arn:aws:iam::${accountId}:user/aws-01-iam-role`, "WrongIdentity"],
  ])("refuses one of %s", async (_what, arn, code) => {
    await cache({ arn });
    expect(await refusalOf()).toContain(`(${code})`);
    expect(sts.calls).toEqual([]);
  });

  test("knows the sessions of a role with a path", async () => {
    const withPath = `arn:aws:iam::${accountId}:role/k8s/aws-01-iam-role`;
    await cache({}, key({ role: withPath }));
    await credentialOf({ options: { role: withPath } });
    expect(sts.calls).toEqual([]);
  });
});

describe("the client that asks", () => {
  beforeEach(() => cache());

  test.each([v1, `${v1}beta1`])("is answered in version %s", async (apiVersion) => {
    expect((await credentialOf({ env: info({ apiVersion }) })).apiVersion).toBe(apiVersion);
  });

  test.each([
    ["an old version", info({ apiVersion: `${v1}alpha1` }), "client.authentication.k8s.io/v1alpha1"],
    ["no version", info({ apiVersion: undefined }), "undefined"],
    ["another kind", info({ kind: "Pod" }), '"Pod"'],
    ["what is no JSON", { KUBERNETES_EXEC_INFO: "{" }, "not a JSON object"],
    ["what is no object", { KUBERNETES_EXEC_INFO: "null" }, "not a JSON object"],
    ["a cluster without a server", info({}, { cluster: {} }), "without a server"],
  ])("is refused for %s", async (_what, env, why) => {
    const said = await refusalOf({ env });
    expect(said).toContain("(ExecInfoInvalid)");
    expect(said).toContain(why);
  });

  test.each([server, `${server}/`, server.replace("ABCDEF0123", "abcdef0123")])(
    "gets a token for %s",
    async (address) => {
      await credentialOf({ env: infoOf(address) });
    },
  );

  test.each([
    ["another server", infoOf("https://collector.example.org")],
    ["another port", infoOf(`${server}:6443`)],
    ["a server without TLS", infoOf(server.replace("https", "http"))],
    ["a server that nothing proves", infoOf(server, { "insecure-skip-tls-verify": true })],
  ])("gets none for %s, whatever is cached", async (_what, env) => {
    await chmod(cached(), 0o644);
    expect(await refusalOf({ env })).toContain("(WrongCluster)");
  });
});

describe("the command line", () => {
  test.each([
    ["cluster", undefined, "--cluster is missing"],
    ["cluster", "k01.k8s.aws", `--cluster can't be "k01.k8s.aws"`],
    ["region", "eu", `--region can't be "eu"`],
    ["server", "http://x", `--server can't be "http://x"`],
    ["account-id", "12", `--account-id can't be "12"`],
    ["role", "aws-01-iam-role", `--role can't be "aws-01-iam-role"`],
  ])("refuses a wrong --%s: %s", async (name, value, why) => {
    await cache();
    expect(await refusalOf({ options: { [name]: value } })).toContain(`${why} (InvalidArgument)`);
  });

  test("refuses what it doesn't know, and what comes twice", async () => {
    expect(await refusalOf({ more: ["--clusters", "x"] })).toContain("did you mean --cluster?");
    expect(await refusalOf({ more: ["--cluster", "x"] })).toContain("--cluster is given twice");
  });

  test("takes options in their other form", async () => {
    await cache();
    await credentialOf({ options: { cluster: undefined }, more: [`--cluster=${cluster}`] });
  });

  test("has help", async () => {
    const { stdout, exitCode } = await run({ more: ["--help"] });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("bun run tasks/kube-token.ts [options]")]);
  });
});

test("nothing of the folder in which kubectl is called counts", async () => {
  await cache();
  const cwd = join(state, "hostile");
  await mkdir(cwd);
  await Bun.write(join(cwd, "evil.ts"), `process.stdout.write("evil"); process.env.KUBERNETES_EXEC_INFO = "evil";`);
  await Bun.write(join(cwd, "bunfig.toml"), `preload = ["./evil.ts"]\n[define]\n"Date.now" = "evil"\n`);
  await Bun.write(join(cwd, "package.json"), JSON.stringify({ name: "evil", imports: { "#lib/*": "./evil.ts" } }));
  await Bun.write(
    join(cwd, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { baseUrl: ".", paths: { "#lib/*": ["./evil.ts"] } } }),
  );
  for (const name of [".env", ".env.local", ".env.development"]) {
    await Bun.write(join(cwd, name), "KUBERNETES_EXEC_INFO=evil\nFLEET_FILE=evil\n");
  }
  await credentialOf({ cwd });
});

test("what is loaded with a cached session is no more than the plugin's own few modules", async () => {
  const seen = new Set<string>();
  const walk = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const imports = (await Bun.file(join(projectRoot, path)).text()).matchAll(
      /^(?:import|export)[^;]*? from "([^"]+)";/gms,
    );
    for (const [statement, target = ""] of imports) {
      if (/^import type\b/.test(statement)) continue;
      if (target.startsWith("#")) await walk(target.slice(1));
      else seen.add(target);
    }
  };
  await walk("tasks/kube-token.ts");
  expect([...seen].sort()).toEqual([
    "lib/credentials/session-cache.ts",
    "lib/environment.ts",
    "lib/errors.ts",
    "lib/kubernetes/eks-token.ts",
    "lib/kubernetes/exec-info.ts",
    "lib/kubernetes/kube-token.ts",
    "lib/paths.ts",
    "node:fs",
    "node:path",
    "tasks/kube-token.ts",
  ]);
});

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { eksToken } from "#lib/aws/eks/token.ts";
import { projectRoot } from "#lib/paths.ts";
import {
  accountId,
  cluster,
  info,
  infoOf,
  minutesLeft,
  openKubeToken,
  role,
  server,
  tokenUrl,
  v1,
} from "#tests/support/kube-token.ts";
import { sessionOf, stsSecret } from "#tests/support/sts.ts";

// Only against hanging: each test starts programs, which a loaded machine lets wait.
setDefaultTimeout(120_000);

let plugin: Awaited<ReturnType<typeof openKubeToken>>;
beforeEach(async () => {
  plugin = await openKubeToken();
});
afterEach(() => plugin.close());

describe("with nothing cached, the plugin", () => {
  test("goes the way into the account, and prints a token of its role", async () => {
    const credential = await plugin.credentialOf();
    expect(plugin.sts.calls).toEqual([
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
    await plugin.credentialOf();
    expect([(await stat(plugin.folder())).mode & 0o777, (await stat(plugin.cachedPath())).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    const [session = "", askers] = (await readdir(plugin.folder())).sort();
    expect(askers).toBe(`${session}.askers`);
    expect((await stat(`${plugin.cachedPath()}.askers`)).mode & 0o777).toBe(0o600);
    const before = plugin.sts.calls.length;
    await plugin.credentialOf();
    expect(plugin.sts.calls).toHaveLength(before);
  });

  test("goes the way once for ten that ask at once", async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => plugin.credentialOf()));
    expect(plugin.sts.calls.filter((call) => call === "AssumeRole aws-01-iam-role")).toHaveLength(1);
    expect(new Set(all.map((one) => tokenUrl(one).searchParams.get("X-Amz-Credential"))).size).toBe(1);
    // The lease went with its last holder.
    expect((await readdir(plugin.state)).sort()).toEqual([".cache", "fleet.json"]);
  });

  test("knows another fleet by its option only", async () => {
    const named = await plugin.refusalOf({
      options: { fleet: "/nowhere/fleet.ts" },
      env: { FLEET_FILE: join(plugin.state, "fleet.json") },
    });
    expect(named).toContain("/nowhere/fleet.ts: no such file (FleetUnreadable)");
    await plugin.credentialOf({ env: { FLEET_FILE: "/nowhere/fleet.ts", CLUSTERS_DIRECTORY: "/nowhere" } });
  });

  test("says what the way into the account says", async () => {
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect(await plugin.refusalOf({ env: none })).toContain("(CredentialsMissing)");
    await plugin.sts.stop();
    expect(await plugin.refusalOf({ env: { AWS_MAX_ATTEMPTS: "1" } })).toContain("(AwsUnreachable)");
  });

  test("sends nothing to an endpoint that isn't on this computer", async () => {
    expect(await plugin.refusalOf({ env: { AWS_ENDPOINT_URL: "https://collector.example.org" } })).toContain(
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
    expect(await plugin.refusalOf({ options })).toContain(`(${code})`);
    expect(await readdir(plugin.state)).toEqual(["fleet.json"]);
  });

  test("refuses a session that turns out to be of another account", async () => {
    plugin.sts.arnOf = (of) => sessionOf(of).replace(accountId, "999999999990");
    expect(await plugin.refusalOf()).toContain("credentials are for 999999999990");
  });
});

describe("the client that asks", () => {
  beforeEach(() => plugin.cache());

  test.each([v1, `${v1}beta1`])("is answered in version %s", async (apiVersion) => {
    expect((await plugin.credentialOf({ env: info({ apiVersion }) })).apiVersion).toBe(apiVersion);
  });

  test.each([
    ["an old version", info({ apiVersion: `${v1}alpha1` }), "client.authentication.k8s.io/v1alpha1"],
    ["no version", info({ apiVersion: undefined }), "undefined"],
    ["another kind", info({ kind: "Pod" }), '"Pod"'],
    ["what is no JSON", { KUBERNETES_EXEC_INFO: "{" }, "not a JSON object"],
    ["what is no object", { KUBERNETES_EXEC_INFO: "null" }, "not a JSON object"],
    ["a cluster without a server", info({}, { cluster: {} }), "without a server"],
  ])("is refused for %s", async (_what, env, why) => {
    const said = await plugin.refusalOf({ env });
    expect(said).toContain("(ExecInfoInvalid)");
    expect(said).toContain(why);
  });

  test.each([server, `${server}/`, server.replace("ABCDEF0123", "abcdef0123")])(
    "gets a token for %s",
    async (address) => {
      await plugin.credentialOf({ env: infoOf(address) });
    },
  );

  test.each([
    ["another server", infoOf("https://collector.example.org")],
    ["another port", infoOf(`${server}:6443`)],
    ["a server without TLS", infoOf(server.replace("https", "http"))],
    ["a server that nothing proves", infoOf(server, { "insecure-skip-tls-verify": true })],
  ])("gets none for %s, whatever is cached", async (_what, env) => {
    await chmod(plugin.cachedPath(), 0o644);
    expect(await plugin.refusalOf({ env })).toContain("(WrongCluster)");
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
    await plugin.cache();
    expect(await plugin.refusalOf({ options: { [name]: value } })).toContain(`${why} (InvalidArgument)`);
  });

  test("refuses what it doesn't know, and what comes twice", async () => {
    expect(await plugin.refusalOf({ more: ["--clusters", "x"] })).toContain("did you mean --cluster?");
    expect(await plugin.refusalOf({ more: ["--cluster", "x"] })).toContain("--cluster is given twice");
  });

  test("takes options in their other form", async () => {
    await plugin.cache();
    await plugin.credentialOf({ options: { cluster: undefined }, more: [`--cluster=${cluster}`] });
  });

  test("has help", async () => {
    const { stdout, exitCode } = await plugin.run({ more: ["--help"] });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("bun run tasks/kube-token.ts [options]")]);
  });
});

test("nothing of the folder in which kubectl is called counts", async () => {
  await plugin.cache();
  const cwd = join(plugin.state, "hostile");
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
  await plugin.credentialOf({ cwd });
});

/** Modules that a module loads at once. */
async function modulesOf(path: string, seen = new Set<string>()): Promise<readonly string[]> {
  if (seen.has(path)) return [];
  seen.add(path);
  const imports = (await Bun.file(join(projectRoot, path)).text()).matchAll(
    /^(?:import|export)[^;]*? from "([^"]+)";/gms,
  );
  for (const [statement, target = ""] of imports) {
    if (/^import type\b/.test(statement)) continue;
    if (target.startsWith("#")) await modulesOf(target.slice(1), seen);
    else seen.add(target);
  }
  return [...seen].sort();
}

describe("what is loaded with cached credentials is no more than the plugin's own few modules", () => {
  const shared = [
    "lib/cloud/credential-cache.ts",
    "lib/cloud/token-askers.ts",
    "lib/errors.ts",
    "lib/file-modes.ts",
    "lib/shell-words.ts",
    "node:fs",
    "node:path",
  ];
  test.each([
    [
      "tasks/kube-token.ts",
      [
        "lib/commands/kube-token.ts",
        "lib/environment.ts",
        "lib/errors.ts",
        "lib/kubernetes/exec-info.ts",
        "lib/paths.ts",
        "node:fs",
        "node:path",
      ],
    ],
    ["lib/aws/eks/exec-token.ts", ["lib/aws/credentials/session-cache.ts", "lib/aws/eks/token.ts", ...shared]],
    [
      "lib/azure/aks/exec-token.ts",
      [
        "lib/azure/credentials/choice.ts",
        "lib/azure/credentials/token-cache.ts",
        "lib/cloud/bearer-token.ts",
        "lib/cloud/ca-bundle.ts",
        "lib/cloud/github-token.ts",
        "lib/cloud/token-cache.ts",
        "lib/fleet/github.ts",
        ...shared,
      ],
    ],
    [
      "lib/gcp/gke/exec-token.ts",
      [
        "lib/cloud/bearer-token.ts",
        "lib/cloud/ca-bundle.ts",
        "lib/cloud/github-token.ts",
        "lib/cloud/token-cache.ts",
        "lib/fleet/github.ts",
        "lib/gcp/credentials/choice.ts",
        ...shared,
      ],
    ],
  ])("%s", async (path, wanted) => {
    expect(await modulesOf(path)).toEqual([path, ...wanted].sort());
  });
});

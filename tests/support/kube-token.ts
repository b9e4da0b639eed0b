import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CachedSession, formatSession, type SessionKey, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { writePrivateFile } from "#lib/files.ts";
import { projectRoot } from "#lib/paths.ts";
import { openSts, type Sts, sessionOf } from "#tests/support/sts.ts";

/** Runs `tasks/kube-token.ts` as kubeconfigs call it, with a fleet, an STS and a state folder of its own. */

export const accountId = "210987654321";
export const role = `arn:aws:iam::${accountId}:role/aws-01-iam-role`;
export const server = "https://ABCDEF0123.gr7.eu-central-1.eks.amazonaws.com";
export const cluster = "k01-k8s-aws-mylabs-test";
const fleet = {
  domain: "mylabs.test",
  zones: [],
  accounts: [
    { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" },
    { provider: "aws", name: "aws-01", role: "tenant", accountId },
  ],
  clusters: [],
};
export const v1 = "client.authentication.k8s.io/v1";

export interface Run {
  /** Instead of the usual options; undefined leaves one out. */
  readonly options?: Readonly<Record<string, string | undefined>>;
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Program and arguments that run it, e.g. on another disk. */
  readonly within?: readonly string[];
}

export interface Credential {
  readonly apiVersion: string;
  readonly kind: string;
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

export const tokenUrl = ({ status }: Credential): URL =>
  new URL(Buffer.from(status.token.replace("k8s-aws-v1.", ""), "base64url").toString());
export const minutesLeft = ({ status }: Credential): number =>
  (Date.parse(status.expirationTimestamp) - Date.now()) / 60_000;

export const info = (change: object = {}, spec: object = {}): Readonly<Record<string, string>> => ({
  KUBERNETES_EXEC_INFO: JSON.stringify({ kind: "ExecCredential", apiVersion: v1, spec, ...change }),
});
export const infoOf = (address: string, more: object = {}) =>
  info({}, { cluster: { server: address, config: null, ...more }, interactive: false });

export async function openKubeToken() {
  const state = await mkdtemp(join(tmpdir(), "kube-token-"));
  await Bun.write(join(state, "fleet.json"), JSON.stringify(fleet));
  const sts: Sts = openSts("123456789012");

  /** As a kubeconfig calls it. */
  async function run({ options = {}, more = [], env = {}, cwd = "/", within = [] }: Run = {}) {
    const all = {
      provider: "aws",
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
    const child = Bun.spawn(
      [...within, process.execPath, ...flags, `${projectRoot}/tasks/kube-token.ts`, ...args, ...more],
      {
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
      },
    );
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
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

  const folder = (): string => join(state, ".cache/aws");
  const key = (change: Partial<SessionKey> = {}): SessionKey => ({
    accountId,
    role,
    endpoint: sts.endpoint,
    ...change,
  });
  const cachedPath = (): string => sessionPath(folder(), key());

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

  return {
    state,
    sts,
    run,
    credentialOf,
    refusalOf,
    folder,
    key,
    cachedPath,
    cache,
    async close() {
      await sts.stop();
      await rm(state, { recursive: true, force: true });
    },
  };
}

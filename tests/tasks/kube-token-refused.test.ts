import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { eksPlugin } from "#lib/aws/eks/token-plugin.ts";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { refusedVariable } from "#lib/kubernetes/exec-info.ts";
import { projectRoot } from "#lib/paths.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import { accountId, type Credential, cluster, openKubeToken, role, tokenUrl } from "#tests/support/kube-token.ts";

// Sessions end before their time: their role was made again, or they were revoked. An API server then answers 401.

// Only against hanging: each test starts programs, which a loaded machine lets wait.
setDefaultTimeout(120_000);

let plugin: Awaited<ReturnType<typeof openKubeToken>>;
beforeEach(async () => {
  plugin = await openKubeToken();
  await plugin.cache();
  await ageCache(120);
});
afterEach(() => plugin.close());

async function ageCache(seconds: number): Promise<void> {
  const then = Date.now() / 1_000 - seconds;
  await utimes(plugin.cachedPath(), then, then);
}

const isCached = (credential: Credential): boolean =>
  (tokenUrl(credential).searchParams.get("X-Amz-Credential") ?? "").startsWith("ASIACACHED/");
const said = (value: string) => ({ env: { [refusedVariable]: value } });

describe("a cached session", () => {
  test("is dropped where the same client asks again while its token is good", async () => {
    expect(isCached(await plugin.credentialOf())).toBe(true);
    expect(isCached(await plugin.credentialOf())).toBe(false);
    // The new one is young: a cluster that refuses it refuses others, too.
    await plugin.credentialOf();
    expect(plugin.sts.calls.filter((call) => call === "AssumeRole aws-01-iam-role")).toHaveLength(1);
  });

  test("is kept for a client's other clusters", async () => {
    await plugin.credentialOf();
    expect(isCached(await plugin.credentialOf({ options: { cluster: "another" } }))).toBe(true);
  });

  test("is kept where our own client says that nothing was refused, and dropped where it says so", async () => {
    await plugin.credentialOf(said("0"));
    expect(isCached(await plugin.credentialOf(said("0")))).toBe(true);
    expect(isCached(await plugin.credentialOf(said("1")))).toBe(false);
  });

  test("is kept while it is young", async () => {
    await ageCache(5);
    expect(isCached(await plugin.credentialOf(said("1")))).toBe(true);
  });

  test("gives tokens where nobody can write down who asked", async () => {
    await Bun.write(join(`${plugin.cachedPath()}.askers`, "in-the-way"), "");
    expect(isCached(await plugin.credentialOf())).toBe(true);
    expect(isCached(await plugin.credentialOf())).toBe(true);
  });
});

const kubectl = Bun.which("kubectl") ?? undefined;

test.skipIf(kubectl === undefined)(
  "kubectl gets in again by its next command after its session was refused",
  async () => {
    const { authority, certificate, key } = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
    const statuses: number[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: certificate, key },
      fetch(request) {
        const token = (request.headers.get("authorization") ?? "").replace("Bearer ", "");
        const isRefused = isCached({ apiVersion: "", kind: "", status: { token, expirationTimestamp: "" } });
        statuses.push(isRefused ? 401 : 200);
        return isRefused ? Response.json({ kind: "Status", code: 401 }, { status: 401 }) : new Response("ok");
      },
    });
    try {
      const name = "k01.k8s.aws.mylabs.test";
      const address = `https://127.0.0.1:${server.port}`;
      const environment = {
        AWS_ENDPOINT_URL: plugin.sts.endpoint,
        AWS_EC2_METADATA_DISABLED: "true",
        AWS_ACCESS_KEY_ID: "AKIAOFABASE",
        AWS_SECRET_ACCESS_KEY: "secretofthebase",
      };
      const exec = formatPlugin(
        eksPlugin({
          name,
          region: "eu-central-1",
          eksName: cluster,
          server: address,
          account: { name: "aws-01", accountId },
          role,
          fleetFile: join(plugin.state, "fleet.json"),
        }),
        { bun: process.execPath, root: projectRoot, state: plugin.state, environment },
      );
      const path = join(plugin.state, "kubeconfig.json");
      const ca = Buffer.from(authority).toString("base64");
      await Bun.write(
        path,
        JSON.stringify({
          apiVersion: "v1",
          kind: "Config",
          clusters: [{ name, cluster: { server: address, "certificate-authority-data": ca } }],
          users: [{ name, user: { exec } }],
          contexts: [{ name, context: { cluster: name, user: name } }],
          "current-context": name,
        }),
      );
      const call = () =>
        Bun.spawn([kubectl ?? "", "get", "--raw", "/readyz"], {
          env: { PATH: "/nonexistent", HOME: plugin.state, KUBECONFIG: path },
          stdout: "pipe",
          stderr: "pipe",
        });
      await call().exited;
      const second = call();
      expect([await new Response(second.stdout).text(), await second.exited]).toEqual(["ok", 0]);
      expect(statuses).toContain(401);
      expect(statuses.at(-1)).toBe(200);
    } finally {
      await server.stop(true);
    }
  },
);

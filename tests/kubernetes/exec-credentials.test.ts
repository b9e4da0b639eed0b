import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, formatKubeconfig, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { makeCertificates, type ServerCertificates } from "#sandbox/kubernetes/certificates.ts";
import { failureOf } from "#tests/support/failure.ts";

let server: Bun.Server<undefined>;
let certificates: ServerCertificates;
let folder: string;
/** Tokens that the server takes. */
let valid: Set<string>;
const exec = createExec(readEnvironment().variables);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plugin-"));
  certificates = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: certificates.certificate, key: certificates.key },
    fetch(request) {
      const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
      return valid.has(token) ? new Response(token) : Response.json({ message: "Unauthorized" }, { status: 401 });
    },
  });
});
afterAll(async () => {
  await server.stop(true);
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  valid = new Set(["t1", "t2", "t3"]);
});

/** An API behind a plugin of these lines of shell, which can count its runs by `$n`. */
async function apiOf(lines: string, plugin: object = {}, user: object = {}) {
  const name = `plugin-${Bun.randomUUIDv7()}`;
  const path = join(folder, name);
  await Bun.write(path, `#!/bin/sh\necho x >>"$0.runs"\nn=$(wc -l <"$0.runs" | tr -d ' ')\n${lines}\n`);
  await chmod(path, 0o755);
  const text = formatKubeconfig({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "c",
        cluster: {
          server: `https://127.0.0.1:${server.port}`,
          "certificate-authority-data": Buffer.from(certificates.authority).toString("base64"),
        },
      },
    ],
    users: [
      {
        name: "u",
        user: { exec: { apiVersion: v1, command: `./${name}`, interactiveMode: "Never", ...plugin }, ...user },
      },
    ],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
  const where = join(folder, "kubeconfig");
  const endpoint = endpointOf(parseKubeconfig(text, where), where);
  const runs = async () => (await Bun.file(`${path}.runs`).text()).length / 2;
  return { api: createKubernetesApi(endpoint, exec), runs };
}

const v1 = "client.authentication.k8s.io/v1";
function print(status: string, apiVersion = v1): string {
  return `printf '{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":{${status}}}' `;
}

describe("credentials of a program", () => {
  test("are asked for once, however many calls there are", async () => {
    const { api, runs } = await apiOf(`${print('"token":"t%s"')} $n`);
    expect(await Promise.all([api.get("/a"), api.get("/b"), api.get("/c")])).toEqual(["t1", "t1", "t1"]);
    expect(await api.get("/d")).toBe("t1");
    expect(await runs()).toBe(1);
  });

  test("are asked for again before they expire", async () => {
    const soon = new Date(Date.now() + 20_000).toISOString();
    const { api } = await apiOf(`${print(`"token":"t%s","expirationTimestamp":"${soon}"`)} $n`);
    expect([await api.get("/a"), await api.get("/b")]).toEqual(["t1", "t2"]);
  });

  test("are asked for again when the server refuses them, once", async () => {
    valid = new Set(["t2"]);
    const { api, runs } = await apiOf(`${print('"token":"t%s"')} $n`);
    expect(await api.get("/a")).toBe("t2");
    valid = new Set();
    expect((await failureOf(api.get("/a"))).message).toContain("401 Unauthorized");
    expect(await runs()).toBe(3);
  });

  test("come with what the program is told: the cluster, its arguments and its environment", async () => {
    valid.add("told");
    const check = `[ "$1 $MORE" = "one more" ] && echo "$KUBERNETES_EXEC_INFO" | grep -q '"server":"https://127' || exit 3`;
    const { api } = await apiOf(`${check}\n${print('"token":"told"')}`, {
      args: ["one"],
      env: [{ name: "MORE", value: "more" }],
      provideClusterInfo: true,
    });
    expect(await api.get("/a")).toBe("told");
  });

  test("are left alone where the user has a token of its own", async () => {
    const { api } = await apiOf("exit 1", {}, { token: "t3" });
    expect(await api.get("/a")).toBe("t3");
  });

  test.each([
    ["the program fails", "echo so sorry >&2; echo secret; exit 7", {}, "it failed with exit code 7"],
    [
      "there is no program",
      "",
      { command: "no-such-plugin", installHint: "brew install it" },
      "it is not installed, or not in PATH",
    ],
    ["it prints something else", "echo hello", {}, "what it printed is no ExecCredential"],
    ["it prints another version", print('"token":"t"', `${v1}beta1`), {}, `it printed version ${v1}beta1`],
    ["it prints no credential", print(""), {}, "neither a token nor a certificate with its key"],
    ["it asks a person", print('"token":"t"'), { interactiveMode: "Always" }, "there is no terminal"],
  ])("are missing when %s, and that is said", async (_what, lines, plugin, message) => {
    const { api } = await apiOf(lines, plugin);
    const error = await failureOf(api.get("/a"));
    expect([error.code, error.message]).toEqual(["CredentialPluginFailed", expect.stringContaining(message)]);
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain("secret");
  });

  test("show what the program said of its failure", async () => {
    const { api } = await apiOf("echo so sorry >&2; exit 7");
    expect((await failureOf(api.get("/a"))).details).toEqual(["so sorry"]);
  });
});

test("a kubeconfig whose plugin has no interactiveMode is refused, as kubectl does it", async () => {
  const error = await failureOf(apiOf("", { interactiveMode: undefined }));
  expect(error.message).toContain("users[].user.exec has no interactiveMode");
});

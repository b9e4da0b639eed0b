import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { command } from "#lib/hint.ts";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";
import { makeCertificates, type ServerCertificates } from "#sandbox/kubernetes/certificates.ts";
import { failureOf } from "#tests/support/failure.ts";

const status = { kind: "Status", status: "Failure", message: 'nodes "n" is forbidden', reason: "Forbidden" };

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/echo": {
      const { method, headers } = request;
      return Response.json({
        method,
        body: await request.text(),
        authorization: headers.get("authorization"),
        contentType: headers.get("content-type"),
      });
    }
    case "/text":
      return new Response("ok");
    case "/forbidden":
      return Response.json(status, { status: 403 });
    case "/broken":
      return new Response("x".repeat(1_000), { status: 500 });
    case "/never":
      return await new Promise(() => undefined);
    case "/half":
      return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("{")) }));
    default:
      return Response.json({ ...status, message: "not found" }, { status: 404 });
  }
}

let server: Bun.Server<undefined>;
let certificates: ServerCertificates;

beforeAll(async () => {
  certificates = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  const { certificate, key } = certificates;
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
});

afterAll(() => server.stop(true));

function endpoint(options: Partial<Endpoint> = {}): Endpoint {
  const origin = `https://127.0.0.1:${server.port}`;
  return {
    server: origin,
    ca: certificates.authority,
    certificate: undefined,
    key: undefined,
    token: undefined,
    ...options,
  };
}

describe("a call", () => {
  test("gives what the server says, as JSON or as text", async () => {
    const api = createKubernetesApi(endpoint());
    expect(await api.get("/echo")).toMatchObject({ method: "GET", authorization: null });
    expect(await api.get("/text")).toBe("ok");
  });

  test("sends the token", async () => {
    const api = createKubernetesApi(endpoint({ token: "t" }));
    expect(await api.get("/echo")).toMatchObject({ authorization: "Bearer t" });
  });

  test("that patches sends a merge patch", async () => {
    expect(await createKubernetesApi(endpoint()).patch("/echo", { a: 1 })).toMatchObject({
      method: "PATCH",
      body: '{"a":1}',
      contentType: "application/merge-patch+json",
    });
  });

  test("for what may be missing gives nothing when it is", async () => {
    const api = createKubernetesApi(endpoint());
    expect(await api.find("/missing")).toBeUndefined();
    expect(await api.find("/text")).toBe("ok");
    expect((await failureOf(api.get("/missing"))).code).toBe("KubernetesError");
    expect((await failureOf(api.find("/forbidden"))).code).toBe("KubernetesError");
  });

  test("that is refused is told in the server's own words", async () => {
    const api = createKubernetesApi(endpoint({ token: "tokenthatmaynotleak" }));
    const error = await failureOf(api.get("/forbidden"));
    expect(error.code).toBe("KubernetesError");
    expect(error.message).toBe('GET /forbidden: 403 nodes "n" is forbidden');
    expect(Bun.inspect(error)).not.toContain("tokenthatmaynotleak");
    expect((await failureOf(api.patch("/broken", {}))).message).toBe(`PATCH /broken: 500 ${"x".repeat(200)}`);
  });
});

describe("a server", () => {
  test("with another authority's certificate is refused", async () => {
    const other = await makeCertificates({ dns: [], ip: ["127.0.0.1"] });
    const error = await failureOf(createKubernetesApi(endpoint({ ca: other.authority, token: "t" })).get("/text"));
    expect(error.code).toBe("ClusterUnreachable");
    expect(error.message).toStartWith(`https://127.0.0.1:${server.port} does not answer: `);
    expect(error.message).toContain("certificate");
  });

  test("without a known authority is refused", async () => {
    const error = await failureOf(createKubernetesApi(endpoint({ ca: undefined })).get("/text"));
    expect(error.code).toBe("ClusterUnreachable");
  });

  test("with a certificate of another name is refused", async () => {
    const other = await makeCertificates({ dns: ["elsewhere"], ip: ["127.0.0.2"] });
    const { certificate, key } = other;
    const elsewhere = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
    try {
      const origin = `https://127.0.0.1:${elsewhere.port}`;
      const error = await failureOf(
        createKubernetesApi(endpoint({ server: origin, ca: other.authority })).get("/text"),
      );
      expect(error.code).toBe("ClusterUnreachable");
    } finally {
      await elsewhere.stop(true);
    }
  });

  test("that isn't there is unreachable", async () => {
    const error = await failureOf(createKubernetesApi(endpoint({ server: "https://127.0.0.1:1" })).get("/text"));
    expect([error.code, error.hint]).toEqual([
      "ClusterUnreachable",
      ["check that the cluster is running: ", command("status")],
    ]);
  });

  test.each(["/never", "/half"])("that never ends its answer (%s) is unreachable", async (path) => {
    const error = await failureOf(createKubernetesApi(endpoint()).get(path, { timeoutMs: 50 }));
    expect(error.code).toBe("ClusterUnreachable");
    expect(error.message).toEndWith("does not answer: no answer in time");
  });

  test.each(["/never", "/half"])("is left at an abort (%s), with the reason", async (path) => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const call = createKubernetesApi(endpoint()).get(path, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await expect(call).rejects.toBe(reason);
  });
});

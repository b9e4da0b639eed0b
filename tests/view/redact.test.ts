import { describe, expect, test } from "bun:test";
import { createRedactor, redact } from "#lib/view/redact.ts";
import { finished, kind01, kind02, output } from "./fixtures/runs.ts";

const secret = "c2VjcmV0LXNlY3JldA";
const pem = `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`;

describe("masks", () => {
  test.each([
    ["client key of a kubeconfig", `    client-key-data: ${secret}==`, "    client-key-data: <redacted>"],
    ["client certificate of a kubeconfig", `client-certificate-data: ${secret}`, "client-certificate-data: <redacted>"],
    ["client key in JSON", `{"client-key-data":"${secret}"}`, '{"client-key-data":"<redacted>"}'],
    ["token of a kubeconfig", `token: ${secret}`, "token: <redacted>"],
    ["token in JSON", `{"token": "${secret}", "a": 1}`, '{"token": "<redacted>", "a": 1}'],
    ["named token", `access_token=${secret}`, "access_token=<redacted>"],
    ["token as an argument", `kubectl --token ${secret} get pods`, "kubectl --token <redacted> get pods"],
    ["bearer token", `Authorization: Bearer ${secret}.x-y_z`, "Authorization: Bearer <redacted>"],
    ["k3s token of an environment", `["K3S_TOKEN=${secret}","A=b"]`, '["K3S_TOKEN=<redacted>","A=b"]'],
    ["k3d's label", `"k3d.cluster.token": "${secret}"`, '"k3d.cluster.token": "<redacted>"'],
    ["k3d's label of docker", `--label k3d.cluster.token=${secret}`, "--label k3d.cluster.token=<redacted>"],
    ["k3s' own form", `joined with K10${"a".repeat(64)}::server:${secret}`, "joined with <redacted>"],
    [
      "private key",
      `key:\n${pem}\nrest`,
      "key:\n-----BEGIN RSA PRIVATE KEY-----<redacted>-----END RSA PRIVATE KEY-----\nrest",
    ],
    ["cut-off private key", `-----BEGIN PRIVATE KEY-----\n${secret}`, "-----BEGIN PRIVATE KEY-----<redacted>"],
    ["private key in base64", `data: ${btoa(pem)}`, "data: <redacted>"],
    ["AWS secret", `aws_secret_access_key = ${secret}`, "aws_secret_access_key = <redacted>"],
    ["JSON web token", `got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.${secret}`, "got <redacted>"],
    ["password", `password: ${secret}`, "password: <redacted>"],
  ])("%s", (_name, text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(expected)).toBe(expected);
  });
});

test("leaves what is no secret", () => {
  const texts = [
    "waiting for 1 of 2 nodes",
    "stack k8s-k01",
    "clusters/.kubeconfigs/kubeconfig_kind01.internal.yml",
    "tokens are renewed",
  ];
  expect(texts.map(redact)).toEqual(texts);
});

test("a private key printed line by line is masked, and other rows are not", () => {
  const redactEvent = createRedactor();
  const lines = pem.split("\n").map((line) => output(kind01, "kind", 0, line));
  const other = output(kind02, "kind", 0, "fine");
  const [begin, body, end] = lines;
  if (begin === undefined || body === undefined || end === undefined) throw new Error("the key has three lines");
  const after = output(kind01, "kind", 0, "after");
  const masked = [begin, other, body, end, after].map((event) => redactEvent(event));
  expect(masked.map((event) => (event.kind === "output" ? event.line : ""))).toEqual([
    "-----BEGIN RSA PRIVATE KEY-----<redacted>",
    "fine",
    "<redacted>",
    "<redacted>",
    "after",
  ]);
});

test("a private key spread over an error's details is masked", () => {
  const error = { code: "ProgramFailed", message: "failed", details: ["seen:", ...pem.split("\n")] };
  const event = createRedactor()(finished(kind01, "kind", [0, 1], "failed", { error }));
  expect(JSON.stringify(event)).not.toContain(secret);
});

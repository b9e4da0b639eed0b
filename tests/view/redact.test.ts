import { describe, expect, test } from "bun:test";
import { keepSecretsOf } from "#lib/secrets.ts";
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
    ["password with spaces", `password: "correct horse" x`, 'password: "<redacted>" x'],
    ["password with spaces in single quotes", `password='correct horse'`, "password='<redacted>'"],
    ["password with a quote in it", `{"password":"a\\"b","c":1}`, '{"password":"<redacted>","c":1}'],
    ["password in JSON in JSON", `{\\"password\\":\\"a b\\",\\"c\\":1}`, `{\\"password\\":\\"<redacted>\\",\\"c\\":1}`],
    ["user and password of a URL", "fatal: 'https://me:s3cret@git.test/a'", "fatal: 'https://<redacted>@git.test/a'"],
    ["token of a URL", "https://s3cret@git.test/a", "https://<redacted>@git.test/a"],
    ["password of an ssh URL", "ssh://git:s3cret@git.test/a", "ssh://git:<redacted>@git.test/a"],
    ["GitHub's token", `got ghp_${"a1".repeat(18)}.`, "got <redacted>."],
    ["GitHub's server token", `ghs_${"a1".repeat(18)}`, "<redacted>"],
    ["GitHub's fine-grained token", `github_pat_${"a1_".repeat(20)}`, "<redacted>"],
    ["GitLab's token", `glpat-${"a1".repeat(10)}`, "<redacted>"],
    ["token for EKS", "k8s-aws-v1.aHR0cHM6Ly9zdHMuYW1hem9uYXdz", "<redacted>"],
    ["AWS secret in XML", "<SecretAccessKey>a/b+c</SecretAccessKey>", "<SecretAccessKey><redacted></SecretAccessKey>"],
    ["AWS session in XML", "<SessionToken>a/b+c=</SessionToken>", "<SessionToken><redacted></SessionToken>"],
    ["AWS secret in JSON", `"SecretAccessKey": "${secret}"`, '"SecretAccessKey": "<redacted>"'],
    ["AWS session in JSON", `"SessionToken":"${secret}"`, '"SessionToken":"<redacted>"'],
    ["signed URL", `&X-Amz-Signature=${"0a".repeat(32)}&b=c`, "&X-Amz-Signature=<redacted>&b=c"],
    ["signature of a request", `Signature=${"0a".repeat(32)}`, "Signature=<redacted>"],
    ["secret of an OAuth client", `client_secret=${secret}&a=b`, "client_secret=<redacted>&a=b"],
    ["secret of an OAuth client in JSON", `"clientSecret": "${secret}"`, '"clientSecret": "<redacted>"'],
    ["Docker's registries", `{"auth": "${btoa("me:s3cret")}"}`, '{"auth": "<redacted>"}'],
    ["Docker's identity token", `"identitytoken":"${secret}"`, '"identitytoken":"<redacted>"'],
    ["key of an Azure account", "AccountName=a;AccountKey=s3cret==;B=c", "AccountName=a;AccountKey=<redacted>;B=c"],
  ])("%s", (_name, text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(expected)).toBe(expected);
  });
});

test("a value that is known to be secret is masked wherever it stands, however it is encoded", () => {
  keepSecretsOf({ GITOPS_PASSWORD: 'pa55/w"ord here', GITHUB_TOKEN_FILE: "/run/secrets/token", SECRET: "short" });
  const forms = ['pa55/w"ord here', 'pa55/w\\"ord here', "pa55%2Fw%22ord%20here", btoa('pa55/w"ord here')];
  expect(redact(forms.join(" | "))).toBe("<redacted> | <redacted> | <redacted> | <redacted>");
  expect(redact("short of /run/secrets/token")).toBe("short of /run/secrets/token");
});

test("leaves what is no secret", () => {
  const texts = [
    "waiting for 1 of 2 nodes",
    "stack k8s-k01",
    "clusters/.kubeconfigs/kubeconfig_kind01.internal.yml",
    "tokens are renewed",
    "https://git.test/a?b=me@x.test git@github.com:a/b.git ssh://git@github.com/a",
    "authentication required: http://127.0.0.1:6580/checkout.git",
    'unexpected token: }, {"auths": {}}, NextToken=a',
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

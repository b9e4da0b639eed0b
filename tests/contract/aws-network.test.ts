import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { awsCli } from "#tests/support/aws-cli.ts";
import { type CloudBehindProxy, openCloudBehindProxy } from "#tests/support/cloud-behind-proxy.ts";

// The same environments for our own calls and for the AWS CLI, on a computer that reaches AWS by a proxy.

const arn = "arn:aws:iam::123456789012:user/ada";
const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123456789012</Account><Arn>${arn}</Arn><UserId>x</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`;

let aws: CloudBehindProxy;
let folder: string;
beforeAll(async () => {
  aws = await openCloudBehindProxy(
    ["*.amazonaws.com", "*.us-east-1.amazonaws.com"],
    () => new Response(identity, { headers: { "content-type": "text/xml" } }),
  );
  folder = await mkdtemp(join(tmpdir(), "aws-network-"));
  await Bun.write(join(folder, "ca.pem"), aws.authority);
  await Bun.write(join(folder, "no-ca.pem"), "nothing\n");
  await Bun.write(join(folder, "config"), `[default]\nca_bundle = ${join(folder, "ca.pem")}\n`);
});
afterAll(async () => {
  await aws.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => void aws.asked.splice(0));

type Variables = Readonly<Record<string, string>>;
interface Wanted {
  readonly ok: boolean;
  /** The proxy was asked for STS. Where the bundle is unusable nothing needs to be sent, but the CLI opens a connection first. */
  readonly proxied?: boolean;
}

interface Outcome extends Required<Wanted> {
  readonly text: string;
}

async function run(command: readonly string[], variables: Variables): Promise<Outcome> {
  aws.asked.splice(0);
  const child = Bun.spawn([...command], {
    cwd: projectRoot,
    env: {
      PATH: Bun.env.PATH ?? "",
      HOME: folder,
      AWS_CONFIG_FILE: "/nonexistent",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_MAX_ATTEMPTS: "1",
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      AWS_REGION: "us-east-1",
      ...variables,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const text = `${stdout}${stderr}`;
  return { ok: text.includes(arn), proxied: aws.asked.some((host) => host.startsWith("sts.")), text };
}

const cli = (variables: Variables) =>
  run([awsCli.path ?? "", "sts", "get-caller-identity", "--cli-connect-timeout", "5"], variables);
const ours = (variables: Variables) =>
  run([process.execPath, "run", "tests/fixtures/processes/aws-identity.ts"], variables);

const inFolder = (name: string): string => join(folder, name);
const cases: readonly (readonly [what: string, variables: () => Variables, wanted: Wanted])[] = [
  [
    "proxy and bundle",
    () => ({ HTTPS_PROXY: aws.proxy, AWS_CA_BUNDLE: inFolder("ca.pem") }),
    { ok: true, proxied: true },
  ],
  ["spelled small", () => ({ https_proxy: aws.proxy, AWS_CA_BUNDLE: inFolder("ca.pem") }), { ok: true, proxied: true }],
  [
    "bundle of the profile",
    () => ({ HTTPS_PROXY: aws.proxy, AWS_CONFIG_FILE: inFolder("config") }),
    { ok: true, proxied: true },
  ],
  [
    "REQUESTS_CA_BUNDLE",
    () => ({ HTTPS_PROXY: aws.proxy, REQUESTS_CA_BUNDLE: inFolder("ca.pem") }),
    { ok: true, proxied: true },
  ],
  ["an authority that nobody knows", () => ({ HTTPS_PROXY: aws.proxy }), { ok: false, proxied: true }],
  ["no such bundle", () => ({ HTTPS_PROXY: aws.proxy, AWS_CA_BUNDLE: inFolder("absent.pem") }), { ok: false }],
  ["a bundle of nothing", () => ({ HTTPS_PROXY: aws.proxy, AWS_CA_BUNDLE: inFolder("no-ca.pem") }), { ok: false }],
  [
    "NO_PROXY by host",
    () => ({ HTTPS_PROXY: aws.proxy, NO_PROXY: "sts.amazonaws.com,sts.us-east-1.amazonaws.com" }),
    { ok: false, proxied: false },
  ],
  [
    "NO_PROXY by domain",
    () => ({ HTTPS_PROXY: aws.proxy, NO_PROXY: "example.org,.amazonaws.com" }),
    { ok: false, proxied: false },
  ],
  [
    "NO_PROXY for others",
    () => ({ HTTPS_PROXY: aws.proxy, NO_PROXY: "example.org", AWS_CA_BUNDLE: inFolder("ca.pem") }),
    { ok: true, proxied: true },
  ],
  [
    "a proxy for http alone",
    () => ({ HTTP_PROXY: aws.proxy, AWS_CA_BUNDLE: inFolder("ca.pem") }),
    { ok: false, proxied: false },
  ],
];

/** A host that has no name here is asked for several times. */
const timeoutMs = 60_000;

describe("AWS is reached behind a proxy", () => {
  test.each(cases)(
    "like the AWS CLI: %s",
    async (_what, variables, wanted) => {
      const { text, ...found } = await ours(variables());
      expect(found, text).toMatchObject(wanted);
    },
    timeoutMs,
  );

  test.skipIf(awsCli.path === undefined).each(cases)(
    "by the AWS CLI: %s",
    async (_what, variables, wanted) => {
      const { text, ...found } = await cli(variables());
      expect(found, text).toMatchObject(wanted);
    },
    timeoutMs,
  );

  test("names the reason: an authority that nobody knows", async () => {
    const { text } = await ours({ HTTPS_PROXY: aws.proxy });
    expect(text).toContain("(AwsUnreachable)");
    expect(text).toContain("AWS_CA_BUNDLE");
  });

  test("names the reason: the bundle", async () => {
    const { text } = await ours({ AWS_CA_BUNDLE: inFolder("absent.pem") });
    expect(text).toContain(`AWS_CA_BUNDLE names ${inFolder("absent.pem")}, which cannot be read (CaBundleUnreadable)`);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { createRole } from "#sandbox/aws/iam/roles.ts";
import { createAccessKey, createUser, deleteAccessKey } from "#sandbox/aws/iam/users.ts";
import { Sha256 } from "#sandbox/aws/sha256.ts";
import { verifyPresignedIdentity } from "#sandbox/aws/signature.ts";
import {
  type Keys,
  keysOf,
  management,
  openTestCloud,
  policyOf,
  refusalOf,
  type TestCloud,
} from "#tests/sandbox/aws/cloud.ts";

let aws: TestCloud;
let session: Keys;
beforeAll(async () => {
  aws = await openTestCloud();
  const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
  const { arn } = createRole(aws.cloud, management, { name: "hub", trust });
  session = keysOf((await aws.sts(management).assumeRole({ RoleArn: arn, RoleSessionName: "ada" })).Credentials);
});
afterAll(async () => await aws.close());

const admin = administratorKeys(management);
const body = "Action=GetCallerIdentity&Version=2011-06-15";

interface Signing {
  readonly keys?: Keys;
  readonly date?: Date;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers of a signed POST to the endpoint. */
async function sign({ keys = admin, date = new Date(), headers = {} }: Signing = {}): Promise<Record<string, string>> {
  const { protocol, hostname, host } = new URL(aws.server.endpoint);
  const signer = new SignatureV4({ service: "sts", region: "us-east-1", credentials: keys, sha256: Sha256 });
  const plain = { "content-type": "application/x-www-form-urlencoded", host, ...headers };
  const request = { method: "POST", protocol, hostname, path: "/", headers: plain, body };
  return (await signer.sign(request, { signingDate: date })).headers;
}

async function post(headers: Record<string, string>, sent = body): Promise<string> {
  const response = await fetch(aws.server.endpoint, { method: "POST", headers, body: sent });
  const text = await response.text();
  return response.ok
    ? "ok"
    : `${response.status} ${/<Code>(.*)<\/Code>/.exec(text)?.[1]} ${/<Message>(.*)<\/Message>/.exec(text)?.[1]}`;
}

describe("a signed request", () => {
  test("is let in, be it of a user or of a session", async () => {
    expect(await post(await sign())).toBe("ok");
    expect(await post(await sign({ keys: session }))).toBe("ok");
  });

  test("counts for five minutes in either direction", async () => {
    for (const minutes of [-4.9, 4.9]) {
      expect(await post(await sign({ date: new Date(Date.now() + minutes * 60_000) }))).toBe("ok");
    }
    const late = await post(await sign({ date: new Date(Date.now() - 5.1 * 60_000) }));
    expect(late).toMatch(
      /^403 SignatureDoesNotMatch Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    );
    const early = await post(await sign({ date: new Date(Date.now() + 5.1 * 60_000) }));
    expect(early).toStartWith("403 SignatureDoesNotMatch Signature not yet current: ");
  });

  test("is refused with another secret, an unknown key, a wrong or missing token", async () => {
    const wrong = await post(await sign({ keys: { ...admin, secretAccessKey: "x" } }));
    expect(wrong).toStartWith("403 SignatureDoesNotMatch The request signature we calculated does not match");
    const invalid = "403 InvalidClientTokenId The security token included in the request is invalid.";
    const { accessKeyId, secretAccessKey } = session;
    for (const keys of [
      { ...admin, accessKeyId: "AKIAIOSFODNN7EXAMPLE" },
      { ...admin, sessionToken: "of-nobody" },
      { accessKeyId, secretAccessKey },
      { ...session, sessionToken: "of-another" },
    ]) {
      expect(await post(await sign({ keys }))).toBe(invalid);
    }
  });

  test("is refused when something was changed on the way", async () => {
    const headers = await sign({ headers: { "x-custom": "one" } });
    expect(await post(headers)).toBe("ok");
    expect(await post({ ...headers, "x-custom": "two" })).toContain("SignatureDoesNotMatch");
    // What isn't signed may come and go: proxies do so.
    expect(await post({ ...headers, "x-other": "two" })).toBe("ok");
    expect(await post(headers, body.replace("GetCallerIdentity", "AssumeRole"))).toContain("SignatureDoesNotMatch");
    const { "x-amz-content-sha256": _, ...unhashed } = headers;
    expect(await post(unhashed)).toContain("SignatureDoesNotMatch");
    const signature = headers.authorization ?? "";
    expect(await post({ ...headers, authorization: signature.replace("/sts/", "/iam/") })).toContain(
      "SignatureDoesNotMatch",
    );
  });

  test("is refused when it isn't one", async () => {
    expect(await post({})).toBe("403 MissingAuthenticationToken Request is missing Authentication Token");
    expect(await post({ authorization: "Bearer x" })).toContain("400 IncompleteSignature");
    const headers = await sign();
    const short = (headers.authorization ?? "").replace("/aws4_request", "");
    expect(await post({ ...headers, authorization: short })).toContain("400 IncompleteSignature");
  });

  test("is refused with a key that has been deleted", async () => {
    createUser(aws.cloud, management, { name: "leaver" });
    const { id, secret } = createAccessKey(aws.cloud, management, "leaver");
    const keys = { accessKeyId: id, secretAccessKey: secret };
    expect(await post(await sign({ keys }))).toBe("ok");
    deleteAccessKey(aws.cloud, management, "leaver", id);
    expect(await post(await sign({ keys }))).toContain("InvalidClientTokenId");
  });

  test("goes to the service that it is signed for, and to none that isn't there", async () => {
    const { hostname, host } = new URL(aws.server.endpoint);
    const signer = new SignatureV4({ service: "s3", region: "us-east-1", credentials: admin, sha256: Sha256 });
    const request = { method: "GET", protocol: "http:", hostname, path: "/bucket", headers: { host } };
    const response = await fetch(`${aws.server.endpoint}/bucket`, { headers: (await signer.sign(request)).headers });
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.stringContaining("the sandbox has no service s3"),
    ]);
  });
});

describe("a session", () => {
  test("is refused as ended once it is, not as unknown", async () => {
    const later = await openTestCloud();
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
    const { arn } = createRole(later.cloud, management, { name: "hub", trust });
    const answer = await later.sts(management).assumeRole({ RoleArn: arn, RoleSessionName: "ada" });
    const sts = later.sts(keysOf(answer.Credentials));
    await sts.getCallerIdentity({});
    later.advance(3_600_000);
    expect(await refusalOf(sts.getCallerIdentity({}))).toMatchObject({
      name: "ExpiredToken",
      message: "The security token included in the request is expired",
    });
    await later.close();
  });
});

describe("an identity that was signed in advance", () => {
  const cluster = { "x-k8s-aws-id": "k01" };

  async function presign({ keys = session, date = new Date() }: Signing = {}, more: object = {}): Promise<URL> {
    const hostname = "sts.us-east-1.amazonaws.com";
    const signer = new SignatureV4({ service: "sts", region: "us-east-1", credentials: keys, sha256: Sha256 });
    const query = { Action: "GetCallerIdentity", Version: "2011-06-15", ...more };
    const request = {
      method: "GET",
      protocol: "https:",
      hostname,
      path: "/",
      query,
      headers: { host: hostname, ...cluster },
    };
    const signed = await signer.presign(request, { expiresIn: 60, signingDate: date });
    const url = new URL(`https://${hostname}/`);
    for (const [name, value] of Object.entries(signed.query ?? {})) url.searchParams.set(name, String(value));
    return url;
  }

  test("says who signed it", async () => {
    const caller = await verifyPresignedIdentity(aws.cloud, await presign(), cluster);
    expect([caller.arn, caller.principal]).toEqual([
      `arn:aws:sts::${management}:assumed-role/hub/ada`,
      `arn:aws:iam::${management}:role/hub`,
    ]);
  });

  test("counts for a quarter of an hour, whatever it says of itself", async () => {
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    await verifyPresignedIdentity(aws.cloud, await presign({ date: minutesAgo(14.9) }), cluster);
    const late = verifyPresignedIdentity(aws.cloud, await presign({ date: minutesAgo(15.1) }), cluster);
    expect((await refusalOf(late)).message).toStartWith("Signature expired: ");
  });

  test("is refused for another cluster, with anything changed, and without its signature", async () => {
    const url = await presign();
    const codeOf = async (changed: URL, headers = cluster) => {
      const error: unknown = await verifyPresignedIdentity(aws.cloud, changed, headers).catch(
        (fault: unknown) => fault,
      );
      return error instanceof Error && "code" in error ? error.code : error;
    };
    expect(await codeOf(url, { "x-k8s-aws-id": "k02" })).toBe("SignatureDoesNotMatch");
    const elsewhere = new URL(url);
    elsewhere.host = "sts.example.com";
    expect(await codeOf(elsewhere)).toBe("SignatureDoesNotMatch");
    const longer = new URL(url);
    longer.searchParams.set("X-Amz-Expires", "900");
    expect(await codeOf(longer)).toBe("SignatureDoesNotMatch");
    const unsigned = new URL(url);
    unsigned.searchParams.delete("X-Amz-Signature");
    expect(await codeOf(unsigned)).toBe("MissingAuthenticationToken");
    expect(await codeOf(await presign({}, { Action: "GetSessionToken" }))).toBe("AccessDenied");
  });

  test("is answered by the endpoint too, as STS does", async () => {
    const url = await presign();
    const response = await fetch(`${aws.server.endpoint}/${url.search}`, { headers: { host: url.host, ...cluster } });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("assumed-role/hub/ada")]);
  });
});

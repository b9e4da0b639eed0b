import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { STS } from "@aws-sdk/client-sts";
import { SignatureV4 } from "@smithy/signature-v4";
import { eksService } from "#sandbox/aws/eks/service.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { Sha256 } from "#sandbox/aws/sha256.ts";
import { type CloudFault, FaultInjector, parseCloudEffect, parseCloudFault } from "#sandbox/cloud/faults.ts";
import { management, openTestCloud, refusalOf, type TestCloud } from "#tests/sandbox/aws/cloud.ts";

describe("a fault", () => {
  test.each([
    ["throttle", { kind: "throttle" }],
    ["cut", { kind: "cut" }],
    ["lost", { kind: "lost" }],
    ["slow:250", { kind: "slow", ms: 250 }],
    ["fail:InsufficientCapabilitiesException", { kind: "fail", code: "InsufficientCapabilitiesException" }],
    ["slow", undefined],
    ["slow:-1", undefined],
    ["fail:", undefined],
    ["fail:two words", undefined],
    ["", undefined],
  ] as const)("has the effect %p: %j", (text, effect) => {
    expect(parseCloudEffect(text)).toEqual(effect);
  });

  test("names a service and an action, or all of them", () => {
    const all = { service: "*", action: "*", nth: 1, times: 0, effect: { kind: "cut" } };
    expect(parseCloudFault("*:*", "cut")).toEqual(all as CloudFault);
    expect(parseCloudFault("eks:CreateCluster", "cut", { nth: 3, times: 2 })).toMatchObject({
      service: "eks",
      action: "CreateCluster",
      nth: 3,
      times: 2,
    });
    for (const wrong of ["eks", "eks:", ":CreateCluster", "EKS:*", "eks:a:b"]) {
      expect(parseCloudFault(wrong, "cut")).toBeUndefined();
    }
    expect(parseCloudFault("eks:*", "cuts")).toBeUndefined();
  });

  test("meets the calls that it is meant for, counted from when it was asked for", () => {
    const injector = new FaultInjector();
    const meets = (action: string) => injector.effectsOf({ service: "eks", action }).map(({ kind }) => kind);
    expect(meets("CreateCluster")).toEqual([]);
    injector.add({ service: "eks", action: "CreateCluster", nth: 2, times: 2, effect: { kind: "cut" } });
    const seen = ["CreateCluster", "ListClusters", "CreateCluster", "CreateCluster", "CreateCluster"].map(meets);
    expect(seen).toEqual([[], [], ["cut"], ["cut"], []]);
    injector.add({ service: "*", action: "*", nth: 1, times: 0, effect: { kind: "lost" } });
    expect([meets("ListClusters"), meets("ListClusters")]).toEqual([["lost"], ["lost"]]);
    injector.clear();
    expect([injector.list(), meets("ListClusters")]).toEqual([[], []]);
  });
});

describe("the endpoint", () => {
  let aws: TestCloud;
  beforeEach(async () => {
    aws = await openTestCloud();
  });
  afterEach(async () => await aws.close());

  test.each([
    [route53, "POST", "/2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"],
    [route53, "POST", "/2013-04-01/hostedzone", "CreateHostedZone"],
    [route53, "GET", "/2013-04-01/hostedzone/Z1", "GetHostedZone"],
    [eksService, "GET", "/clusters", "ListClusters"],
    [eksService, "GET", "/clusters/k01/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx", "DescribeAccessEntry"],
    [eksService, "DELETE", "/clusters/k01", undefined],
  ] as const)("names an operation by its path: %p %s %s is %s", (service, method, path, operation) => {
    const { operationOf } = service(aws.cloud);
    expect(operationOf?.(method, new URL(path, "http://127.0.0.1"))).toBe(operation);
  });

  function ask(effect: string, options: { readonly nth?: number; readonly times?: number } = {}): void {
    const fault = parseCloudFault("iam:CreateUser", effect, options);
    if (fault === undefined) throw new Error(`no fault: ${effect}`);
    aws.server.faults.add(fault);
  }
  const make = (name: string) => aws.iam(management).createUser({ UserName: name });
  const users = () => Object.keys(iamOf(aws.cloud, management).users).sort();

  test("throttles as AWS does, so that clients try again by themselves", async () => {
    ask("throttle", { times: 1 });
    expect(await refusalOf(make("one"))).toEqual({ name: "Throttling", message: "Rate exceeded" });
    expect(users()).toEqual(["aws-cli"]);
    aws.server.faults.add({ service: "sts", action: "*", nth: 1, times: 2, effect: { kind: "throttle" } });
    const client = new STS({
      region: "us-east-1",
      endpoint: aws.server.endpoint,
      credentials: administratorKeys(management),
    });
    expect((await client.getCallerIdentity({})).Account).toBe(management);
    client.destroy();
  });

  test("fails with the code that is asked for", async () => {
    ask("fail:Unheard", { nth: 2, times: 1 });
    await make("one");
    expect((await refusalOf(make("two"))).name).toBe("Unheard");
    await make("three");
    expect(users()).toEqual(["aws-cli", "one", "three"]);
  });

  test("cuts a call off before it is done, or after", async () => {
    ask("cut", { times: 1 });
    await refusalOf(make("one"));
    expect(users()).toEqual(["aws-cli"]);
    aws.server.faults.clear();
    ask("lost", { times: 1 });
    await refusalOf(make("one"));
    expect(users()).toEqual(["aws-cli", "one"]);
    const outcomes = aws.server.calls.filter(({ action }) => action === "CreateUser").map(({ error }) => error);
    expect(outcomes).toEqual(["no answer", "no answer"]);
  });

  test("is slow for as long as it is told", async () => {
    ask("slow:60");
    const start = performance.now();
    await make("one");
    expect(performance.now() - start).toBeGreaterThanOrEqual(59);
  });

  test("remembers who called what and how it went, and nothing that is secret", async () => {
    await make("one");
    await refusalOf(make("one"));
    await aws.iam(management).createAccessKey({ UserName: "one" });
    const told = aws.server.calls.map(({ service, action, account, caller, error }) => [
      service,
      action,
      account,
      caller,
      error,
    ]);
    const caller = `arn:aws:iam::${management}:user/aws-cli`;
    expect(told).toEqual([
      ["iam", "CreateUser", management, caller, undefined],
      ["iam", "CreateUser", management, caller, "EntityAlreadyExists"],
      ["iam", "CreateAccessKey", management, caller, undefined],
    ]);
    expect(JSON.stringify(aws.server.calls)).not.toMatch(/Secret|AKIA|Signature/);
  });

  test("refuses actions and parameters that it does not know, in AWS's form", async () => {
    expect((await refusalOf(aws.iam(management).listGroups({}))).message).toBe(
      "Could not find operation ListGroups for version 2010-05-08",
    );
    const refusal = await refusalOf(
      aws.iam(management).createUser({ UserName: "one", PermissionsBoundary: "x".repeat(20) }),
    );
    expect(refusal.message).toContain("the parameter PermissionsBoundary");
    expect(users()).toEqual(["aws-cli"]);
  });

  test("refuses in JSON what is signed for a service that speaks it", async () => {
    const { hostname, host } = new URL(aws.server.endpoint);
    const signer = new SignatureV4({
      service: "eks",
      region: "us-east-1",
      credentials: { ...administratorKeys(management), secretAccessKey: "x" },
      sha256: Sha256,
    });
    const request = { method: "GET", protocol: "http:", hostname, path: "/clusters", headers: { host } };
    const response = await fetch(`${aws.server.endpoint}/clusters`, { headers: (await signer.sign(request)).headers });
    expect(response.headers.get("x-amzn-errortype")).toBe("InvalidSignatureException");
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("signature we calculated") });
  });
});

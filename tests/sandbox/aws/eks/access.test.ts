import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { STS } from "@aws-sdk/client-sts";
import { associateAccessPolicy, createAccessEntry, disassociateAccessPolicy } from "#sandbox/aws/eks/access-entries.ts";
import { dropPart, findPart, listParts } from "#sandbox/aws/eks/parts.ts";
import { createPodIdentity, updatePodIdentity } from "#sandbox/aws/eks/pod-identities.ts";
import { placeOf } from "#sandbox/aws/eks/state.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { deleteRole, detachRolePolicy } from "#sandbox/aws/iam/roles.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import type { JsonObject } from "#sandbox/json.ts";
import {
  account,
  autoInput,
  type EksWorld,
  makeCluster,
  makeRole,
  openEksWorld,
  refusal,
  region,
} from "#tests/sandbox/aws/eks/fixture.ts";
import { type Keys, makeToken, type TokenOptions } from "#tests/sandbox/aws/eks/token.ts";

const policy = (name: string) => `arn:aws:eks::aws:cluster-access-policy/AmazonEKS${name}Policy`;

let world: EksWorld;
let awsServer: HttpServer;
let server: string;
let ca: string;

beforeAll(async () => {
  world = openEksWorld();
  awsServer = await openHttpServer({ api: () => awsApi(world.cloud, [stsService(world.cloud)]) });
  const cluster = await makeCluster(world, autoInput(world));
  server = cluster.endpoint ?? "";
  ca = atob(cluster.certificateAuthority.data ?? "");
  const user = `arn:aws:iam::${account}:user/aws-cli`;
  create({ principalArn: user });
  associate(user, { policyArn: policy("ClusterAdmin"), accessScope: { type: "cluster" } });
});

afterAll(async () => {
  await awsServer.stop();
  await world.close();
});

const create = (body: JsonObject) => createAccessEntry(world, "k01", body);
const associate = (principalArn: string, body: JsonObject) => associateAccessPolicy(world, "k01", principalArn, body);

/** A role that administers the cluster. */
function admit(name: string): string {
  const arn = makeRole(world.cloud, name, undefined, ["sts:AssumeRole"]);
  create({ principalArn: arn });
  associate(arn, { policyArn: policy("ClusterAdmin"), accessScope: { type: "cluster" } });
  return arn;
}

async function keysOf(roleArn: string, session = "me@example.com"): Promise<Keys> {
  const client = new STS({ region, endpoint: awsServer.endpoint, credentials: administratorKeys(account) });
  const { Credentials: found } = await client.assumeRole({ RoleArn: roleArn, RoleSessionName: session });
  client.destroy();
  return {
    accessKeyId: found?.AccessKeyId ?? "",
    secretAccessKey: found?.SecretAccessKey ?? "",
    sessionToken: found?.SessionToken ?? "",
  };
}

async function call(token: string, path = "/api/v1/namespaces", init: BunFetchRequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return await fetch(`${server}${path}`, { ...init, headers, tls: { ca } });
}

describe("an access entry", () => {
  test("is of a role or user that is there, and of no session", () => {
    expect(refusal(() => create({ principalArn: `arn:aws:sts::${account}:assumed-role/aws-01-iam-role/me` }))).toEqual([
      "InvalidParameterException",
      "The principalArn parameter format is not valid",
    ]);
    expect(refusal(() => create({ principalArn: `arn:aws:iam::${account}:role/none` }))[1]).toBe(
      "The specified principalArn is invalid: invalid principal.",
    );
    const { username, type, accessEntryArn } = create({ principalArn: world.adminRole });
    expect(username).toBe(`arn:aws:sts::${account}:assumed-role/aws-01-iam-role/{{SessionName}}`);
    expect(type).toBe("STANDARD");
    expect(accessEntryArn).toStartWith(
      `arn:aws:eks:${region}:${account}:access-entry/k01/role/${account}/aws-01-iam-role/`,
    );
    const user = "arn:aws:iam::333333333333:user/aws-cli";
    iamOf(world.cloud, "333333333333");
    expect(create({ principalArn: user }).username).toBe(user);
    expect(refusal(() => create({ principalArn: user }))).toEqual([
      "ResourceInUseException",
      "The specified access entry resource is already in use on this cluster.",
    ]);
    const listed = listParts(world, "k01", "accessEntries");
    expect(listed).toEqual(expect.arrayContaining([world.adminRole, world.nodeRole, user]));
    for (const arn of [world.adminRole, user]) dropPart(placeOf(world), "k01", "accessEntries", arn);
    expect(refusal(() => findPart(world, "k01", "accessEntries", user))[0]).toBe("ResourceNotFoundException");
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ["the type of a machine", { type: "EC2_LINUX" }, {}, "access entries of the type EC2_LINUX"],
    ["a policy of IAM", {}, { policyArn: "arn:aws:iam::aws:policy/x" }, "policyArn is invalid"],
    [
      "a policy without effect here",
      {},
      { policyArn: policy("View") },
      "does not know arn:aws:eks::aws:cluster-access",
    ],
    ["namespaces", {}, { accessScope: { type: "namespace", namespaces: ["a"] } }, "accessScope type namespace"],
  ])("is refused with %s", (_, entry, association, message) => {
    const principalArn = makeRole(world.cloud, "refused", undefined, ["sts:AssumeRole"]);
    const given = { policyArn: policy("ClusterAdmin"), accessScope: { type: "cluster" }, ...association };
    const [code, said] = refusal(() => {
      create({ principalArn, ...entry });
      associate(principalArn, given);
    });
    expect([code, said]).toEqual(["InvalidParameterException", expect.stringContaining(message)]);
    if (Object.keys(entry).length === 0) dropPart(placeOf(world), "k01", "accessEntries", principalArn);
  });

  test("has a policy once, until it is disassociated", () => {
    const principalArn = admit("twice");
    associate(principalArn, { policyArn: policy("ClusterAdmin"), accessScope: { type: "cluster" } });
    expect(findPart(world, "k01", "accessEntries", principalArn).policies).toHaveLength(1);
    disassociateAccessPolicy(world, "k01", principalArn, policy("ClusterAdmin"));
    expect(findPart(world, "k01", "accessEntries", principalArn).policies).toEqual([]);
  });
});

describe("the API of a cluster", () => {
  test("lets a role in that has an entry, under the name of its session", async () => {
    const admin = admit("admin");
    const token = await makeToken({ cluster: "k01", keys: await keysOf(admin) });
    expect((await call(token)).status).toBe(200);
    const made = await call(token, undefined, {
      method: "POST",
      body: JSON.stringify({ metadata: { name: "made" } }),
    });
    expect(made.status).toBe(201);
  });

  test("lets nobody in without an entry, and nobody any more whose entry is gone", async () => {
    const stranger = makeRole(world.cloud, "stranger", undefined, ["sts:AssumeRole"]);
    const token = await makeToken({ cluster: "k01", keys: await keysOf(stranger) });
    expect((await call(token)).status).toBe(401);
    create({ principalArn: stranger });
    // It is known now, and may do nothing but ask what there is.
    expect((await call(token)).status).toBe(403);
    expect((await call(token, "/version")).status).toBe(200);
    dropPart(placeOf(world), "k01", "accessEntries", stranger);
    expect((await call(token)).status).toBe(401);
  });

  test("lets no new role in that has the name of one with an entry", async () => {
    const before = admit("reborn");
    detachRolePolicy(world.cloud, account, "reborn", "arn:aws:iam::aws:policy/AdministratorAccess");
    deleteRole(world.cloud, account, "reborn");
    expect(makeRole(world.cloud, "reborn", undefined, ["sts:AssumeRole"])).toBe(before);
    const token = await makeToken({ cluster: "k01", keys: await keysOf(before) });
    expect((await call(token)).status).toBe(401);
  });

  test("refuses a role without a policy in Kubernetes' words", async () => {
    const viewer = makeRole(world.cloud, "viewer", undefined, ["sts:AssumeRole"]);
    create({ principalArn: viewer });
    const token = await makeToken({ cluster: "k01", keys: await keysOf(viewer) });
    const refused = await call(token, "/api/v1/namespaces/default/configmaps", {
      method: "POST",
      body: JSON.stringify({ metadata: { name: "x" } }),
    });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      reason: "Forbidden",
      message:
        `configmaps is forbidden: User "arn:aws:sts::${account}:assumed-role/viewer/me-example.com" cannot create ` +
        'resource "configmaps" in API group "" in the namespace "default"',
    });
  });

  test.each<[string, Partial<TokenOptions>]>([
    ["for another cluster", { cluster: "k02" }],
    ["that is too old", { date: new Date(Date.now() - 16 * 60_000) }],
    ["of the future", { date: new Date(Date.now() + 10 * 60_000) }],
    ["for another host", { host: "sts.example.com" }],
    ["for another service of AWS", { host: "iam.amazonaws.com" }],
    ["for another action", { action: "GetSessionToken" }],
    ["that lives too long", { expiresIn: 3_600 }],
    ["without the cluster in its signature", { unsigned: true }],
    ["with a wrong secret", { keys: { ...administratorKeys(account), secretAccessKey: "x" } }],
    ["of a key that isn't there", { keys: { accessKeyId: "AKIAX", secretAccessKey: "x" } }],
  ])("refuses a token %s", async (_, changes) => {
    const good = { cluster: "k01", keys: administratorKeys(account) };
    expect((await call(await makeToken(good))).status).toBe(200);
    expect((await call(await makeToken({ ...good, ...changes }))).status).toBe(401);
  });

  test("refuses what is no token, and one that is too long", async () => {
    const good = await makeToken({ cluster: "k01", keys: administratorKeys(account) });
    for (const token of ["", "secret", "k8s-aws-v1.", "k8s-aws-v1.!", `${good}A`, `k8s-aws-v1.${"a".repeat(5_000)}`]) {
      expect((await call(token)).status).toBe(401);
    }
  });

  test("takes a token that was signed for the sandbox's own endpoint", async () => {
    const { host } = new URL(awsServer.endpoint);
    const token = await makeToken({ cluster: "k01", keys: administratorKeys(account), host });
    expect((await call(token)).status).toBe(200);
  });
});

describe("a pod identity association", () => {
  const base = () => ({ namespace: "external-dns", serviceAccount: "external-dns", roleArn: world.podRole });
  const associatePod = (body: JsonObject) => createPodIdentity(world, "k01", body);

  test("is one per service account, with a role that pods can have", () => {
    const { associationId, associationArn } = associatePod(base());
    expect(associationArn).toBe(`arn:aws:eks:${region}:${account}:podidentityassociation/k01/${associationId}`);
    expect(refusal(() => associatePod(base()))).toEqual([
      "ResourceInUseException",
      `Association already exists: ${associationId}`,
    ]);
    expect(refusal(() => associatePod({ ...base(), serviceAccount: "b", roleArn: world.nodeRole }))).toEqual([
      "InvalidParameterException",
      "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.",
    ]);
    const other = makeRole(world.cloud, "pod-2", "pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]);
    updatePodIdentity(world, "k01", associationId, { roleArn: other });
    expect(findPart(world, "k01", "podIdentities", associationId).roleArn).toBe(other);
    dropPart(placeOf(world), "k01", "podIdentities", associationId);
    expect(listParts(world, "k01", "podIdentities")).toEqual([]);
  });
});

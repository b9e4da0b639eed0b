import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { STS } from "@aws-sdk/client-sts";
import {
  associateAccessPolicy,
  createAccessEntry,
  deleteAccessEntry,
  describeAccessEntry,
  disassociateAccessPolicy,
  listAccessEntries,
  listAssociatedAccessPolicies,
  updateAccessEntry,
} from "#sandbox/aws/eks/access-entries.ts";
import {
  createPodIdentity,
  deletePodIdentity,
  listPodIdentities,
  updatePodIdentity,
} from "#sandbox/aws/eks/pod-identities.ts";
import { type Front, openFront } from "#sandbox/aws/front.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { deleteRole, detachRolePolicy } from "#sandbox/aws/iam/roles.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import type { JsonObject } from "#sandbox/json.ts";
import {
  account,
  autoInput,
  type EksWorld,
  makeCluster,
  makeRole,
  managedInput,
  openEksWorld,
  refusal,
  region,
} from "#tests/sandbox/aws/eks/fixture.ts";
import { type Keys, makeToken, type TokenOptions } from "#tests/sandbox/aws/eks/token.ts";

const policy = (name: string) => `arn:aws:eks::aws:cluster-access-policy/AmazonEKS${name}Policy`;

let world: EksWorld;
let front: Front;
let server: string;
let ca: string;

beforeAll(async () => {
  world = openEksWorld();
  front = await openFront(world.cloud, [stsService(world.cloud)], { port: 0 });
  const cluster = await makeCluster(world, autoInput(world));
  server = cluster.endpoint ?? "";
  ca = atob(cluster.certificateAuthority.data ?? "");
  const user = `arn:aws:iam::${account}:user/aws-cli`;
  create({ principalArn: user });
  associate(user, { policyArn: policy("ClusterAdmin"), accessScope: { type: "cluster" } });
});

afterAll(async () => {
  await front.stop();
  await world.close();
});

const create = (body: JsonObject, cluster = "k01") => createAccessEntry(world.cloud, account, region, cluster, body);
const associate = (principalArn: string, body: JsonObject) =>
  associateAccessPolicy(world.cloud, account, region, "k01", principalArn, body);

/** Somebody whom the cluster lets in by a policy. */
function admit(name: string, policyName: string, accessScope: JsonObject = { type: "cluster" }): string {
  const arn = makeRole(world.cloud, name, undefined, ["sts:AssumeRole"]);
  create({ principalArn: arn });
  associate(arn, { policyArn: policy(policyName), accessScope });
  return arn;
}

async function keysOf(roleArn: string, session = "me@example.com"): Promise<Keys> {
  const client = new STS({ region, endpoint: front.endpoint, credentials: administratorKeys(account) });
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
    const listed = listAccessEntries(world.cloud, account, region, "k01");
    expect(listed).toEqual(expect.arrayContaining([world.adminRole, world.nodeRole, user]));
    for (const arn of [world.adminRole, user]) deleteAccessEntry(world.cloud, account, region, "k01", arn);
    expect(refusal(() => describeAccessEntry(world.cloud, account, region, "k01", user))[0]).toBe(
      "ResourceNotFoundException",
    );
  });

  test("takes no group or name that is Kubernetes' own", () => {
    const principalArn = makeRole(world.cloud, "named", undefined, ["sts:AssumeRole"]);
    expect(refusal(() => create({ principalArn, kubernetesGroups: ["system:masters"] }))[1]).toContain(
      "system:masters",
    );
    expect(refusal(() => create({ principalArn, username: "system:node:x" }))[1]).toBe(
      "The username must not begin with system:",
    );
    create({ principalArn, kubernetesGroups: ["viewers"] });
    const changed = updateAccessEntry(world.cloud, account, region, "k01", principalArn, { kubernetesGroups: ["ops"] });
    expect(changed.kubernetesGroups).toEqual(["ops"]);
  });

  test("has policies, each with one scope", () => {
    const principalArn = makeRole(world.cloud, "scoped", undefined, ["sts:AssumeRole"]);
    create({ principalArn });
    const whole = { type: "cluster" };
    expect(
      refusal(() => associate(principalArn, { policyArn: "arn:aws:iam::aws:policy/x", accessScope: whole }))[0],
    ).toBe("InvalidParameterException");
    const policyArn = policy("View");
    expect(refusal(() => associate(principalArn, { policyArn, accessScope: { type: "namespace" } }))[1]).toContain(
      "needs namespaces",
    );
    associate(principalArn, { policyArn, accessScope: whole });
    associate(principalArn, { policyArn, accessScope: { type: "namespace", namespaces: ["a"] } });
    const found = listAssociatedAccessPolicies(world.cloud, account, region, "k01", principalArn);
    expect(found.map(({ accessScope }) => accessScope)).toEqual([{ type: "namespace", namespaces: ["a"] }]);
    disassociateAccessPolicy(world.cloud, account, region, "k01", principalArn, policyArn);
    expect(listAssociatedAccessPolicies(world.cloud, account, region, "k01", principalArn)).toEqual([]);
  });

  test("is refused where a ConfigMap says who gets in", async () => {
    await makeCluster(world, managedInput(world, { name: "old", accessConfig: { authenticationMode: "CONFIG_MAP" } }));
    expect(refusal(() => create({ principalArn: world.adminRole }, "old"))).toEqual([
      "InvalidRequestException",
      "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    ]);
  });
});

describe("the API of a cluster", () => {
  test("lets a role in that has an entry, under the name of its session", async () => {
    const admin = admit("admin", "ClusterAdmin");
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
    deleteAccessEntry(world.cloud, account, region, "k01", stranger);
    expect((await call(token)).status).toBe(401);
  });

  test("lets no new role in that has the name of one with an entry", async () => {
    const before = admit("reborn", "ClusterAdmin");
    detachRolePolicy(world.cloud, account, "reborn", "arn:aws:iam::aws:policy/AdministratorAccess");
    deleteRole(world.cloud, account, "reborn");
    expect(makeRole(world.cloud, "reborn", undefined, ["sts:AssumeRole"])).toBe(before);
    const token = await makeToken({ cluster: "k01", keys: await keysOf(before) });
    expect((await call(token)).status).toBe(401);
  });

  test("refuses what a policy doesn't allow, in Kubernetes' words", async () => {
    const viewer = admit("viewer", "View");
    const token = await makeToken({ cluster: "k01", keys: await keysOf(viewer) });
    const pods = "/api/v1/namespaces/default/pods";
    expect((await call(token, pods)).status).toBe(200);
    expect((await call(token, "/api/v1/namespaces/default/secrets")).status).toBe(403);
    expect((await call(token, "/api/v1/nodes")).status).toBe(403);
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

  test("keeps a policy to the namespaces of its scope", async () => {
    const editor = admit("editor", "Edit", { type: "namespace", namespaces: ["team-*"] });
    const token = await makeToken({ cluster: "k01", keys: await keysOf(editor) });
    expect((await call(token, "/api/v1/namespaces/team-a/pods")).status).toBe(200);
    expect((await call(token, "/api/v1/namespaces/default/pods")).status).toBe(403);
    expect((await call(token, "/api/v1/pods")).status).toBe(403);
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
    const { host } = new URL(front.endpoint);
    const token = await makeToken({ cluster: "k01", keys: administratorKeys(account), host });
    expect((await call(token)).status).toBe(200);
  });
});

describe("a pod identity association", () => {
  const base = () => ({ namespace: "external-dns", serviceAccount: "external-dns", roleArn: world.podRole });
  const associatePod = (body: JsonObject) => createPodIdentity(world.cloud, account, region, "k01", body);

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
    const targetRoleArn = "arn:aws:iam::111111111111:role/zones";
    expect(updatePodIdentity(world.cloud, account, region, "k01", associationId, { targetRoleArn })).toMatchObject({
      targetRoleArn,
      externalId: `${region}/${account}/k01/external-dns/external-dns`,
    });
    deletePodIdentity(world.cloud, account, region, "k01", associationId);
    expect(listPodIdentities(world.cloud, account, region, "k01")).toEqual([]);
  });
});

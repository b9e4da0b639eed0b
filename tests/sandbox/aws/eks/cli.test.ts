import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { eksService } from "#sandbox/aws/eks/service.ts";
import { placeOf } from "#sandbox/aws/eks/state.ts";
import { type Front, openFront } from "#sandbox/aws/front.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { listAt, objectAt, stringAt } from "#sandbox/json.ts";
import {
  account,
  autoInput,
  type EksWorld,
  managedInput,
  openEksWorld,
  region,
  until,
} from "#tests/sandbox/aws/eks/fixture.ts";
import { run } from "#tests/sandbox/harness.ts";

/** AWS's own command line, by which Python it runs; other code than the SDK's. */
const local = join(projectRoot, ".tools/python/bin/aws");
const program = Bun.env.AWS_CLI ?? Bun.which("aws") ?? local;
const python = join(dirname(program), "python");

/** Many calls by one process: each alone would take half a second. */
const script = `
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = create_clidriver().main(words)
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}))
`;

interface Answer {
  readonly code: number;
  readonly body: unknown;
  readonly error: string;
}

let world: EksWorld;
let front: Front;

beforeAll(async () => {
  world = openEksWorld();
  front = await openFront(world.cloud, [stsService(world.cloud), eksService(world.cloud)], { port: 0 });
});
afterAll(async () => {
  await front.stop();
  await world.close();
});

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

async function ask(calls: readonly (readonly string[])[], keys: Keys = administratorKeys(account)): Promise<Answer[]> {
  const words = calls.map((call) => ["eks", ...call]);
  const { stdout, stderr } = await run([python, "-c", script, JSON.stringify(words)], {
    PATH: Bun.env.PATH,
    AWS_ENDPOINT_URL: front.endpoint,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_MAX_ATTEMPTS: "1",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  });
  if (stdout === "") throw new Error(stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ code, out, err }) => ({ code, body: out === "" ? undefined : JSON.parse(out), error: err.trim() }));
}

const recordOf = (name: string) => placeOf(world.cloud, account, region).state.clusters[name];
const settled = (name: string) => until(() => recordOf(name)?.cluster.status === "ACTIVE");
const groupStatus = () => recordOf("k02")?.nodeGroups.main?.status;
const json = (value: unknown) => JSON.stringify(value);

describe.skipIf(!existsSync(python))("EKS, asked by the AWS CLI", () => {
  test("makes and tells of a cluster and all that belongs to it", async () => {
    const [first] = await ask([["create-cluster", "--cli-input-json", json(autoInput(world))]]);
    const cluster = objectAt(first?.body, "cluster");
    expect(cluster).toMatchObject({ name: "k01", status: "CREATING", computeConfig: { enabled: true } });
    expect(Number(cluster.createdAt) * 1000).toBeGreaterThan(Date.now() - 60_000);
    await settled("k01");
    const made = await ask([
      ["wait", "cluster-active", "--name", "k01"],
      ["describe-cluster", "--name", "k01"],
      ["list-clusters"],
      ["create-access-entry", "--cluster-name", "k01", "--principal-arn", world.adminRole, "--tags", "team=a"],
      [
        "associate-access-policy",
        "--cluster-name=k01",
        `--principal-arn=${world.adminRole}`,
        "--policy-arn=arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "--access-scope=type=cluster",
      ],
      ["describe-access-entry", "--cluster-name", "k01", "--principal-arn", world.adminRole],
      ["list-access-entries", "--cluster-name", "k01", "--max-items", "1"],
      [
        "create-pod-identity-association",
        "--cluster-name=k01",
        "--namespace=external-dns",
        "--service-account=external-dns",
        `--role-arn=${world.podRole}`,
      ],
      ["list-pod-identity-associations", "--cluster-name", "k01", "--namespace", "external-dns"],
      ["create-addon", "--cluster-name", "k01", "--addon-name", "eks-pod-identity-agent"],
      ["list-addons", "--cluster-name", "k01"],
      ["update-cluster-config", "--name", "k01", "--deletion-protection"],
      ["list-updates", "--name", "k01"],
      ["tag-resource", `--resource-arn=arn:aws:eks:${region}:${account}:cluster/k01`, "--tags", "a=1,b=2"],
      ["untag-resource", `--resource-arn=arn:aws:eks:${region}:${account}:cluster/k01`, "--tag-keys", "a"],
      ["list-tags-for-resource", `--resource-arn=arn:aws:eks:${region}:${account}:cluster/k01`],
      ["describe-cluster-versions"],
      ["list-access-policies"],
    ]);
    expect(made.filter(({ code }) => code !== 0)).toEqual([]);
    const [, active, listed, entry, policy, described, entries, pod, pods, addon, addons, update, updates, ...rest] =
      made.map(({ body }) => body);
    expect(active).toMatchObject({ cluster: { status: "ACTIVE", resourcesVpcConfig: { vpcId: "vpc-1" } } });
    expect(listed).toEqual({ clusters: ["k01"] });
    const standard = { principalArn: world.adminRole, type: "STANDARD", tags: { team: "a" } };
    expect(entry).toMatchObject({ accessEntry: standard });
    expect(policy).toMatchObject({ associatedAccessPolicy: { accessScope: { type: "cluster" } } });
    expect(described).toEqual(entry);
    expect(listAt(entries, "accessEntries")).toHaveLength(1);
    expect(pod).toMatchObject({ association: { namespace: "external-dns", clusterName: "k01" } });
    expect(listAt(pods, "associations")).toHaveLength(1);
    expect(addon).toMatchObject({ addon: { addonName: "eks-pod-identity-agent", status: "CREATING" } });
    expect(addons).toEqual({ addons: ["eks-pod-identity-agent"] });
    expect(update).toMatchObject({ update: { type: "DeletionProtectionUpdate", status: "InProgress", errors: [] } });
    expect(updates).toEqual({ updateIds: [stringAt(update, "update", "id")] });
    const [, , tags, versions, policies] = rest;
    expect(tags).toEqual({ tags: { b: "2" } });
    expect(listAt(versions, "clusterVersions").map((one) => stringAt(one, "clusterVersion"))).toEqual([
      "1.36",
      "1.35",
      "1.34",
      "1.33",
    ]);
    expect(listAt(policies, "accessPolicies").length).toBeGreaterThan(4);
  }, 60_000);

  test("makes a node group and takes everything away again", async () => {
    const group = ["--cluster-name", "k02", "--nodegroup-name", "main"];
    await ask([["create-cluster", "--cli-input-json", json(managedInput(world, { name: "k02" }))]]);
    await settled("k02");
    const made = await ask([
      ["create-nodegroup", ...group, "--node-role", world.nodeRole, "--subnets", "subnet-a", "subnet-b"],
      ["list-nodegroups", "--cluster-name", "k02"],
      ["delete-cluster", "--name", "k02"],
    ]);
    expect(made.map(({ code, error }) => (code === 0 ? "" : error))).toEqual([
      "",
      "",
      "An error occurred (ResourceInUseException) when calling the DeleteCluster operation: Cluster has nodegroups attached",
    ]);
    await until(() => groupStatus() === "ACTIVE");
    const [described, updated] = await ask([
      ["describe-nodegroup", ...group],
      ["update-nodegroup-config", ...group, "--labels", "addOrUpdateLabels={tier=web}"],
    ]);
    expect(described?.body).toMatchObject({ nodegroup: { status: "ACTIVE", scalingConfig: { desiredSize: 2 } } });
    expect(updated?.body).toMatchObject({ update: { type: "ConfigUpdate", status: "InProgress" } });
    await until(() => groupStatus() === "ACTIVE");
    await ask([["delete-nodegroup", ...group]]);
    await until(() => groupStatus() === undefined);
    const gone = await ask([
      ["wait", "nodegroup-deleted", ...group],
      ["delete-cluster", "--name", "k02"],
    ]);
    expect(gone.map(({ code }) => code)).toEqual([0, 0]);
  }, 60_000);

  test("refuses a caller whose policies don't allow it, also before it says what there is", async () => {
    const document = json({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "eks:List*", Resource: "*" }],
    });
    const user = iamOf(world.cloud, account).users["aws-cli"];
    if (user === undefined) throw new Error("there is no administrator");
    const keys = { accessKeyId: "AKIAREADER0000000001", secretAccessKey: "secret" };
    iamOf(world.cloud, account).users.reader = {
      ...user,
      name: "reader",
      arn: `arn:aws:iam::${account}:user/reader`,
      attached: [],
      inline: { list: document },
      accessKeys: [{ id: keys.accessKeyId, secret: keys.secretAccessKey, created: user.created }],
    };
    const [list, describeNothing, create] = await ask(
      [
        ["list-clusters"],
        ["describe-cluster", "--name", "none"],
        ["create-cluster", "--cli-input-json", json(autoInput(world))],
      ],
      keys,
    );
    expect(list?.code).toBe(0);
    const denied = (action: string, name: string) =>
      `An error occurred (AccessDeniedException) when calling the ${action} operation: User: arn:aws:iam::${account}:user/reader ` +
      `is not authorized to perform: eks:${action} on resource: arn:aws:eks:${region}:${account}:cluster/${name} because no ` +
      `identity-based policy allows the eks:${action} action`;
    expect(describeNothing?.error).toBe(denied("DescribeCluster", "none"));
    expect(create?.error).toBe(denied("CreateCluster", "k01"));
  }, 60_000);
});

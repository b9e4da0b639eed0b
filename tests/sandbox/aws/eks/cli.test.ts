import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { associateAccessPolicy, createAccessEntry } from "#sandbox/aws/eks/access-entries.ts";
import { eksService } from "#sandbox/aws/eks/service.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { listAt } from "#sandbox/json.ts";
import {
  account,
  type EksWorld,
  makeCluster,
  managedInput,
  openEksWorld,
  region,
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
let server: HttpServer;

beforeAll(async () => {
  world = openEksWorld();
  server = await openHttpServer({ api: () => awsApi(world.cloud, [stsService(world.cloud), eksService(world.cloud)]) });
});
afterAll(async () => {
  await server.stop();
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
    AWS_ENDPOINT_URL: server.endpoint,
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

describe.skipIf(!existsSync(python))("EKS, asked by the AWS CLI", () => {
  beforeAll(async () => {
    await makeCluster(world, managedInput(world));
    const at = [world, "k01"] as const;
    createAccessEntry(...at, { principalArn: world.adminRole, tags: { team: "a" } });
    const policyArn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    associateAccessPolicy(...at, world.adminRole, { policyArn, accessScope: { type: "cluster" } });
  });

  test("describes a cluster and its access entries", async () => {
    const named = ["--cluster-name", "k01"];
    const answers = await ask([
      ["wait", "cluster-active", "--name", "k01"],
      ["describe-cluster", "--name", "k01"],
      ["list-clusters"],
      ["describe-access-entry", ...named, "--principal-arn", world.adminRole],
      ["list-access-entries", ...named, "--max-items", "1"],
      ["list-associated-access-policies", ...named, "--principal-arn", world.adminRole],
      ["describe-addon-versions", "--addon-name", "coredns"],
    ]);
    expect(answers.filter(({ code }) => code !== 0)).toEqual([]);
    const [, cluster, clusters, entry, entries, policies, known] = answers.map(({ body }) => body);
    expect(cluster).toMatchObject({ cluster: { status: "ACTIVE", resourcesVpcConfig: { vpcId: "vpc-1" } } });
    expect(clusters).toEqual({ clusters: ["k01"] });
    const standard = { principalArn: world.adminRole, type: "STANDARD", tags: { team: "a" } };
    expect(entry).toMatchObject({ accessEntry: standard });
    expect(listAt(entries, "accessEntries")).toHaveLength(1);
    expect(policies).toMatchObject({ associatedAccessPolicies: [{ accessScope: { type: "cluster" } }] });
    expect(listAt(known, "addons")).toHaveLength(1);
  }, 60_000);

  test("is refused what the sandbox would ignore", async () => {
    const [creates, deletes, filters] = await ask([
      ["create-addon", "--cluster-name", "k01", "--addon-name", "coredns"],
      ["delete-cluster", "--name", "k01"],
      ["describe-addon-versions", "--publishers", "eks"],
    ]);
    const unknown = (operation: string, call: string) =>
      `An error occurred (UnknownOperationException) when calling the ${operation} operation: the sandbox does not know ${call}`;
    expect(creates?.error).toBe(unknown("CreateAddon", "POST /clusters/k01/addons"));
    expect(deletes?.error).toBe(unknown("DeleteCluster", "DELETE /clusters/k01"));
    expect(filters?.error).toContain("the sandbox does not know publishers of DescribeAddonVersions");
  }, 60_000);

  test("is refused without permission, also for what does not exist", async () => {
    const document = JSON.stringify({
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
    const [list, describeNothing] = await ask([["list-clusters"], ["describe-cluster", "--name", "none"]], keys);
    expect(list?.code).toBe(0);
    expect(describeNothing?.error).toBe(
      `An error occurred (AccessDeniedException) when calling the DescribeCluster operation: User: arn:aws:iam::${account}:user/reader ` +
        `is not authorized to perform: eks:DescribeCluster on resource: arn:aws:eks:${region}:${account}:cluster/none because no ` +
        "identity-based policy allows the eks:DescribeCluster action",
    );
  }, 60_000);
});

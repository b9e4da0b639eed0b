import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CloudFormation } from "@aws-sdk/client-cloudformation";
import { STS } from "@aws-sdk/client-sts";
import { projectRoot } from "#lib/paths.ts";
import { makeToken } from "#tests/sandbox/aws/eks/token.ts";
import { run, TestSandbox } from "#tests/sandbox/harness.ts";

/** Generous: these tests start processes, maybe on a busy machine. */
setDefaultTimeout(60_000);

const account = (name: string, accountId: string) => JSON.stringify({ provider: "aws", name, accountId });
const accounts = ["--account", account("aws-mgmt", "111111111111"), "--account", account("aws-01", "222222222222")];
const world = ["--domain", "mylabs.dev", ...accounts];
const cli = Bun.env.AWS_CLI ?? Bun.which("aws") ?? join(projectRoot, ".tools/python/bin/aws");
const hasCli = existsSync(cli);
const kubectl = Bun.which("kubectl");

const sandbox = new TestSandbox();
let variables: Record<string, string> = {};

async function up(...more: readonly string[]): Promise<Record<string, string>> {
  const outcome = await sandbox.main("up", "--speed", "20", ...more);
  if (outcome.code !== 0) throw new Error(outcome.stderr);
  return JSON.parse(outcome.stdout).env;
}

const status = async () => JSON.parse((await sandbox.main("status")).stdout);
const keys = () => ({
  accessKeyId: variables.AWS_ACCESS_KEY_ID ?? "",
  secretAccessKey: variables.AWS_SECRET_ACCESS_KEY ?? "",
});
const options = () => ({
  region: "us-east-1",
  endpoint: variables.AWS_ENDPOINT_URL ?? "",
  credentials: keys(),
  maxAttempts: 1,
});
/** As a shell without profiles. */
const aws = (...args: readonly string[]) => {
  const { AWS_PROFILE: _, AWS_DEFAULT_PROFILE: __, ...rest } = { ...Bun.env, ...variables };
  return run([cli, ...args], rest);
};

beforeAll(async () => {
  variables = await up(...world);
});
afterAll(() => sandbox.remove());

test("there is no AWS, and nothing of it is loaded or set, unless somebody asks for accounts", async () => {
  const plain = new TestSandbox();
  try {
    const { stdout } = await plain.main("up");
    expect(Object.keys(JSON.parse(stdout).env)).toEqual(["PATH", "K8S_SANDBOX_STATE", "ARGOCD_MANIFEST"]);
    expect(existsSync(join(plain.state, "aws"))).toBe(false);
    expect((await plain.main("fault", "aws", "sts:*", "throttle")).code).not.toBe(0);
  } finally {
    await plain.remove();
  }
});

describe("up", () => {
  test("gives the variables that lead in, and empties those that lead out", async () => {
    expect(variables).toMatchObject({
      AWS_ACCESS_KEY_ID: "AKIA0000111111111111",
      AWS_SESSION_TOKEN: "",
      AWS_PROFILE: "",
      AWS_ROLE_ARN: "",
      AWS_WEB_IDENTITY_TOKEN_FILE: "",
      ACTIONS_ID_TOKEN_REQUEST_URL: "",
      AWS_ENDPOINT_URL_STS: "",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_REGION: "us-east-1",
      AWS_USER_ARN: "arn:aws:iam::111111111111:user/aws-cli",
    });
    expect(variables.AWS_ENDPOINT_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const client = new STS(options());
    expect(await client.getCallerIdentity()).toMatchObject({ Account: "111111111111", Arn: variables.AWS_USER_ARN });
    client.destroy();
  });

  test("gives them again without being told of the accounts again", async () => {
    expect(await up()).toEqual(variables);
  });

  test("writes one profile per account, for the owner's eyes only", () => {
    for (const file of [variables.AWS_CONFIG_FILE ?? "", variables.AWS_SHARED_CREDENTIALS_FILE ?? ""]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, "utf8")).toMatch(/\[(profile )?aws-mgmt\][^[]*\[(profile )?aws-01\]/);
    }
  });

  test("tells where the name servers of the domain are", () => {
    const directory = JSON.parse(readFileSync(variables.DNS_DIRECTORY ?? "", "utf8"));
    expect(Object.keys(directory.domains)).toEqual(["mylabs.dev"]);
    expect(directory.servers[directory.domains["mylabs.dev"][0]]).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("keeps the endpoint, also when it is called several times at once", async () => {
    const all = await Promise.all([up(...world), up(...world), up(...world)]);
    for (const { AWS_ENDPOINT_URL } of all) expect(AWS_ENDPOINT_URL).toBe(variables.AWS_ENDPOINT_URL ?? "");
  });

  test.each([
    ["aws-01", "provider and name"],
    [account("aws-01", "22"), "twelve digits"],
    [account("", "222222222222"), "letters, digits"],
  ])("refuses the account %s", async (text, problem) => {
    const outcome = await sandbox.main("up", "--account", text);
    expect(outcome.code).toBe(64);
    expect(outcome.stderr).toContain(problem);
  });
});

test("a fault meets the n-th call of AWS, and is forgotten on request", async () => {
  const client = new STS(options());
  const ask = () =>
    client.getCallerIdentity().then(
      () => "answered",
      ({ name }: Error) => name,
    );
  await sandbox.main("fault", "aws", "sts:GetCallerIdentity", "fail:ServiceUnavailable", "--nth", "2");
  expect([await ask(), await ask(), await ask()]).toEqual(["answered", "ServiceUnavailable", "answered"]);
  await sandbox.main("fault", "aws", "sts:*", "throttle");
  expect(await ask()).toBe("Throttling");
  expect((await status()).aws.faults).toHaveLength(2);
  await sandbox.main("fault", "--clear");
  expect(await ask()).toBe("answered");
  expect((await sandbox.main("fault", "aws", "sts", "throttle")).code).toBe(64);
  client.destroy();
});

test("a connection that is cut inside is cut outside", async () => {
  await sandbox.main("fault", "aws", "sts:GetCallerIdentity", "cut", "--once");
  const client = new STS(options());
  await expect(client.getCallerIdentity()).rejects.toThrow();
  expect((await client.getCallerIdentity()).Account).toBe("111111111111");
  client.destroy();
  await sandbox.main("fault", "--clear");
});

test("what AWS was asked is told, and forgotten on request", async () => {
  await sandbox.main("calls", "--clear");
  const client = new STS(options());
  await client.getCallerIdentity();
  client.destroy();
  const lines = (await sandbox.main("calls", "--clear")).stdout.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { service: "sts", action: "GetCallerIdentity", account: "111111111111", caller: variables.AWS_USER_ARN },
  ]);
  expect((await sandbox.main("calls")).stdout).toBe("");
});

describe("a cluster that a stack has made", () => {
  let endpoint = "";
  let ca = "";
  const client = () => new CloudFormation(options());

  async function call(path: string, init: BunFetchRequestInit = {}): Promise<Response> {
    const token = await makeToken({ cluster: "host", keys: keys() });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    return await fetch(`${endpoint}${path}`, { ...init, headers, tls: { ca } });
  }

  beforeAll(async () => {
    const cloudFormation = client();
    await cloudFormation.createStack({
      StackName: "host",
      TemplateBody: stackTemplate,
      Capabilities: ["CAPABILITY_IAM"],
    });
    endpoint = "";
    for (let deadline = Date.now() + 30_000; endpoint === ""; await Bun.sleep(50)) {
      const { Stacks: [stack] = [] } = await cloudFormation.describeStacks({ StackName: "host" });
      if (stack?.StackStatus !== "CREATE_COMPLETE" && stack?.StackStatus !== "CREATE_IN_PROGRESS") {
        throw new Error(`${stack?.StackStatus}: ${stack?.StackStatusReason}`);
      }
      if (Date.now() > deadline) throw new Error("the stack takes too long");
      const output = (key: string) => stack.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue ?? "";
      endpoint = output("Endpoint");
      ca = atob(output("Authority"));
    }
    cloudFormation.destroy();
  });

  test("is in the status, with its stack", async () => {
    const { aws: found } = await status();
    expect(found).toMatchObject({
      endpoint: variables.AWS_ENDPOINT_URL,
      clusters: [{ name: "host", account: "111111111111", region: "us-east-1", status: "ACTIVE", endpoint }],
      stacks: [{ name: "host", account: "111111111111", region: "us-east-1", status: "CREATE_COMPLETE" }],
    });
  });

  test("is the same at the same place after the daemon was killed", async () => {
    const body = JSON.stringify({ metadata: { name: "kept" } });
    expect((await call("/api/v1/namespaces", { method: "POST", body })).status).toBe(201);
    process.kill((await status()).pid, "SIGKILL");
    const again = await up(...world);
    expect(again.AWS_ENDPOINT_URL).toBe(variables.AWS_ENDPOINT_URL ?? "");
    expect((await call("/api/v1/namespaces/kept")).status).toBe(200);
    expect((await status()).aws.clusters).toMatchObject([{ name: "host", status: "ACTIVE", endpoint }]);
  });

  test.skipIf(!hasCli)("is described to the AWS CLI, whose token lets in", async () => {
    const described = await aws("eks", "describe-cluster", "--name", "host");
    expect(described.stderr).toBe("");
    expect(JSON.parse(described.stdout).cluster).toMatchObject({ name: "host", status: "ACTIVE", endpoint });
    const entries = await aws("eks", "list-access-entries", "--cluster-name", "host");
    expect(JSON.parse(entries.stdout).accessEntries).toContain(variables.AWS_USER_ARN ?? "");
    const described2 = await aws(
      "eks",
      "list-associated-access-policies",
      "--cluster-name",
      "host",
      "--principal-arn",
      variables.AWS_USER_ARN ?? "",
    );
    expect(JSON.parse(described2.stdout).associatedAccessPolicies).toHaveLength(1);
    const { stdout } = await aws("eks", "get-token", "--cluster-name", "host");
    const { token } = JSON.parse(stdout).status;
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${endpoint}/api/v1/nodes`, { headers, tls: { ca } })).status).toBe(200);
    const other = JSON.parse((await aws("eks", "get-token", "--cluster-name", "other")).stdout).status.token;
    const refused = await fetch(`${endpoint}/api/v1/nodes`, {
      headers: { authorization: `Bearer ${other}` },
      tls: { ca },
    });
    expect(refused.status).toBe(401);
  });

  test.skipIf(!hasCli || kubectl === null)("is used by kubectl with the AWS CLI's kubeconfig", async () => {
    const kubeconfig = join(sandbox.folder.path, "eks.yml");
    const made = await aws("eks", "update-kubeconfig", "--name", "host", "--kubeconfig", kubeconfig);
    expect(made.code).toBe(0);
    const { AWS_PROFILE: _, AWS_DEFAULT_PROFILE: __, ...rest } = { ...Bun.env, ...variables };
    const env = { ...rest, PATH: `${join(cli, "..")}:${Bun.env.PATH}` };
    const found = await run([kubectl ?? "", "--kubeconfig", kubeconfig, "get", "namespaces", "-o", "name"], env);
    expect(found.stderr).toBe("");
    expect(found.stdout).toContain("namespace/kube-system");
  });
});

const stackTemplate = `
Resources:
  Network: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  First:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a }
  Second:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { Service: eks.amazonaws.com }, Action: "sts:AssumeRole" }]
  Cluster:
    Type: AWS::EKS::Cluster
    Properties:
      Name: host
      RoleArn: !GetAtt Role.Arn
      AccessConfig: { AuthenticationMode: API, BootstrapClusterCreatorAdminPermissions: true }
      ResourcesVpcConfig: { SubnetIds: [!Ref First, !Ref Second] }
Outputs:
  Endpoint: { Value: !GetAtt Cluster.Endpoint }
  Authority: { Value: !GetAtt Cluster.CertificateAuthorityData }
`;

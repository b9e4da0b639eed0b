import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { awsCli, runProgram } from "#tests/support/aws-cli.ts";
import { type CliFleet, fleetOf, openCliFleet } from "#tests/support/aws-cli-fleet.ts";

/** These start dozens of programs, maybe on a busy machine. */
setDefaultTimeout(120_000);
const kubectl = Bun.which("kubectl") ?? "";
if (awsCli.path === undefined) process.stdout.write(`clusters are not judged by the AWS CLI: ${awsCli.whyNot}\n`);
else if (kubectl === "") process.stdout.write("clusters of AWS are not judged by kubectl: it is not installed here\n");

const domain = "k01.k8s.aws.mylabs.dev";
const name = "k01-k8s-aws-mylabs-dev";
const arn = `arn:aws:eks:us-east-1:222222222222:cluster/${name}`;

describe.skipIf(awsCli.path === undefined)("the AWS CLI on a fleet in the sandbox", () => {
  let place: CliFleet;
  beforeAll(async () => {
    place = await openCliFleet(fleetOf("k01"));
  });
  afterAll(async () => await place.close());

  const ask: CliFleet["cli"]["json"] = (profile, ...args) => place.cli.json(profile, ...args);

  test("knows who is behind each profile, through two roles too", async () => {
    const profiles = ["aws-mgmt", "aws-01", "leader", "aws-01-clusters"];
    const identities = await Promise.all(
      profiles.map((profile) => ask<{ readonly Arn: string }>(profile, "sts", "get-caller-identity")),
    );
    expect(identities.map(({ Arn }) => Arn.replace(/botocore-session-\d+$/, "…"))).toEqual([
      "arn:aws:iam::111111111111:user/aws-cli",
      "arn:aws:iam::222222222222:user/aws-cli",
      "arn:aws:sts::111111111111:assumed-role/aws-mgmt-iam-role/…",
      "arn:aws:sts::222222222222:assumed-role/aws-01-iam-role/…",
    ]);
  });

  test("reads roles and GitHub's identity provider as they were made", async () => {
    const provider = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com";
    const [{ Role: leader }, { Role: clusters }, providers, github] = await Promise.all([
      ask<{ readonly Role: object }>("aws-mgmt", "iam", "get-role", "--role-name=aws-mgmt-iam-role"),
      ask<{ readonly Role: object }>("aws-01", "iam", "get-role", "--role-name=aws-01-iam-role"),
      ask("aws-mgmt", "iam", "list-open-id-connect-providers"),
      ask("aws-mgmt", "iam", "get-open-id-connect-provider", `--open-id-connect-provider-arn=${provider}`),
    ]);
    expect(providers).toEqual({ OpenIDConnectProviderList: [{ Arn: provider }] });
    expect(github).toMatchObject({
      Url: "token.actions.githubusercontent.com",
      ClientIDList: ["sts.amazonaws.com"],
    });
    const trustOf = (principal: object) => ({
      AssumeRolePolicyDocument: {
        Statement: expect.arrayContaining([expect.objectContaining({ Principal: principal })]),
      },
    });
    expect(leader).toMatchObject({ MaxSessionDuration: 3600, ...trustOf({ Federated: provider }) });
    expect(clusters).toMatchObject(trustOf({ AWS: "arn:aws:iam::111111111111:role/aws-mgmt-iam-role" }));
  });

  test("lists zones, and the delegation from one account's zone to the other's", async () => {
    interface Zones {
      readonly HostedZones: readonly { readonly Id: string; readonly Name: string }[];
    }
    const [above, below] = await Promise.all([
      ask<Zones>("aws-mgmt", "route53", "list-hosted-zones"),
      ask<Zones>("aws-01", "route53", "list-hosted-zones"),
    ]);
    // They come in the order of their ids.
    const namesOf = ({ HostedZones }: Zones) => HostedZones.map(({ Name }) => Name).sort();
    expect(namesOf(above)).toEqual(["aws.mylabs.dev.", "k8s.aws.mylabs.dev."]);
    expect(namesOf(below)).toEqual([`${domain}.`]);
    const parent = above.HostedZones.find(({ Name }) => Name === "k8s.aws.mylabs.dev.");
    const [{ ResourceRecordSets: records }, { DelegationSet: servers }] = await Promise.all([
      ask<{ readonly ResourceRecordSets: readonly object[] }>(
        "leader",
        "route53",
        "list-resource-record-sets",
        `--hosted-zone-id=${parent?.Id}`,
      ),
      ask<{ readonly DelegationSet: { readonly NameServers: readonly string[] } }>(
        "aws-01-clusters",
        "route53",
        "get-hosted-zone",
        `--id=${below.HostedZones[0]?.Id}`,
      ),
    ]);
    const delegation = records.find((record) => "Name" in record && record.Name === `${domain}.`);
    expect(delegation).toMatchObject({
      Type: "NS",
      ResourceRecords: expect.arrayContaining(servers.NameServers.map((Value) => ({ Value }))),
    });
  });

  test("describes the cluster as its stack tells of it", async () => {
    const [{ clusters }, { cluster }, { Stacks }] = await Promise.all([
      ask<{ readonly clusters: readonly string[] }>("aws-01", "eks", "list-clusters"),
      ask<{
        readonly cluster: { readonly endpoint: string; readonly certificateAuthority: { readonly data: string } };
      }>("aws-01-clusters", "eks", "describe-cluster", `--name=${name}`),
      ask<{ readonly Stacks: readonly { readonly Outputs: readonly object[] }[] }>(
        "aws-01",
        "cloudformation",
        "describe-stacks",
        `--stack-name=${name}-eks`,
      ),
    ]);
    expect(clusters).toEqual([name]);
    expect(cluster).toMatchObject({
      arn,
      status: "ACTIVE",
      version: "1.36",
      accessConfig: { authenticationMode: "API" },
    });
    const told = { ClusterEndpoint: cluster.endpoint, CertificateAuthorityData: cluster.certificateAuthority.data };
    for (const [OutputKey, OutputValue] of Object.entries({ ClusterName: name, ClusterArn: arn, ...told })) {
      expect(Stacks[0]?.Outputs).toContainEqual(expect.objectContaining({ OutputKey, OutputValue }));
    }
  });

  describe.skipIf(kubectl === "")("and kubectl", () => {
    async function control(kubeconfig: string, args: readonly string[], stdin = "") {
      return await runProgram([kubectl, "--kubeconfig", kubeconfig, ...args], place.cli.env, stdin);
    }

    /** A kubeconfig as AWS writes it. */
    async function updateKubeconfig(profile: string): Promise<string> {
      const file = join(place.aws.folder, `kubeconfig-${profile}`);
      const { code, text } = await place.cli.run(
        profile,
        "eks",
        "update-kubeconfig",
        `--name=${name}`,
        `--kubeconfig=${file}`,
      );
      expect({ code, text }).toEqual({ code: 0, text: `Added new context ${arn} to ${file}\n` });
      return file;
    }

    test("get in by a kubeconfig of the CLI's, as the role that the cluster lets in", async () => {
      const kubeconfig = await updateKubeconfig("aws-01-clusters");
      const nodes = await control(kubeconfig, ["get", "nodes", "-o", "name"]);
      expect(nodes).toEqual({
        code: 0,
        text: nodes.stdout,
        stdout: expect.stringMatching(/^(node\/i-[0-9a-f]{17}\n)+$/),
      });
    });

    test("are refused as the account's own administrator, whom the cluster doesn't know", async () => {
      const { code, text } = await control(await updateKubeconfig("aws-01"), ["get", "nodes"]);
      expect([code, text]).toEqual([1, expect.stringContaining("You must be logged in to the server")]);
    });

    test("get nowhere with a token for another cluster", async () => {
      const [token, { cluster }] = await Promise.all([
        ask<{ readonly kind: string; readonly status: { readonly token: string } }>(
          "aws-01-clusters",
          "eks",
          "get-token",
          "--cluster-name=another",
        ),
        ask<{ readonly cluster: { readonly endpoint: string } }>("aws-01", "eks", "describe-cluster", `--name=${name}`),
      ]);
      const get = async (wanted: string) =>
        await fetch(`${cluster.endpoint}/api/v1/nodes`, {
          headers: { authorization: `Bearer ${wanted}` },
          tls: { rejectUnauthorized: false },
        });
      expect(token.kind).toBe("ExecCredential");
      expect((await get(token.status.token)).status).toBe(401);
      const own = await ask<typeof token>("aws-01-clusters", "eks", "get-token", `--cluster-name=${name}`);
      expect((await get(own.status.token)).status).toBe(200);
    });

    test("work with the kubeconfig that our task wrote", async () => {
      const kubeconfig = join(place.aws.folder, `.sandbox/.kubeconfigs/kubeconfig_${domain}.yml`);
      const nodes = await control(kubeconfig, ["get", "nodes"]);
      expect(nodes.text).toMatch(
        /^NAME +STATUS +ROLES +AGE +VERSION\n(i-[0-9a-f]{17} +Ready +<none> .* v1\.36\.\d+-eks-\w+\n)+$/,
      );
      const applications = await control(kubeconfig, ["get", "applications", "-A", "--no-headers"]);
      expect(
        applications.stdout.split("\n").filter((line) => /^argocd +[a-z-]+ +Synced +Healthy$/.test(line.trim())).length,
      ).toBe(6);
      const manifest = `
apiVersion: v1
kind: ConfigMap
metadata: { name: made-by-hand, namespace: default }
data: { by: kubectl }
`;
      const applied = await control(kubeconfig, ["apply", "--server-side", "-f", "-"], manifest);
      expect(applied).toMatchObject({ code: 0, text: "configmap/made-by-hand serverside-applied\n" });
      const wrong = await control(kubeconfig, ["apply", "--server-side", "-f", "-"], `${manifest}dat: {}\n`);
      expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining(".dat: field not declared in schema") });
      expect(await control(kubeconfig, ["delete", "configmap", "made-by-hand"])).toMatchObject({ code: 0 });
    });
  });
});

import { beforeEach, describe, expect, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { type OidcProviderState, oidcProvider } from "#lib/aws/iam/oidc-provider.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { awsError, type Failures, fakeClient } from "#tests/support/aws-error.ts";
import { type AwsWorldOptions, awsWorld } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const account: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test" };
const arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
const provider = oidcProvider({
  id: "aws/aws-mgmt/oidc-provider",
  title: "aws-mgmt: OIDC provider of GitHub",
  row: { kind: "account", name: "aws-mgmt", group: "aws" },
  account,
  needs: [],
  tags,
  roles: ["aws-mgmt-iam-role"],
});

interface Tag {
  readonly Key: string;
  readonly Value: string;
}
interface Provider {
  readonly Url: string;
  readonly ClientIDList: string[];
  readonly Tags: readonly Tag[];
}
const list = (of: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(of).map(([Key, Value]) => ({ Key, Value }));

let providers: Map<string, Provider>;
let roles: { readonly RoleName: string; readonly AssumeRolePolicyDocument: string }[];
let calls: string[];
let failures: Failures;
let iam: IAM;

beforeEach(() => {
  [providers, roles, calls, failures] = [new Map(), [], [], new Map()];
  const find = ({ OpenIDConnectProviderArn: id }: { readonly OpenIDConnectProviderArn: string }): Provider => {
    const found = providers.get(id);
    if (found === undefined)
      throw awsError("NoSuchEntityException", `OpenIDConnect Provider not found for arn ${id}`, 404);
    return found;
  };
  iam = fakeClient<IAM>(
    {
      getOpenIDConnectProvider: find,
      createOpenIDConnectProvider(input: Provider) {
        const id = `arn:aws:iam::123456789012:oidc-provider/${input.Url.replace("https://", "")}`;
        if (providers.has(id)) throw awsError("EntityAlreadyExistsException", "Provider with url already exists", 409);
        expect(Object.keys(input).sort()).toEqual(["ClientIDList", "Tags", "Url"]);
        providers.set(id, input);
        return { OpenIDConnectProviderArn: id };
      },
      addClientIDToOpenIDConnectProvider(input: { OpenIDConnectProviderArn: string; ClientID: string }) {
        find(input).ClientIDList.push(input.ClientID);
        return {};
      },
      deleteOpenIDConnectProvider(input: { OpenIDConnectProviderArn: string }) {
        find(input);
        providers.delete(input.OpenIDConnectProviderArn);
        return {};
      },
      /** One role on each page. */
      listRoles({ Marker = "0" }: { readonly Marker?: string }) {
        const next = Number(Marker) + 1;
        return { Roles: roles.slice(next - 1, next), IsTruncated: next < roles.length, Marker: String(next) };
      },
    },
    calls,
    failures,
  );
});

const worldOf = (flags: AwsWorldOptions = {}) =>
  awsWorld({
    ...flags,
    iam(who) {
      expect(who).toBe("aws-mgmt administrator");
      return iam;
    },
  });
const observe = async (flags: AwsWorldOptions = {}): Promise<Observed<OidcProviderState>> => {
  const { world, outputs } = worldOf(flags);
  return await provider.observe(world, outputs);
};
const ensure = async () => {
  const { world, outputs } = worldOf();
  return await provider.ensure(world, await provider.observe(world, outputs), outputs);
};
const remove = async (flags: AwsWorldOptions = {}) => {
  const { world, outputs } = worldOf(flags);
  return await provider.remove(world, await provider.observe(world, outputs), outputs);
};
const changes = async () => {
  const observed = await observe();
  return observed.kind === "present" ? provider.diff(observed.state, worldOf().outputs) : observed.kind;
};
const add = (given: Partial<Provider> = {}): Provider => {
  const made = { Url: "token.actions.githubusercontent.com", ClientIDList: ["sts.amazonaws.com"], Tags: [], ...given };
  providers.set(arn, made);
  return made;
};
const trust = (name: string, principal: unknown): void => {
  const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: principal }] };
  roles.push({ RoleName: name, AssumeRolePolicyDocument: encodeURIComponent(JSON.stringify(document)) });
};

describe("GitHub's identity provider", () => {
  test("is made with our tags and no thumbprints when it is absent", async () => {
    expect(await observe()).toEqual({ kind: "absent" });
    const state = await ensure();
    expect(state).toEqual({ arn, ours: true, audiences: ["sts.amazonaws.com"], seen: true });
    expect(providers.get(arn)).toEqual({
      Url: "https://token.actions.githubusercontent.com",
      ClientIDList: ["sts.amazonaws.com"],
      Tags: list(tags),
    });
    expect(await observe()).toEqual({ kind: "present", state });
    expect(await changes()).toEqual([]);
  });

  test("is in the partition of the account", async () => {
    const state = await observe({ partition: "aws-cn" });
    expect(state).toEqual({ kind: "absent" });
    const seen = await observe({ partition: "aws-cn", withoutAdministrator: ["aws-mgmt"] });
    expect(seen).toMatchObject({ state: { arn: arn.replace("arn:aws:", "arn:aws-cn:") } });
  });

  test("that others made is used as it is", async () => {
    add({ Tags: list({ ...tags, fleet: "example.org" }) });
    const observed = await observe();
    expect(observed).toMatchObject({ kind: "present", state: { ours: false } });
    expect(await changes()).toEqual([]);
    expect(observed.kind === "present" && provider.health(observed.state).summary).toBe("exists, created by others");
  });

  test("gets the audience that it lacks, and keeps the others", async () => {
    add({ ClientIDList: ["https://github.com/example"] });
    expect(await changes()).toEqual([
      {
        field: "audiences",
        from: ["https://github.com/example"],
        to: ["https://github.com/example", "sts.amazonaws.com"],
        effect: "in-place",
      },
    ]);
    expect((await ensure()).audiences).toEqual(["https://github.com/example", "sts.amazonaws.com"]);
    expect(await changes()).toEqual([]);
  });

  test("that another run makes in the same moment is taken", async () => {
    const { world, outputs } = worldOf();
    add({ ClientIDList: [] });
    expect(await provider.ensure(world, { kind: "absent" }, outputs)).toEqual({
      arn,
      ours: false,
      audiences: ["sts.amazonaws.com"],
      seen: true,
    });
  });

  test("is taken for there where nobody may look, and never taken away from there", async () => {
    const flags = { withoutAdministrator: ["aws-mgmt"] };
    expect(await observe(flags)).toMatchObject({ kind: "present", state: { arn, ours: false, seen: false } });
    expect(await remove(flags)).toEqual({ kind: "kept", why: "no administrator credentials for aws-mgmt" });
    expect(calls).toEqual([]);
  });

  test("tells what IAM doesn't allow", async () => {
    failures.set("getOpenIDConnectProvider", [awsError("AccessDenied", "not for you", 403)]);
    expect((await failureOf(observe())).code).toBe("AwsDenied");
  });
});

describe("its removal", () => {
  beforeEach(() => void add({ Tags: list(tags) }));

  test("takes away what this fleet made, when only its own roles trust it", async () => {
    trust("aws-mgmt-iam-role", { Federated: arn });
    trust("lambda", { Service: "lambda.amazonaws.com" });
    trust("anybody", "*");
    trust("gitlab", { Federated: "arn:aws:iam::123456789012:oidc-provider/gitlab.com" });
    expect(await remove()).toEqual({ kind: "removed" });
    expect(providers.size).toBe(0);
  });

  test("leaves it to other roles that trust it, on whatever page", async () => {
    trust("lambda", { Service: "lambda.amazonaws.com" });
    trust("deploy", { Federated: ["cognito-identity.amazonaws.com", arn] });
    trust("build", { Federated: arn });
    expect(await remove()).toEqual({ kind: "kept", why: "other roles trust it: build, deploy" });
    expect(providers.size).toBe(1);
  });

  test("leaves it when a role's trust can't be read", async () => {
    roles.push({ RoleName: "odd", AssumeRolePolicyDocument: "%7Bnot json" });
    expect(await remove()).toEqual({ kind: "kept", why: "other roles trust it: odd" });
  });

  test("leaves what others made", async () => {
    add();
    expect(await remove()).toEqual({ kind: "kept", why: "this fleet did not make it" });
    expect(calls).not.toContain("deleteOpenIDConnectProvider");
  });

  test("is over when it is gone already, or goes meanwhile", async () => {
    failures.set("deleteOpenIDConnectProvider", [awsError("NoSuchEntityException", "gone", 404)]);
    expect(await remove()).toEqual({ kind: "removed" });
    providers.clear();
    expect(await remove()).toEqual({ kind: "removed" });
  });
});

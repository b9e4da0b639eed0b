import { describe, expect, test } from "bun:test";
import { parseOptions } from "#lib/cli/options.ts";
import { commandSpec, type Preset } from "#lib/task.ts";

const everywhere = ["sandbox", "fleet", "json", "verbose"];
const gitops = ["no-gitops", "revision", "argocd-manifest"];
const choosing = ["account", "provider", "target"];
const inCloud = ["account", "target"];
const local: Preset = { providers: ["kind"], place: "computer" };
const cloud: Preset = { providers: ["aws"], place: "cloud" };
const tenants: Preset = { accounts: { provider: "aws", of: "tenants" }, place: "cloud" };
const management: Preset = { accounts: { provider: "aws", of: "management" }, place: "cloud" };

/** Every option has an effect in its task. */
const cases: readonly (readonly [
  what: string,
  verb: "create" | "delete",
  preset: Preset,
  options: readonly string[],
])[] = [
  [
    "create-all",
    "create",
    {},
    ["dry-run", "jobs", "retain", "adopt", "allow-replacement", "skip-dns-check", ...gitops, "no-wait", ...choosing],
  ],
  [
    "create-kind-all",
    "create",
    local,
    ["dry-run", "jobs", "retain", "adopt", "allow-replacement", ...gitops, "no-wait", "target"],
  ],
  [
    "create-eks-all",
    "create",
    cloud,
    ["dry-run", "jobs", "retain", "adopt", "allow-replacement", "skip-dns-check", ...gitops, "no-wait", ...inCloud],
  ],
  [
    "create:kind:kind01-internal",
    "create",
    { cluster: "kind01.internal", ...local },
    ["dry-run", "retain", "adopt", "allow-replacement", ...gitops, "no-wait"],
  ],
  [
    "create:eks:k01",
    "create",
    { cluster: "k01.k8s.aws.mylabs.dev", ...cloud },
    ["dry-run", "retain", "adopt", "allow-replacement", "skip-dns-check", ...gitops, "no-wait"],
  ],
  ["create:aws-tenant:cf-iam-role", "create", tenants, ["dry-run", "retain", "adopt", "allow-replacement"]],
  ["delete-all", "delete", {}, ["dry-run", "yes", "orphans", "jobs", "adopt", "skip-dns-wait", ...choosing]],
  ["delete-kind-all", "delete", local, ["dry-run", "yes", "orphans", "jobs", "adopt", "target"]],
  ["delete:kind:kind01-internal", "delete", { cluster: "kind01.internal", ...local }, ["dry-run", "yes", "adopt"]],
  [
    "delete:eks:k01",
    "delete",
    { cluster: "k01.k8s.aws.mylabs.dev", ...cloud },
    ["dry-run", "yes", "adopt", "skip-dns-wait"],
  ],
  ["delete:aws-mgmt", "delete", management, ["dry-run", "yes", "adopt"]],
];

describe("a task offers the options that have an effect in it, and no others", () => {
  test.each(cases)("%s", (_what, verb, preset, options) => {
    const spec = commandSpec({ name: verb }, preset);
    expect(spec.options.map(({ name }) => name).sort()).toEqual([...options, ...everywhere].sort());
  });

  test("any other is refused", () => {
    const spec = commandSpec({ name: "create" }, { cluster: "kind01.internal", ...local });
    expect(() => parseOptions(spec, ["--skip-dns-check"])).toThrow("unknown option --skip-dns-check");
  });

  test.each([
    ["retain", local, /containers/, /stack/],
    ["retain", cloud, /stack/, /containers/],
    ["adopt", local, /cluster/, /zones|stacks/],
    ["adopt", cloud, /zones, records and stacks/, /cluster/],
    ["adopt", tenants, /zones and stacks/, /cluster/],
    ["jobs", local, /this computer/, /cloud/],
    ["jobs", cloud, /32/, /computer/],
  ] as const)("--%s is described for what the task is about: %o", (name, preset, says, silent) => {
    const help = commandSpec({ name: "create" }, preset).options.find((one) => one.name === name)?.help ?? "";
    expect(help).toMatch(says);
    expect(help).not.toMatch(silent);
  });
});

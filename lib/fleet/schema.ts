import { z } from "zod";
import type { Fault } from "#lib/fleet/fault.ts";
import { knownKeys } from "#lib/fleet/keys.ts";
import type {
  AksCluster,
  ApplicationSwitch,
  AwsAccount,
  AzureAccount,
  CloudZones,
  EksCluster,
  Fleet,
  GcpAccount,
  GitHubTrust,
  GitOps,
  GkeCluster,
  K3dCluster,
  KindCluster,
  Where,
} from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

/** Any text, typed as what the checks make sure of: they explain a wrong name better than a pattern does. */
function textAs<Text extends string>(): z.ZodType<Text> {
  return z.string() as unknown as z.ZodType<Text>;
}

const role = z.enum(["management", "tenant"]);

const accounts = z.discriminatedUnion("provider", [
  z.strictObject({
    provider: z.literal("aws"),
    name: z.string(),
    role,
    accountId: z.string(),
    iamRole: z.string().exactOptional(),
  }) satisfies z.ZodType<AwsAccount>,
  z.strictObject({
    provider: z.literal("azure"),
    name: z.string(),
    role,
    subscriptionId: z.string(),
    tenantId: z.string(),
  }) satisfies z.ZodType<AzureAccount>,
  z.strictObject({
    provider: z.literal("gcp"),
    name: z.string(),
    role,
    projectId: z.string(),
  }) satisfies z.ZodType<GcpAccount>,
]);

const zones = z.strictObject({
  provider: z.enum(["aws", "azure", "gcp"]),
  primary: z.string(),
  clusters: z.string(),
}) satisfies z.ZodType<CloudZones>;

const common = {
  kubernetes: textAs<`${number}.${number}`>().exactOptional(),
  environment: z.string().exactOptional(),
  mesh: z.string().exactOptional(),
  podCidr: z.string().exactOptional(),
  serviceCidr: z.string().exactOptional(),
  argocd: z.enum(["standard", "high-availability", "none"]).exactOptional(),
};

const inCloud = { ...common, account: z.string(), region: z.string() };

const local = {
  ...common,
  name: textAs<`${string}.internal`>(),
  apiPort: z.number(),
  workers: z.number().exactOptional(),
  image: z.string().exactOptional(),
};

const clusters = z.discriminatedUnion("provider", [
  z.strictObject({
    ...inCloud,
    provider: z.literal("aws"),
    name: textAs<EksCluster["name"]>(),
    publicAccessCidrs: z.array(z.string()).readonly(),
    nodes: z
      .union([z.literal("auto"), z.strictObject({ instanceType: z.string(), count: z.number() })])
      .exactOptional(),
  }) satisfies z.ZodType<EksCluster>,
  z.strictObject({
    ...inCloud,
    provider: z.literal("azure"),
    name: textAs<AksCluster["name"]>(),
  }) satisfies z.ZodType<AksCluster>,
  z.strictObject({
    ...inCloud,
    provider: z.literal("gcp"),
    name: textAs<GkeCluster["name"]>(),
  }) satisfies z.ZodType<GkeCluster>,
  z.strictObject({ ...local, provider: z.literal("kind") }) satisfies z.ZodType<KindCluster>,
  z.strictObject({ ...local, provider: z.literal("k3d") }) satisfies z.ZodType<K3dCluster>,
]);

const where = z.strictObject({
  providers: z
    .array(z.enum(["aws", "azure", "gcp", "kind", "k3d"]))
    .readonly()
    .exactOptional(),
  environments: z.array(z.string()).readonly().exactOptional(),
  clusters: z.array(z.string()).readonly().exactOptional(),
}) satisfies z.ZodType<Where>;

const applicationSwitch = z.strictObject({
  name: z.string(),
  on: z.array(where).readonly(),
  off: z.array(where).readonly().exactOptional(),
}) satisfies z.ZodType<ApplicationSwitch>;

const gitops = z.strictObject({
  repository: z.string(),
  revision: z.string().exactOptional(),
  path: z.string().exactOptional(),
  local: z.enum(["checkout", "repository"]).exactOptional(),
  port: z.number().exactOptional(),
  applications: z.array(applicationSwitch).readonly(),
}) satisfies z.ZodType<GitOps>;

const github = z.strictObject({
  repository: z.string(),
  repositoryId: z.string(),
  ownerId: z.string(),
  claims: z.array(z.string()).readonly(),
  readClaims: z.array(z.string()).readonly().exactOptional(),
}) satisfies z.ZodType<GitHubTrust>;

/** A fleet that comes from outside: closed, so that a misspelt key is a fault and not silence. */
export const fleetSchema = z.strictObject({
  domain: z.string(),
  zones: z.array(zones).readonly(),
  accounts: z.array(accounts).readonly(),
  clusters: z.array(clusters).readonly(),
  gitops: gitops.exactOptional(),
  github: github.exactOptional(),
}) satisfies z.ZodType<Fleet>;

/** The other way round: a field that the types gain and the schema lacks doesn't compile. */
type Keys<Entry> = Entry extends unknown ? [Entry extends { provider: infer Name } ? Name : never, keyof Entry] : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Read = z.infer<typeof fleetSchema>;
true satisfies Same<keyof Fleet, keyof Read>;
true satisfies Same<Keys<Fleet["zones"][number]>, Keys<Read["zones"][number]>>;
true satisfies Same<Keys<Fleet["accounts"][number]>, Keys<Read["accounts"][number]>>;
true satisfies Same<Keys<Fleet["clusters"][number]>, Keys<Read["clusters"][number]>>;
true satisfies Same<keyof GitOps, keyof NonNullable<Read["gitops"]>>;
true satisfies Same<keyof GitHubTrust, keyof NonNullable<Read["github"]>>;
true satisfies Same<keyof ApplicationSwitch, keyof NonNullable<Read["gitops"]>["applications"][number]>;
true satisfies Same<keyof Where, keyof NonNullable<Read["gitops"]>["applications"][number]["on"][number]>;
true satisfies Fleet extends Read ? true : false;

export type FleetReading =
  | { readonly kind: "fleet"; readonly fleet: Fleet }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** Reads data from outside as a fleet, or says what is wrong with its shape, one fault per place. */
export function readFleet(data: unknown): FleetReading {
  const result = fleetSchema.safeParse(data);
  if (result.success) return { kind: "fleet", fleet: result.data };
  return { kind: "faults", faults: result.error.issues.flatMap((issue) => explain(issue, data)) };
}

function explain(issue: z.core.$ZodIssue, data: unknown): readonly Fault[] {
  const value = valueAt(data, issue.path);
  const got = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  switch (issue.code) {
    case "invalid_type":
      return [
        fault(
          issue.path,
          `expected ${withoutArticle(issue.expected)}, got ${shorten(got)}`,
          "put in a value of that type",
        ),
      ];
    case "invalid_value":
      return [choice(issue.path, issue.values.map(String), value)];
    case "invalid_union":
      return [choice(issue.path, "options" in issue ? (issue.options ?? []).map(String) : [], value)];
    case "unrecognized_keys": {
      const known = knownKeys(issue.path, value);
      return issue.keys.map((key) =>
        fault(issue.path, `unknown key "${key}"`, `${formatGuess(key, known)}keys are ${known.join(", ")}`),
      );
    }
    default:
      return [
        fault(issue.path, `${issue.message.toLowerCase()}, got ${shorten(got)}`, "see lib/fleet/types.ts for its form"),
      ];
  }
}

function choice(path: readonly PropertyKey[], options: readonly string[], value: unknown): Fault {
  const got = value === undefined ? "nothing" : JSON.stringify(value);
  return fault(
    path,
    `expected ${options.map((option) => `"${option}"`).join(" or ")}, got ${got}`,
    `${typeof value === "string" ? formatGuess(value, options) : ""}use one of these`,
  );
}

function fault(path: readonly PropertyKey[], message: string, hint: string): Fault {
  return { code: "InvalidShape", where: formatPath(path), message, hint };
}

/** `clusters[3].apiPort`; `fleet` for the whole. */
function formatPath(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text === "" ? "fleet" : text.replace(/^\./, "");
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) ? Reflect.get(value, key) : undefined), data);
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function withoutArticle(expected: string): string {
  return expected === "array" ? "list" : expected;
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

import { z } from "zod";
import type { Fault } from "#lib/fleet/fault.ts";
import { knownKeys } from "#lib/fleet/keys.ts";
import type { EntrySchema, Providers } from "#lib/fleet/provider.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

const where = (names: readonly string[]) =>
  z.strictObject({
    providers: z.array(z.enum(names)).readonly().exactOptional(),
    environments: z.array(z.string()).readonly().exactOptional(),
    clusters: z.array(z.string()).readonly().exactOptional(),
  });

const gitops = (names: readonly string[]) =>
  z.strictObject({
    repository: z.string(),
    revision: z.string().exactOptional(),
    path: z.string().exactOptional(),
    local: z.enum(["checkout", "repository"]).exactOptional(),
    port: z.number().exactOptional(),
    applications: z
      .array(
        z.strictObject({
          name: z.string(),
          on: z.array(where(names)).readonly(),
          off: z.array(where(names)).readonly().exactOptional(),
        }),
      )
      .readonly(),
  });

const github = z.strictObject({
  repository: z.string(),
  repositoryId: z.string(),
  ownerId: z.string(),
  claims: z.array(z.string()).readonly(),
  readClaims: z.array(z.string()).readonly().exactOptional(),
}) satisfies z.ZodType<GitHubTrust>;

/** The schema of external fleets: closed, so that a misspelt key is reported. */
async function fleetSchema(providers: Providers) {
  const all = [...providers.values()];
  const schemas = await Promise.all(all.map((provider) => provider.schema()));
  const clouds = all.filter(({ place }) => place === "cloud").map(({ name }) => name as string);
  return z.strictObject({
    domain: z.string(),
    zones: z.array(z.strictObject({ provider: z.enum(clouds), primary: z.string(), clusters: z.string() })).readonly(),
    accounts: z.array(oneOf(schemas.flatMap(({ account }) => account ?? []))).readonly(),
    clusters: z.array(oneOf(schemas.map(({ cluster }) => cluster))).readonly(),
    gitops: gitops(all.map(({ name }) => name)).exactOptional(),
    github: github.exactOptional(),
  });
}

function oneOf(schemas: readonly EntrySchema["cluster"][]) {
  return z.discriminatedUnion("provider", [...schemas] as [EntrySchema["cluster"]]);
}

export type FleetReading =
  | { readonly kind: "fleet"; readonly fleet: Fleet }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** Parses external data as a fleet, or reports the faults of its shape, one per place. */
export async function readFleet(data: unknown, providers: Providers): Promise<FleetReading> {
  const result = (await fleetSchema(providers)).safeParse(data);
  // Each provider's schema is checked against its types where it is defined.
  if (result.success) return { kind: "fleet", fleet: result.data as unknown as Fleet };
  return { kind: "faults", faults: result.error.issues.flatMap((issue) => explain(issue, data, providers)) };
}

function explain(issue: z.core.$ZodIssue, data: unknown, providers: Providers): readonly Fault[] {
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
      const known = knownKeys(issue.path, value, providers);
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

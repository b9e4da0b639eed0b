/** Role ids that an assignment with a condition may hand out and take away. */
export interface Condition {
  readonly write: readonly string[] | undefined;
  readonly delete: readonly string[] | undefined;
}

/** One half of what Azure's portal writes to constrain roles. */
const clause =
  /\(\(!\(ActionMatches\{'Microsoft\.Authorization\/roleAssignments\/(write|delete)'\}\)\)OR\(@(Request|Resource)\[Microsoft\.Authorization\/roleAssignments:RoleDefinitionId\]ForAnyOfAnyValues:GuidEquals\{([0-9a-f,-]+)\}\)\)/gi;

/**
 * Reads the condition that constrains the roles of assignments: https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
 *
 * @returns undefined for any other condition
 */
export function tryParseCondition(text: string): Condition | undefined {
  const compact = text.replaceAll(/\s+/g, "");
  const found = [...compact.matchAll(clause)].map(([, verb = "", source = "", ids = ""]) => ({
    verb: verb.toLowerCase(),
    source: source.toLowerCase(),
    ids: ids.toLowerCase().split(","),
  }));
  if (!/^~(AND~)?$/.test(compact.replaceAll(clause, "~"))) return undefined;
  // A new assignment is in the request, an old one is the resource.
  const isSound = found.every(({ verb, source }) => source === (verb === "write" ? "request" : "resource"));
  const idsOf = (verb: string) => found.find((one) => one.verb === verb)?.ids;
  return isSound ? { write: idsOf("write"), delete: idsOf("delete") } : undefined;
}

import known from "#sandbox/azure/authorization/known-actions.json";

/** Actions of the emulated types, from the documentation of resource provider operations. */
const knownActions = Object.entries(known).flatMap(([type, verbs]) => verbs.map((verb) => `${type}/${verb}`));

/** Whether an action of a role, which may hold `*`, means one that exists. */
export function isKnownAction(pattern: string): boolean {
  return knownActions.some((action) => matchesAction(pattern, action));
}

export function matchesAction(pattern: string, action: string): boolean {
  const source = pattern.replaceAll(/[\\^$.+?()[\]{}|]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${source}$`, "i").test(action);
}

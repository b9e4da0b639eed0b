import type { JsonObject } from "#sandbox/json.ts";
import { listAt, stringAt } from "#sandbox/json.ts";
import { timestamp } from "#sandbox/kubernetes/store.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

export function conditionStatus(object: unknown, type: string): string {
  const found = listAt(object, "status", "conditions").find((item) => stringAt(item, "type") === type);
  return stringAt(found, "status");
}

/** The conditions of a status with some set. The time of transition moves only when the status does. */
export function withConditions(
  status: JsonObject,
  conditions: readonly Condition[],
  beat?: "lastHeartbeatTime" | "lastUpdateTime",
): JsonObject {
  const now = timestamp();
  const previous = listAt(status, "conditions");
  const kept = previous.filter((item) => !conditions.some(({ type }) => type === stringAt(item, "type")));
  const set = conditions.map((condition) => {
    const before = previous.find((item) => stringAt(item, "type") === condition.type);
    const moved = stringAt(before, "status") !== condition.status;
    return {
      ...condition,
      ...(beat === undefined ? {} : { [beat]: now }),
      lastTransitionTime: moved ? now : stringAt(before, "lastTransitionTime"),
    };
  });
  return { ...status, conditions: [...kept, ...set] as JsonObject["conditions"] };
}

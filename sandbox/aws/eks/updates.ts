import {
  type ClusterRecord,
  changeRecord,
  inUse,
  notFound,
  type Place,
  recordOf,
  secondsOf,
  type Update,
} from "#sandbox/aws/eks/state.ts";
import { later } from "#sandbox/aws/eks/work.ts";

export type UpdateOf = NonNullable<Update["of"]>;
export type Params = Update["params"];

/** What an update does once it is through; told anew after a restart, so that it is known by the update alone. */
export type Finish = (place: Place, name: string, update: Update) => void;

/**
 * Notes an update that has begun.
 *
 * @throws AwsFault ResourceInUseException while another one is under way
 */
export function beginUpdate(place: Place, name: string, type: string, params: Params, of?: UpdateOf): Update {
  const { updates } = recordOf(place, name);
  const running = Object.values(updates).find((one) => one.status === "InProgress" && isSame(one.of, of));
  if (running !== undefined) {
    const what = of === undefined ? `cluster ${name}` : `${of.kind} ${of.name}`;
    throw inUse(`Cannot ${type} because ${what} currently has update ${running.id} in progress`);
  }
  const id = crypto.randomUUID();
  const update: Update = {
    id,
    status: "InProgress",
    type,
    params,
    createdAt: secondsOf(place),
    errors: [],
    ...(of === undefined ? {} : { of }),
  };
  changeRecord(place, name, (record) => ({ updates: { ...record.updates, [id]: update } }));
  return update;
}

/** Ends an update after its time. */
export function finishUpdate(place: Place, name: string, update: Update, durationMs: number, finish: Finish): void {
  later(place.cloud, durationMs, () => {
    if (place.state.clusters[name]?.updates[update.id] === undefined) return;
    finish(place, name, update);
    changeRecord(place, name, ({ updates }) => ({
      updates: { ...updates, [update.id]: { ...update, status: "Successful" } },
    }));
  });
}

/** @throws AwsFault ResourceNotFoundException */
export function updateOf({ updates, cluster }: ClusterRecord, id: string, of?: UpdateOf): Update {
  const found = updates[id];
  if (found !== undefined && isSame(found.of, of)) return found;
  throw notFound(`No update found for ID ${id} of ${of?.name ?? cluster.name}`);
}

export function updatesOf({ updates }: ClusterRecord, of?: UpdateOf): readonly string[] {
  return Object.values(updates)
    .filter((one) => isSame(one.of, of))
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .map(({ id }) => id);
}

function isSame(a: UpdateOf | undefined, b: UpdateOf | undefined): boolean {
  return a?.kind === b?.kind && a?.name === b?.name;
}

import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import { type KubernetesApi, KubernetesStatusError } from "#lib/kubernetes/api.ts";
import { type ClusterNode, listNodes } from "#lib/kubernetes/nodes.ts";

/** Whether an API server lets us in. */
export type Access =
  | { readonly kind: "open"; readonly nodes: readonly ClusterNode[] }
  | { readonly kind: "unreachable"; readonly why: string }
  /** It doesn't know who we are (401), or knows and doesn't let us (403). */
  | { readonly kind: "refused"; readonly status: number; readonly why: string };

/** Looks once. Anyone may read the readiness, and the nodes only somebody with access. */
export async function probeAccess(api: KubernetesApi, signal: AbortSignal): Promise<Access> {
  try {
    await api.get("/readyz", { signal });
    return { kind: "open", nodes: await listNodes(api, signal) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error instanceof KubernetesStatusError) {
      const { status, message: why } = error;
      // An API server that starts answers 5xx, and 429 when it is overrun.
      return status === 401 || status === 403 ? { kind: "refused", status, why } : { kind: "unreachable", why };
    }
    if (error.code === "ClusterUnreachable") return { kind: "unreachable", why: error.message };
    throw error;
  }
}

export interface AccessWait {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
  /** Milliseconds for an API server that doesn't answer. */
  readonly reachMs: number;
  /** Milliseconds for one that answers and refuses us. */
  readonly admitMs: number;
}

const lookEveryMs = 5_000;

/** Looks until it is open, or has been closed in one way for too long; returns what it saw last. */
export async function waitForAccess(api: KubernetesApi, wait: AccessWait): Promise<Access> {
  const { clock, signal, progress } = wait;
  const began = clock.now();
  let refusedSince: number | undefined;
  for (;;) {
    const access = await probeAccess(api, signal);
    if (access.kind === "open") return access;
    const now = clock.now();
    refusedSince = access.kind === "refused" ? (refusedSince ?? now) : undefined;
    const [since, limitMs] = refusedSince === undefined ? [began, wait.reachMs] : [refusedSince, wait.admitMs];
    if (now - since >= limitMs) return access;
    const what = access.kind === "refused" ? "the API server to let us in" : "the API server to answer";
    progress(`waiting for ${what}, ${Math.round((now - began) / 1_000)} s so far: ${access.why}`);
    await clock.sleep(lookEveryMs, signal);
  }
}

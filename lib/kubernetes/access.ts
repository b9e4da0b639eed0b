import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import { type KubernetesApi, KubernetesStatusError } from "#lib/kubernetes/api.ts";
import { type ClusterNode, listNodes } from "#lib/kubernetes/nodes.ts";

/** Whether an API server grants access. */
export type Access =
  | { readonly kind: "open"; readonly nodes: readonly ClusterNode[] }
  | { readonly kind: "unreachable"; readonly why: string }
  /** It rejects the credentials (401), or the identity lacks permission (403). */
  | { readonly kind: "refused"; readonly status: number; readonly why: string };

/** Checks once. Readiness is public; listing nodes requires access. */
export async function probeAccess(api: KubernetesApi, signal: AbortSignal): Promise<Access> {
  try {
    await api.get("/readyz", { signal });
    return { kind: "open", nodes: await listNodes(api, signal) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error instanceof KubernetesStatusError) {
      const { status, message: why } = error;
      // An API server returns 5xx while it starts, and 429 when it is overloaded.
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
  /** Maximum milliseconds without an answer. */
  readonly reachMs: number;
  /** Maximum milliseconds of refusals. */
  readonly admitMs: number;
}

const lookEveryMs = 5_000;

/** Checks until access is granted, or one kind of failure has lasted too long; returns the last result. */
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

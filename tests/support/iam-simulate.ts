import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Json, stringAt, valueAt } from "#sandbox/json.ts";

/** Folder of the npm package `@cloud-copilot/iam-simulate`, whose evaluation of policies is not ours; undefined where it isn't installed. */
export const iamSimulate: string | undefined = Bun.env.IAM_SIMULATE;

export interface SimulatedRequest {
  /** ARN of a role; its session asks. */
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

export interface SimulatedPolicies {
  readonly identity: readonly unknown[];
  readonly boundary?: unknown;
  /** Of the resource: a trust policy, a key policy. */
  readonly resource?: unknown;
  /** Resource control policies of the resource's organization. */
  readonly resourceControl?: readonly unknown[];
}

type Run = (simulation: object, options: object) => Promise<Json>;

/** @returns `Allowed`, `ImplicitlyDenied` or `ExplicitlyDenied` @throws Error for a policy or request that it does not take */
export async function simulate(request: SimulatedRequest, policies: SimulatedPolicies): Promise<string> {
  const { runSimulation }: { runSimulation: Run } = await import(
    pathToFileURL(join(iamSimulate ?? "", "dist/esm/index.js")).href
  );
  const named = (list: readonly unknown[]) => list.map((policy, index) => ({ name: `policy-${index}`, policy }));
  const accountId = request.resource.split(":")[4] || (request.principal.split(":")[4] ?? "");
  const answer = await runSimulation(
    {
      request: {
        principal: request.principal,
        action: request.action,
        resource: { resource: request.resource, accountId },
        contextVariables: request.context,
      },
      identityPolicies: named(policies.identity),
      serviceControlPolicies: [],
      resourceControlPolicies: (policies.resourceControl ?? []).map((policy) => ({
        orgIdentifier: "o-1",
        policies: named([policy]),
      })),
      ...(policies.resource === undefined ? {} : { resourcePolicy: policies.resource }),
      ...(policies.boundary === undefined ? {} : { permissionBoundaryPolicies: named([policies.boundary]) }),
    },
    { simulationMode: "Strict" },
  );
  const result = stringAt(answer, "overallResult");
  if (result === "")
    throw new Error(`${request.action} on ${request.resource}: ${JSON.stringify(valueAt(answer, "errors"))}`);
  return result;
}

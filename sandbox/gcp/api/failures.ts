import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { findProject } from "#sandbox/gcp/iam/state.ts";

/** How an operation is to fail. */
export interface Failure {
  /** As its service has it: `GCE_STOCKOUT`, `QUOTA_EXCEEDED`. */
  readonly code: string;
  readonly message: string;
}

/** Of the next operations or calls in a project, in their order. */
export type Failures = Record<string, Failure>;

/** Of the sandbox's command line: the next one in `project` fails with `code` and `message`. */
export function failNext(cloud: GcpCloud, failuresOf: (project: Project) => Failures, standard: string) {
  return ({ project, code = standard, message = "" }: Readonly<Record<string, string>>): object => {
    failuresOf(findProject(cloud, project))[crypto.randomUUID()] = { code, message };
    cloud.save();
    return {};
  };
}

/** @param failures undefined in the state of an older sandbox */
export function takeFailure(cloud: GcpCloud, failures: Failures | undefined = {}): Failure | undefined {
  const [key, failure] = Object.entries(failures)[0] ?? [];
  if (key === undefined) return undefined;
  delete failures[key];
  cloud.save();
  return failure;
}

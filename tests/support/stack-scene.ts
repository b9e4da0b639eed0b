import { type StackOptions, type StackState, stack } from "#lib/aws/cloudformation/stack.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Observed, Removal } from "#lib/graph/resource.ts";
import type { WorldOptions } from "#lib/graph/world.ts";
import { projectRoot } from "#lib/paths.ts";
import { cloudFormationMemory, type MemoryStack } from "#tests/support/cloudformation-memory.ts";
import { stackWorld } from "#tests/support/stack-world.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

export const stackName = "k01-eks";
export const ownTags = { project: "k8s-multicluster-gitops", fleet: "mylabs.dev", cluster: "k01.k8s.aws.mylabs.dev" };
export const template = "tests/fixtures/stacks/role.yml";
export const templateText = await Bun.file(`${projectRoot}/${template}`).text();

/** One stack in a CloudFormation in memory, and what can be done with it. */
export interface Scene {
  readonly memory: ReturnType<typeof cloudFormationMemory>;
  readonly said: readonly string[];
  readonly written: readonly string[];
  readonly resource: ReturnType<typeof stack>;
  readonly elapsed: () => number;
  observe(): Promise<Observed<StackState>>;
  ensure(): Promise<StackState>;
  remove(): Promise<Removal>;
  present(): Promise<StackState>;
}

export function scene(
  options: Partial<StackOptions> = {},
  world: Partial<WorldOptions> & { signal?: AbortSignal } = {},
): Scene {
  const clock = virtualClock();
  const memory = cloudFormationMemory(clock);
  memory.defaults = { MaxSessionSeconds: "3600", Purpose: "tests" };
  const outputs = createOutputs();
  const made = stackWorld({ cloudFormation: memory.client, root: projectRoot, clock, ...world });
  const resource = stack({
    id: "aws/aws-01/k01/stack",
    title: "k01.k8s.aws.mylabs.dev: EKS cluster",
    label: "EKS",
    row: { kind: "cluster", name: "k01.k8s.aws.mylabs.dev", group: "aws" },
    needs: [],
    actor: { account: { provider: "aws", name: "aws-01", role: "tenant", accountId: "111111111111" }, as: "clusters" },
    region: "us-east-1",
    name: stackName,
    template,
    parameters: () => ({ RoleName: "r" }),
    tags: ownTags,
    isProtected: false,
    timeoutMs: 30 * 60_000,
    ...options,
  });
  const observe = () => resource.observe(made.world, outputs);
  return {
    memory,
    said: made.said,
    written: made.written,
    resource,
    elapsed: clock.elapsed,
    observe,
    ensure: async () => await resource.ensure(made.world, await observe(), outputs),
    remove: async () => await resource.remove(made.world, await observe(), outputs),
    async present() {
      const observed = await observe();
      if (observed.kind === "present") return observed.state;
      throw new Error(`it is ${observed.kind}`);
    },
  };
}

/** A stack that is all that is wanted, save for what is changed. */
export function putOwn({ memory }: Scene, change: Partial<MemoryStack> = {}): MemoryStack {
  return memory.put({
    tags: { ...ownTags },
    template: templateText,
    parameters: { RoleName: "r", MaxSessionSeconds: "3600", Purpose: "tests" },
    ...change,
  });
}

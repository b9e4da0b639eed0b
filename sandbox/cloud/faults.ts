/** A fault that is injected into calls of a cloud. */
export interface CloudFault {
  /** `cloudformation`, `dnsZones`, or `*`. */
  readonly service: string;
  /** `CreateStack`, or `*`. */
  readonly action: string;
  /** The first matching call that fails, counted from 1 since the fault was added. */
  readonly nth: number;
  /** How many calls fail; 0 for all that follow. */
  readonly times: number;
  readonly effect: CloudEffect;
}

export type CloudEffect =
  /** Seconds that the answer asks to wait, where the cloud says that. @default the cloud's own */
  | { readonly kind: "throttle"; readonly seconds?: number }
  | { readonly kind: "fail"; readonly code: string }
  /** Real milliseconds before the call is handled. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The connection ends before the call is handled. */
  | { readonly kind: "cut" }
  /** The call is handled, and the connection ends before the response. */
  | { readonly kind: "lost" };

/** `throttle`, `throttle:<seconds>`, `fail:<Code>`, `slow:<ms>`, `cut` or `lost`. Undefined when it is none of them. */
export function parseCloudEffect(text: string): CloudEffect | undefined {
  if (text === "throttle" || text === "cut" || text === "lost") return { kind: text };
  const [, seconds] = /^throttle:(\d{1,7})$/.exec(text) ?? [];
  if (seconds !== undefined) return { kind: "throttle", seconds: Number(seconds) };
  const [, ms] = /^slow:(\d{1,7})$/.exec(text) ?? [];
  if (ms !== undefined) return { kind: "slow", ms: Number(ms) };
  const [, code] = /^fail:([A-Za-z][A-Za-z0-9._]*)$/.exec(text) ?? [];
  return code === undefined ? undefined : { kind: "fail", code };
}

/**
 * @param target `cloudformation:CreateStack`, `eks:*` or `*:*`
 * @returns undefined when the target or the effect can't be read
 */
export function parseCloudFault(
  target: string,
  effect: string,
  { nth = 1, times = 0 }: { readonly nth?: number; readonly times?: number } = {},
): CloudFault | undefined {
  const [, service, action] = /^([a-z][A-Za-z0-9]*|\*):([A-Za-z0-9]+|\*)$/.exec(target) ?? [];
  const parsed = parseCloudEffect(effect);
  if (service === undefined || action === undefined || parsed === undefined) return undefined;
  return { service, action, nth, times, effect: parsed };
}

/** The injected faults, and how many calls each has matched. */
export class FaultInjector {
  #open: { readonly fault: CloudFault; seen: number }[] = [];

  add(fault: CloudFault): void {
    this.#open.push({ fault, seen: 0 });
  }

  clear(): void {
    this.#open = [];
  }

  list(): readonly CloudFault[] {
    return this.#open.map(({ fault }) => fault);
  }

  /** Counts a call. @returns what happens to it, in the order in which the faults were added */
  effectsOf({ service, action }: { readonly service: string; readonly action: string }): readonly CloudEffect[] {
    const matching = this.#open.filter(({ fault }) => fits(fault.service, service) && fits(fault.action, action));
    for (const one of matching) one.seen += 1;
    return matching.filter(({ fault, seen }) => isDue(fault, seen)).map(({ fault }) => fault.effect);
  }
}

function fits(wanted: string, name: string): boolean {
  return wanted === "*" || wanted === name;
}

function isDue({ nth, times }: CloudFault, call: number): boolean {
  return call >= nth && (times === 0 || call < nth + times);
}

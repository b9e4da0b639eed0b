/** A disturbance that somebody asks for, to see what comes of it. */
export interface CloudFault {
  /** `cloudformation`, or `*`. */
  readonly service: string;
  /** `CreateStack`, or `*`. */
  readonly action: string;
  /** The first call that meets it, counted from 1 since it was asked for. */
  readonly nth: number;
  /** How many calls meet it; 0 for all that follow. */
  readonly times: number;
  readonly effect: CloudEffect;
}

export type CloudEffect =
  | { readonly kind: "throttle" }
  | { readonly kind: "fail"; readonly code: string }
  /** Real milliseconds before the call is looked at. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The connection ends, and nothing has been done. */
  | { readonly kind: "cut" }
  /** It is done, but the connection ends before the answer. */
  | { readonly kind: "lost" };

/** `throttle`, `fail:<Code>`, `slow:<ms>`, `cut` or `lost`. Undefined when it is none of them. */
export function parseCloudEffect(text: string): CloudEffect | undefined {
  if (text === "throttle" || text === "cut" || text === "lost") return { kind: text };
  const [, ms] = /^slow:(\d{1,7})$/.exec(text) ?? [];
  if (ms !== undefined) return { kind: "slow", ms: Number(ms) };
  const [, code] = /^fail:([A-Za-z][A-Za-z0-9.]*)$/.exec(text) ?? [];
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
  const [, service, action] = /^([a-z0-9]+|\*):([A-Za-z0-9]+|\*)$/.exec(target) ?? [];
  const parsed = parseCloudEffect(effect);
  if (service === undefined || action === undefined || parsed === undefined) return undefined;
  return { service, action, nth, times, effect: parsed };
}

/** The faults that are asked for, and how many calls each has seen. */
export interface FaultDesk {
  add(fault: CloudFault): void;
  clear(): void;
  list(): readonly CloudFault[];
  /** Counts a call, and says what it meets: effects in the order in which they were asked for. */
  meet(service: string, action: string): readonly CloudEffect[];
}

export function faultDesk(): FaultDesk {
  let open: { readonly fault: CloudFault; seen: number }[] = [];
  return {
    add: (fault) => void open.push({ fault, seen: 0 }),
    clear: () => {
      open = [];
    },
    list: () => open.map(({ fault }) => fault),
    meet(service, action) {
      const meant = open.filter(({ fault }) => fits(fault.service, service) && fits(fault.action, action));
      for (const one of meant) one.seen += 1;
      return meant.filter(({ fault, seen }) => isDue(fault, seen)).map(({ fault }) => fault.effect);
    },
  };
}

function fits(wanted: string, name: string): boolean {
  return wanted === "*" || wanted === name;
}

function isDue({ nth, times }: CloudFault, call: number): boolean {
  return call >= nth && (times === 0 || call < nth + times);
}

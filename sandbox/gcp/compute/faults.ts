import { GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";

/** A refusal of Compute Engine, which gives reasons and no status. */
class ComputeFault extends GcpFault {
  override body(): Json {
    const { status, message, reason } = this;
    return { error: { code: status, message, errors: [{ message, domain: "global", reason }] } };
  }
}

export function computeFault(status: number, reason: string, message: string): GcpFault {
  return new ComputeFault(status, reason, message, { reason });
}

/** @param path `projects/P/global/networks/N` */
export function notFound(path: string): GcpFault {
  return computeFault(404, "notFound", `The resource '${path}' was not found`);
}

export function alreadyExists(path: string): GcpFault {
  return computeFault(409, "alreadyExists", `The resource '${path}' already exists`);
}

export function notReady(path: string): GcpFault {
  return computeFault(400, "resourceNotReady", `The resource '${path}' is not ready`);
}

/** @param user path of what uses it */
export function inUse(type: string, path: string, user: string): GcpFault {
  return computeFault(
    400,
    "resourceInUseByAnotherResource",
    `The ${type} resource '${path}' is already being used by '${user}'`,
  );
}

/** @param field `resource.ipCidrRange` */
export function invalidValue(field: string, value: unknown, why: string): GcpFault {
  return computeFault(400, "invalid", `Invalid value for field '${field}': '${String(value)}'. ${why}`);
}

import { ArmFault } from "#sandbox/azure/arm/kind.ts";

/** A refusal in the form of AKS. */
export function aksFault(status: number, code: string, message: string, more: object = {}): ArmFault {
  return new ArmFault(status, code, message, { more: { details: null, subcode: "", ...more } });
}

export function invalidParameter(parameter: string, why: string): ArmFault {
  return aksFault(400, "InvalidParameter", `The value of parameter ${parameter} is invalid. Error details: ${why}`);
}

/** @throws ArmFault 400 when a property has another value than before */
export function refuseChange(property: string, before: unknown, after: unknown): void {
  if (before === undefined || before === after) return;
  throw aksFault(400, "PropertyChangeNotAllowed", `Changing property '${property}' is not allowed.`, {
    target: property,
  });
}

import { FleetError } from "#lib/errors.ts";

/** The FleetError that some work ends with; anything else is an error of the test. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<FleetError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

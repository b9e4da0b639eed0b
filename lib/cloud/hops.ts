import { FleetError } from "#lib/errors.ts";
import { formatHint } from "#lib/printed-command.ts";

/** One step of the way into an account. */
export interface Hop {
  /** `base`, or the account's name. */
  readonly name: string;
  /** As the fleet has it; of the base its tenant, or empty. */
  readonly account: string;
  readonly result: /** `identity` as the cloud names it: an ARN, a user, an application or its object in the tenant. */
    | { readonly kind: "ok"; readonly identity: string; readonly expires: string | undefined }
    | {
        readonly kind: "failed";
        readonly code: string;
        readonly message: string;
        readonly hint: string | undefined;
        /** What the program or service that refused said. */
        readonly details: readonly string[];
      };
  /** Of the role that the step leads into. Absent for the base, and where no owner of the account is here to look. */
  readonly trust?: HopTrust;
  /** Of the account's role for those who may only read. Absent like `trust`. */
  readonly readOnlyTrust?: HopTrust;
}

/** What an administrator of the account finds when looking at whom its role lets in. */
export type HopTrust =
  | { readonly kind: "checked"; readonly role: string; readonly findings: readonly TrustFinding[] }
  /** There is no such role; `hint` is the task that makes it. */
  | { readonly kind: "absent"; readonly role: string; readonly hint: string }
  | { readonly kind: "unreadable"; readonly role: string; readonly code: string; readonly message: string };

/** One fault of a role's trust policy. */
export interface TrustFinding {
  /** Explained in the provider's documentation. */
  readonly check: string;
  readonly kind: "too loose" | "too tight";
  /** A clause about the policy: `its trust policy names …`. */
  readonly message: string;
}

/** Takes a step, or tells why it can't be taken. */
export async function describeHop(
  name: string,
  account: string,
  open: () => Promise<{ readonly identity: string; readonly expires: Date | undefined }>,
): Promise<Hop> {
  try {
    const { identity, expires } = await open();
    return { name, account, result: { kind: "ok", identity, expires: expires?.toISOString() } };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const { code, message, details } = error;
    const hint = error.hint === undefined ? undefined : formatHint(error.hint);
    return { name, account, result: { kind: "failed", code, message, hint, details } };
  }
}

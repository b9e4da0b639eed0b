import { ministack, openMinistack } from "#tests/support/ministack.ts";
import { moto, openMoto } from "#tests/support/moto.ts";

/** An AWS on loopback that a test has for itself. */
export interface OpenedAws {
  readonly endpoint: string;
  /** Of somebody who may do everything in the account. */
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

export interface AwsSystem {
  readonly name: string;
  /** Why it can't be asked here. */
  readonly whyNot: string | undefined;
  /** What it does as AWS does, so that a test may count on it. */
  readonly judges: ReadonlySet<string>;
  open(account: string): Promise<OpenedAws>;
}

/** Every AWS that the same tests run against. What each can judge was measured, and is written down with the facts on it. */
export const awsSystems: readonly AwsSystem[] = [
  {
    name: "ministack",
    whyNot: ministack === undefined ? "it is not installed here" : undefined,
    judges: new Set(["outputs", "updates", "rollback", "refusals", "protection", "drift"]),
    // A key that is an account's number is its root user's.
    open: async (account) => ({ ...(await openMinistack()), keys: { accessKeyId: account, secretAccessKey: "x" } }),
  },
  {
    name: "moto",
    whyNot: moto === undefined ? "it is not installed here" : undefined,
    // No outputs of change sets, no rollback, no protection, and an update of a role's parameters changes nothing.
    judges: new Set(),
    open: async (account) => ({
      ...(await openMoto(account)),
      keys: { accessKeyId: "key", secretAccessKey: "secret" },
    }),
  },
];

import type { Hint } from "#lib/hint.ts";

/**
 * The root of all errors that this project throws. `code` is stable and listed in docs/errors.md;
 * `message` contains the offending value; `hint` is the next command to run or line to change.
 */
export class FleetError extends Error {
  readonly code: string;
  readonly hint: Hint | undefined;
  /** Context, e.g. the last lines of a program's output; shown below the message. */
  readonly details: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly hint?: Hint | undefined;
      readonly details?: readonly string[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FleetError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? [];
  }
}

/** The wait was interrupted: the operation in the message continues without this program, and the next run joins it. */
export class WorkGoesOn extends FleetError {
  constructor(message: string, cause?: unknown) {
    super("Interrupted", message, { hint: "run the same command again to join it", cause });
    this.name = "WorkGoesOn";
  }
}

/** Codes shared by all providers, with the exit code if the error ends a run before it has started anything. */
export const errorCodes = {
  // the command line and the fleet
  UnknownFlag: 2,
  InvalidArgument: 2,
  ConfirmationNeeded: 2,
  NotConfirmed: 2,
  UnknownCluster: 2,
  UnknownAccount: 2,
  UnknownProvider: 2,
  UnknownTarget: 2,
  NothingSelected: 2,
  InvalidFleet: 2,
  FleetUnreadable: 2,
  // programs
  BunTooOld: 2,
  PackagesOutdated: 2,
  ProgramMissing: 2,
  ProgramFailed: 1,
  ProgramTimedOut: 1,
  // docker
  DockerUnreachable: 2,
  DockerDenied: 2,
  DockerTooOld: 2,
  InotifyLow: 2,
  KindProviderRefused: 2,
  ImageUnavailable: 1,
  PortTaken: 1,
  DownloadFailed: 1,
  DigestMismatch: 1,
  DigestMissing: 2,
  // clusters
  ClusterNotReady: 1,
  // clouds
  CredentialsMissing: 1,
  SignInRefused: 1,
  AssumeRoleDenied: 1,
  WrongAccount: 1,
  PlaceholderAccount: 2,
  EndpointRefused: 2,
  CaBundleUnreadable: 2,
  ClockSkewed: 1,
  SessionExpired: 1,
  QuotaExceeded: 1,
  StillNeeded: 1,
  ZoneAmbiguous: 1,
  ZoneNotEmpty: 1,
  DelegationUnproved: 1,
  WrongIdentity: 1,
  WrongCluster: 1,
  ClusterDenied: 1,
  CacheUnsafe: 1,
  ExecInfoInvalid: 1,
  MiseLocalInvalid: 2,
  ProfileTaken: 2,
  DnsUnanswered: 1,
  DnsDirectoryInvalid: 2,
  CredentialPluginFailed: 1,
  InvalidCredentials: 1,
  ClusterUnreachable: 1,
  KubernetesError: 1,
  KindUnknown: 1,
  ApplyConflict: 1,
  WaitTimedOut: 1,
  ManifestInvalid: 1,
  ForeignResource: 1,
  ReplacementRequired: 1,
  UpgradeRefused: 1,
  StillBusy: 1,
  KubeconfigInvalid: 1,
  // GitOps
  CheckoutUnreadable: 2,
  ManifestUnavailable: 2,
  KustomizationInvalid: 2,
  DowngradeRefused: 1,
  ApplicationFailed: 1,
  // the graph and the run
  CyclicGraph: 1,
  OutputMissing: 1,
  Interrupted: 1,
  LockTimedOut: 1,
  SandboxFailed: 1,
  StaleFiles: 1,
  DiskFailed: 1,
  ModesIgnored: 1,
  Unexpected: 1,
} as const satisfies Record<string, 1 | 2>;

/**
 * Codes of each provider, by its name; their exit code is 1. A provider's folder adds its own:
 * `declare module "#lib/errors.ts" { interface ProviderErrorCodes { azure: (typeof azureErrorCodes)[number] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: each provider adds a member
export interface ProviderErrorCodes {}

export type ErrorCode = keyof typeof errorCodes | ProviderErrorCodes[keyof ProviderErrorCodes];

/** The exit code of a run that this error ended before it started anything. */
export function exitCodeOf(code: string): 1 | 2 {
  return Object.entries(errorCodes).find(([known]) => known === code)?.[1] ?? 1;
}

/** Converts any thrown value to a FleetError; an unexpected error is kept as `cause`, with its stack. */
export function asFleetError(thrown: unknown): FleetError {
  if (thrown instanceof FleetError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if ("code" in error && error.code === "ERR_MODULE_NOT_FOUND" && error.message.startsWith("Cannot find package")) {
    return new FleetError("PackagesOutdated", error.message, { hint: "bun install --frozen-lockfile", cause: error });
  }
  const fault = diskFault(error);
  if (fault !== undefined) {
    const message = error.message.startsWith(fault.code) ? error.message : `${fault.code}: ${error.message}`;
    return new FleetError("DiskFailed", message, { hint: fault.hint, cause: error });
  }
  return new FleetError("Unexpected", error.message === "" ? error.name : error.message, {
    hint: "run again with --verbose for the stack, and report it with the journal of the run",
    cause: error,
  });
}

const elsewhere = "set CLUSTERS_DIRECTORY to a folder on another disk";
const readOnly = "set CLUSTERS_DIRECTORY to a folder that can be written";
const full = `free some space, or ${elsewhere}`;
const denied = `give yourself access to this path, or ${readOnly}`;
const inTheWay = "a file and a folder are mixed up at this path: move it away";

/** Error codes of the file system and of SQLite (https://www.sqlite.org/rescode.html), with what to do. */
const diskHints: Readonly<Record<string, string>> = {
  EROFS: readOnly,
  ENOSPC: full,
  EDQUOT: full,
  EIO: elsewhere,
  EISDIR: inTheWay,
  ENOTDIR: inTheWay,
  EEXIST: inTheWay,
  EACCES: denied,
  EPERM: denied,
  SQLITE_FULL: full,
  SQLITE_READONLY: readOnly,
  SQLITE_CANTOPEN: readOnly,
  SQLITE_PERM: denied,
  SQLITE_IOERR: elsewhere,
};

function diskFault(error: Error): { readonly code: string; readonly hint: string } | undefined {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // Sockets and programs fail with the same codes.
  if ("syscall" in error && notOfDisks.has(String(error.syscall))) return undefined;
  // Extended codes start with the primary code: SQLITE_IOERR_WRITE.
  const plain = code.startsWith("SQLITE_") ? code.split("_", 2).join("_") : code;
  const hint = Object.hasOwn(diskHints, plain) ? diskHints[plain] : undefined;
  return hint === undefined ? undefined : { code, hint };
}

const notOfDisks: ReadonlySet<string> = new Set(["connect", "listen", "bind", "spawn", "posix_spawn", "kill"]);

/** True if a file could not be read, written or protected. */
export function isDiskFault(thrown: unknown): boolean {
  return ["DiskFailed", "ModesIgnored"].includes(asFleetError(thrown).code);
}

/** The user of every account that can do everything in it, and is there from the start. */
export const administratorName = "aws-cli";

export interface AdministratorKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** They open nothing but a sandbox on this computer, so that they may be known to everybody. */
export function administratorKeys(account: string): AdministratorKeys {
  return { accessKeyId: `AKIA0000${account}`, secretAccessKey: `sandbox/administrator/of/${account}`.padEnd(40, "0") };
}

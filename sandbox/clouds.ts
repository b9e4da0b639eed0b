import type { SandboxCloud } from "#sandbox/cloud/cloud.ts";

/** Loaders of clouds by name. */
export type CloudList = Readonly<Record<string, () => Promise<SandboxCloud>>>;

/** The clouds of the sandbox. A cloud is loaded when an account of it is declared. */
export const clouds: CloudList = {
  aws: async () => (await import("#sandbox/aws/aws.ts")).aws,
  azure: async () => (await import("#sandbox/azure/azure.ts")).azure,
  gcp: async () => (await import("#sandbox/gcp/gcp.ts")).gcp,
};

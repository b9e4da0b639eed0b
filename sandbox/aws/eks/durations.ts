/** What AWS takes for it, in real milliseconds. */
export const durations = {
  clusterCreate: 8 * 60_000,
  clusterDelete: 4 * 60_000,
  versionUpdate: 9 * 60_000,
  configUpdate: 3 * 60_000,
  nodeGroupCreate: 2 * 60_000,
  nodeGroupUpdate: 2 * 60_000,
  nodeGroupDelete: 2 * 60_000,
  addon: 40_000,
  /** From a pod without a place to a machine that has joined. */
  nodeStart: 40_000,
  loadBalancerCreate: 20_000,
  loadBalancerDelete: 15_000,
} as const;

import { applications } from "#clusters/applications.ts";
import * as aws from "#clusters/aws.ts";
import * as azure from "#clusters/azure.ts";
import * as gcp from "#clusters/gcp.ts";
import * as k3d from "#clusters/k3d.ts";
import * as kind from "#clusters/kind.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** The fleet that every command works on unless `--fleet` names another file. To add a cluster, add an entry to its provider's file. */
export const fleet: Fleet = {
  domain: "mylabs.dev",
  zones: [aws.zones, azure.zones, gcp.zones],
  accounts: [...aws.accounts, ...azure.accounts, ...gcp.accounts],
  clusters: [...aws.clusters, ...azure.clusters, ...gcp.clusters, ...kind.clusters, ...k3d.clusters],
  // In a fork, put the URL of the fork here.
  gitops: { repository: "https://github.com/ruzickap/k8s-multicluster-gitops", applications },
  // Its jobs get access to the clouds. Ids of one repeated digit are placeholders: use those of your repository and its owner.
  github: {
    repository: "ruzickap/k8s-multicluster-gitops",
    repositoryId: "111111111",
    ownerId: "2222222",
    claims: ["ref:refs/heads/main"],
  },
};

/** Owner of the fields that this project applies to clusters. */
export const fieldManager = "k8s-multicluster-gitops";

/** The field manager of this project's server-side apply. */
export const fieldManager = "k8s-multicluster-gitops";

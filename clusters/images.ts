/**
 * Node images of the local clusters: the one place where they are pinned, by tag and by digest. A tag alone isn't enough:
 * kind's releases push the same tag again with new content, and only the digest of the release notes is supported.
 */

// renovate: datasource=docker depName=kindest/node
export const kindNode = "kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5";

// renovate: datasource=docker depName=rancher/k3s
export const k3sNode =
  "rancher/k3s:v1.36.1-k3s1@sha256:08fdebd14db9ab7d5ea821d5bfa95d02341a6ef886842fcc8d9dfd0e9fa9e0cd";

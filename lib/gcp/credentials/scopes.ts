/** All of Google Cloud, as far as IAM allows it. */
export const cloudPlatform = "https://www.googleapis.com/auth/cloud-platform";

/** What API servers of GKE need: without the email a caller is known there by a number. Source: gke-gcloud-auth-plugin. */
export const gkeScopes: readonly string[] = [cloudPlatform, "https://www.googleapis.com/auth/userinfo.email"];

/** All of Google Cloud, as far as IAM allows it. */
export const cloudPlatform = "https://www.googleapis.com/auth/cloud-platform";

/** The caller's email. */
export const userinfoEmail = "https://www.googleapis.com/auth/userinfo.email";

/** What API servers of GKE need: without the email a caller is known there by a number. Source: gke-gcloud-auth-plugin. */
export const gkeScopes: readonly string[] = [cloudPlatform, userinfoEmail];

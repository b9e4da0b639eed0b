/**
 * What a token costs kubectl, which asks for one at every call: `bun run bench/kube-token.ts [rounds]`. Runs our program (as
 * kubeconfigs call it) and those that others use in turn, and prints medians of time and of processor time, and ratios. Programs are
 * named by variables, or in PATH:
 *
 * - EKS: `aws eks get-token` (AWS_CLI) and `aws-iam-authenticator token` (AWS_IAM_AUTHENTICATOR), which comes with
 *   `GOBIN=… go install sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator@v0.6.13`. Nothing is sent anywhere.
 * - AKS: `kubelogin get-token` (KUBELOGIN), which comes with `GOBIN=… go install github.com/Azure/kubelogin@v0.2.21`, and
 *   `az account get-access-token` (AZURE_CLI), both with a token that the sandbox's Entra issues and with a cached one.
 * - GKE: `gke-gcloud-auth-plugin --use_application_default_credentials` (GKE_AUTH_PLUGIN), which comes with the Google Cloud CLI, with a
 *   token of the sandbox's Google Cloud and with a cached one.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAksContests } from "./support/aks-tokens.ts";
import { eksContest } from "./support/eks-tokens.ts";
import { openGkeContests } from "./support/gke-tokens.ts";
import { compareTokens } from "./support/tokens.ts";

const state = await mkdtemp(join(tmpdir(), "bench-"));
const settings = { rounds: Number(process.argv[2] ?? 30), cwd: state };
try {
  await compareTokens(await eksContest(state), settings);
  for (const openContests of [openAksContests, openGkeContests]) {
    const { contests, close } = await openContests(state);
    try {
      for (const contest of contests) await compareTokens(contest, settings);
    } finally {
      await close();
    }
  }
} finally {
  await rm(state, { recursive: true, force: true });
}

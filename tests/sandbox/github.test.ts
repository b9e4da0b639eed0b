import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, jwtVerify } from "jose";
import { answerGithubJob, githubIssuer, githubJob, openGithub } from "#sandbox/cloud/github.ts";

test("a job that begins in one cloud gets its tokens from any, and each verifies them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "github-"));
  const path = join(folder, "kept", "github.pem");
  const [one, other] = [openGithub(path), openGithub(path)];
  const job = githubJob({ sub: "repo:o/r:pull_request" }, "http://127.0.0.1:1");
  for (const [github, audience] of [
    [one, "sts.amazonaws.com"],
    [other, "api://AzureADTokenExchange"],
  ] as const) {
    const response = await answerGithubJob(
      { github, now: () => new Date() },
      {
        method: "GET",
        url: new URL(`${job.ACTIONS_ID_TOKEN_REQUEST_URL}?audience=${audience}`),
        headers: { authorization: `Bearer ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` },
      },
    );
    const { value } = (await response.json()) as { readonly value: string };
    for (const { publicKey } of [one, other]) {
      const { payload } = await jwtVerify(value, createLocalJWKSet({ keys: [publicKey()] }));
      expect(payload).toMatchObject({ iss: `https://${githubIssuer}`, sub: "repo:o/r:pull_request", aud: audience });
    }
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

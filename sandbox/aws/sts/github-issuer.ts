import { generateKeyPairSync, randomBytes } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import { publishKeys } from "#sandbox/aws/sts/issuers.ts";

/** Without `https://`, as in IAM. */
export const githubIssuer = "token.actions.githubusercontent.com";
export const githubTokenPath = "/github/token";

/** Claims of a job's token. @default those of a push to `main` */
export type GithubClaims = Readonly<Record<string, string | number | readonly string[]>>;

/** The stand-in for GitHub's issuer: its key, and the jobs that run. */
interface GithubState {
  readonly privateKey: string;
  readonly keyId: string;
  /** What a job's token says, by the bearer that the job was given. */
  readonly jobs: Record<string, GithubClaims>;
}

/** GitHub gives its tokens five minutes. */
const lifetimeSeconds = 300;

function githubOf(cloud: Cloud): GithubState {
  return cloud.slice("github", "github", "global", (): GithubState => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const keyId = randomBytes(16).toString("hex");
    publishKeys(cloud, githubIssuer, [
      { ...publicKey.export({ format: "jwk" }), kid: keyId, alg: "RS256", use: "sig" },
    ]);
    return { privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), keyId, jobs: {} };
  });
}

/**
 * A token as GitHub gives it to a job, signed by the sandbox.
 *
 * @param claims over the defaults: `sub`, `repository_id`, `aud`, `exp`, …
 */
export async function mintGithubToken(cloud: Cloud, claims: GithubClaims = {}): Promise<string> {
  const { privateKey, keyId } = githubOf(cloud);
  const now = Math.floor(cloud.now().getTime() / 1_000);
  return await new SignJWT({
    iss: `https://${githubIssuer}`,
    aud: "sts.amazonaws.com",
    sub: "repo:example/k8s-multicluster-gitops:ref:refs/heads/main",
    repository: "example/k8s-multicluster-gitops",
    repository_id: "1000000001",
    repository_owner: "example",
    repository_owner_id: "2000000002",
    ref: "refs/heads/main",
    ref_type: "branch",
    workflow: "create",
    actor: "octocat",
    actor_id: "583231",
    event_name: "push",
    jti: randomBytes(16).toString("hex"),
    nbf: now,
    iat: now,
    exp: now + lifetimeSeconds,
    ...claims,
  })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: keyId })
    .sign(await importPKCS8(privateKey, "RS256"));
}

/** Begins a job: the bearer that it may ask for tokens with (`ACTIONS_ID_TOKEN_REQUEST_TOKEN`). */
export function openGithubJob(cloud: Cloud, claims: GithubClaims = {}): string {
  const bearer = randomBytes(32).toString("base64url");
  githubOf(cloud).jobs[bearer] = claims;
  cloud.save();
  return bearer;
}

/** What is behind `ACTIONS_ID_TOKEN_REQUEST_URL`: a token for the job whose bearer comes with the request. */
export async function answerGithubJob(
  cloud: Cloud,
  {
    method,
    url,
    headers,
  }: { readonly method: string; readonly url: URL; readonly headers: Readonly<Record<string, string>> },
): Promise<Response> {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
  const { jobs } = githubOf(cloud);
  const claims = Object.hasOwn(jobs, bearer) ? jobs[bearer] : undefined;
  if (method !== "GET" || claims === undefined) {
    return Response.json({ message: "the bearer is of no job" }, { status: method === "GET" ? 401 : 405 });
  }
  const audience = url.searchParams.get("audience");
  return Response.json({
    value: await mintGithubToken(cloud, { ...claims, ...(audience === null ? {} : { aud: audience }) }),
  });
}

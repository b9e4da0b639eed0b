import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type JWK, SignJWT } from "jose";
import { isErrno } from "#lib/files.ts";
import type { HttpRequest } from "#sandbox/cloud/http-server.ts";

/** Without `https://`, as in IAM. */
export const githubIssuer = "token.actions.githubusercontent.com";
export const githubTokenPath = "/github/token";

/** Claims of a job's token. @default those of a push to `main` */
export type GithubClaims = Readonly<Record<string, string | number | readonly string[]>>;

/** The emulated issuer of GitHub. All clouds of a sandbox have the same one, so that a job can enter each of them. */
export interface GithubIssuer {
  readonly privateKey: () => KeyObject;
  readonly publicKey: () => JWK;
}

/** What mints and accepts tokens of GitHub. */
interface GithubClient {
  readonly github: GithubIssuer;
  readonly now: () => Date;
}

const keyId = "sandbox-github";
/** GitHub's tokens expire after five minutes. */
const lifetimeSeconds = 300;

/** @param path of the private key, which is created when it is needed */
export function openGithub(path: string): GithubIssuer {
  let key: KeyObject | undefined;
  const privateKey = (): KeyObject => {
    key ??= createPrivateKey(readOrCreateKey(path));
    return key;
  };
  return {
    privateKey,
    publicKey: () => ({
      ...createPublicKey(privateKey()).export({ format: "jwk" }),
      kid: keyId,
      alg: "RS256",
      use: "sig",
    }),
  };
}

function readOrCreateKey(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, pem, { mode: 0o600 });
  return pem;
}

/**
 * A token as GitHub gives it to a job, signed by the sandbox.
 *
 * @param claims over the defaults: `sub`, `repository_id`, `aud`, `exp`, …
 */
export async function mintGithubToken({ github, now }: GithubClient, claims: GithubClaims = {}): Promise<string> {
  const seconds = Math.floor(now().getTime() / 1_000);
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
    nbf: seconds,
    iat: seconds,
    exp: seconds + lifetimeSeconds,
    ...claims,
  })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: keyId })
    .sign(github.privateKey());
}

/** Variables that a job of GitHub Actions gets its tokens by. @param endpoint of a cloud */
export function githubJob(claims: GithubClaims, endpoint: string): Readonly<Record<string, string>> {
  return {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint}${githubTokenPath}`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: openGithubJob(claims),
  };
}

/** The bearer token of a job. It holds the job's claims: every cloud of the sandbox accepts it. */
export function openGithubJob(claims: GithubClaims = {}): string {
  return Buffer.from(JSON.stringify(claims)).toString("base64url");
}

/** Answers `ACTIONS_ID_TOKEN_REQUEST_URL`: a token for the job of the request's bearer token. */
export async function answerGithubJob(
  client: GithubClient,
  { method, url, headers }: Pick<HttpRequest, "method" | "url" | "headers">,
): Promise<Response> {
  const claims = tryReadJob(/^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "");
  if (method !== "GET" || claims === undefined) {
    return Response.json({ message: "the bearer is of no job" }, { status: method === "GET" ? 401 : 405 });
  }
  const audience = url.searchParams.get("audience");
  return Response.json({
    value: await mintGithubToken(client, { ...claims, ...(audience === null ? {} : { aud: audience }) }),
  });
}

function tryReadJob(bearer: string): GithubClaims | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(bearer, "base64url").toString());
    return typeof claims === "object" && claims !== null ? (claims as GithubClaims) : undefined;
  } catch {
    return undefined;
  }
}

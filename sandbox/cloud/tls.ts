import { join } from "node:path";
import { tryReadText, writePrivateFile } from "#lib/files.ts";
import { type Authority, issueCertificate, makeAuthority } from "#sandbox/kubernetes/certificates.ts";

/** What a cloud with HTTPS proves itself with; the texts are PEM. */
export interface CloudTls {
  /** File with the certificate of the sandbox's authority, for clients. */
  readonly authorityPath: string;
  readonly certificate: string;
  readonly key: string;
}

interface Kept {
  readonly names: readonly string[];
  readonly certificate: string;
  readonly key: string;
}

/**
 * A server certificate for a cloud's host names and for loopback. All are of one authority, which is made for the first of them:
 * a sandbox without such clouds has none.
 *
 * @param folder keeps the authority and the certificates
 */
export async function openTls(folder: string, cloud: string, hosts: readonly string[]): Promise<CloudTls> {
  const [authorityPath, path] = [join(folder, "authority.pem"), join(folder, `${cloud}.json`)];
  const names = ["localhost", ...hosts];
  const kept = await tryReadJson<Kept>(path);
  if (kept !== undefined && Bun.deepEquals(kept.names, names)) {
    return { authorityPath, certificate: kept.certificate, key: kept.key };
  }
  const authority = await openAuthority(authorityPath, join(folder, "authority-key.pem"));
  const { certificate, key } = await issueCertificate(authority, cloud, { dns: names, ip: ["127.0.0.1"] });
  await writePrivateFile(path, JSON.stringify({ names, certificate, key } satisfies Kept));
  return { authorityPath, certificate, key };
}

async function openAuthority(path: string, keyPath: string): Promise<Authority> {
  const [certificate, key] = [await tryReadText(path), await tryReadText(keyPath)];
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const made = await makeAuthority("k8s-multicluster-gitops sandbox");
  await writePrivateFile(keyPath, made.key);
  await writePrivateFile(path, made.certificate);
  return made;
}

async function tryReadJson<Value>(path: string): Promise<Value | undefined> {
  const text = await tryReadText(path);
  return text === undefined ? undefined : (JSON.parse(text) as Value);
}

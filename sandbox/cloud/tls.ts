import { dirname, join } from "node:path";
import { tryReadText, writePrivateFile } from "#lib/files.ts";
import {
  type Authority,
  issueCertificate,
  makeAuthority,
  type ServerCertificates,
} from "#sandbox/kubernetes/certificates.ts";

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
  const authority = await openAuthority(authorityPath);
  const { certificate, key } = await issueCertificate(authority, cloud, { dns: names, ip: ["127.0.0.1"] });
  await writePrivateFile(path, JSON.stringify({ names, certificate, key } satisfies Kept));
  return { authorityPath, certificate, key };
}

/** A certificate of the same authority for another server on loopback. @param server its common name */
export async function issueForLoopback({ authorityPath }: CloudTls, server: string): Promise<ServerCertificates> {
  const authority = await openAuthority(authorityPath);
  return await issueCertificate(authority, server, { dns: ["localhost"], ip: ["127.0.0.1"] });
}

async function openAuthority(path: string): Promise<Authority> {
  const keyPath = join(dirname(path), "authority-key.pem");
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

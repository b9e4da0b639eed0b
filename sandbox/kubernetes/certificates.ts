import type * as X509 from "@peculiar/x509";

/** What a server proves itself with, all PEM. */
export interface ServerCertificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** Signs the certificates of servers; all PEM. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
}

export interface ServerNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** As kubeadm: authorities and, in the sandbox, also server certificates live for ten years. */
const LIFETIME_MS = 10 * 365 * 24 * 3_600_000;

/** A certificate authority of its own for each cluster, and a server certificate for its addresses. */
export async function makeCertificates(names: ServerNames, now: number = Date.now()): Promise<ServerCertificates> {
  const authority = await makeAuthority("kubernetes", now);
  return await issueCertificate(authority, "kube-apiserver", names, now);
}

/** @param name its common name */
export async function makeAuthority(name: string, now: number = Date.now()): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validityFrom(now),
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await formatKey(keys.privateKey) };
}

/** A certificate of an authority for a server. @param name its common name */
export async function issueCertificate(
  authority: Authority,
  name: string,
  { dns, ip }: ServerNames,
  now: number = Date.now(),
): Promise<ServerCertificates> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(authority.key),
    ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    ...validityFrom(now),
    serialNumber: serialNumber(),
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...dns.map((value) => ({ type: "dns" as const, value })),
        ...ip.map((value) => ({ type: "ip" as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return {
    authority: authority.certificate,
    certificate: certificate.toString("pem"),
    key: await formatKey(keys.privateKey),
  };
}

function validityFrom(now: number) {
  return {
    // Clocks of client and server may differ a little.
    notBefore: new Date(now - 300_000),
    notAfter: new Date(now + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
  };
}

async function formatKey(key: CryptoKey): Promise<string> {
  const { PemConverter } = await loadX509();
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function serialNumber(): string {
  // The first bit stays 0: serial numbers are positive.
  return Buffer.from(crypto.getRandomValues(new Uint8Array(15)))
    .toString("hex")
    .replace(/^/, "01");
}

/** Loading takes a tenth of a second, so it is done when the first certificate is needed. */
export async function loadX509(): Promise<typeof X509> {
  provideReflectMetadata();
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(crypto);
  return x509;
}

/**
 * The library brings a dependency injector that insists on the metadata API of decorators, though it is asked for
 * nothing by metadata here. This is the part of that API which it calls.
 */
function provideReflectMetadata(): void {
  const metadata = new WeakMap<object, Map<unknown, unknown>>();
  const getOwnMetadata = (key: unknown, target: object): unknown => metadata.get(target)?.get(key);
  const defineMetadata = (key: unknown, value: unknown, target: object): void => {
    const entries = metadata.get(target) ?? new Map<unknown, unknown>();
    metadata.set(target, entries.set(key, value));
  };
  if ("getMetadata" in Reflect) return;
  Object.assign(Reflect, { getMetadata: getOwnMetadata, getOwnMetadata, defineMetadata });
}

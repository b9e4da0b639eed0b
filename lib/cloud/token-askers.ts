import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A client that got a token, by its process. */
export interface TokenAsker {
  readonly pid: number;
  /** As EKS knows it. */
  readonly cluster: string;
  /** When its token ends, as it was told: milliseconds since 1970. */
  readonly expiresMs: number;
}

/** More clients than a person has at once. */
const longest = 16;

/**
 * Has this client a token for the cluster that is still good? Clients keep a token until it expires or an API server answers 401,
 * and the plugin is told of neither: one that asks again early may have been refused. `kubectl apply` asks twice all the same.
 */
export function hasGoodToken(path: string, { pid, cluster }: Omit<TokenAsker, "expiresMs">, now: number): boolean {
  return readAskers(path).some((one) => one.pid === pid && one.cluster === cluster && one.expiresMs > now);
}

/** Remembers who got a token last. What can't be written is forgotten: kubectl gets its token all the same. */
export function rememberAsker(path: string, asker: TokenAsker): void {
  const others = readAskers(path).filter(({ pid, cluster }) => pid !== asker.pid || cluster !== asker.cluster);
  const lines = [...others, asker].slice(-longest).map((one) => `${one.pid} ${one.cluster} ${one.expiresMs}\n`);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, lines.join(""), { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    // A full disk or a read-only home.
  }
}

function readAskers(path: string): readonly TokenAsker[] {
  const lines = tryRead(path).split("\n");
  return lines.flatMap((line) => {
    const [, pid = "", cluster = "", expires = ""] = /^(\d+) ([\w-]+) (\d+)$/.exec(line) ?? [];
    return cluster === "" ? [] : [{ pid: Number(pid), cluster, expiresMs: Number(expires) }];
  });
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

import { join } from "node:path";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

/** Files of one commit, by their path. */
export type Commit = ReadonlyMap<string, string>;

/** Where Argo CD reads from: the checkout, once somebody serves it. */
export interface Repository {
  /**
   * @param known it was fetched before, so that nobody needs to serve it
   * @throws Failed, Refused
   */
  fetch(url: string, revision: string, known: boolean): Promise<Commit>;
}

/** How long a server of this computer may take to name its commits. */
const ANSWER_MS = 5_000;

/** Commits as the fake `git` has taken them of the checkout: one file each, named by the commit. */
export class SnapshotRepository implements Repository {
  readonly #folder: string;
  readonly #fetched = new Map<string, Commit>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async fetch(url: string, revision: string, known: boolean): Promise<Commit> {
    const key = `${url} ${revision}`;
    const before = this.#fetched.get(key);
    if (before !== undefined) return before;
    if (!/^http:\/\/127\.0\.0\.1:\d+\/checkout\.git$/.test(url)) {
      throw new Refused(`the sandbox reads no repository but the checkout, and ${url} is another one`);
    }
    if (!known) await requireServed(url, revision);
    const file = Bun.file(join(this.#folder, `${revision}.json`));
    if (!/^[0-9a-f]{40}$/.test(revision) || !(await file.exists())) {
      throw new Failed(`unable to resolve '${revision}' to a commit SHA`);
    }
    const commit: Commit = new Map(Object.entries((await file.json()) as Record<string, string>));
    this.#fetched.set(key, commit);
    return commit;
  }
}

async function requireServed(url: string, revision: string): Promise<void> {
  const refs = `${url}/info/refs?service=git-upload-pack`;
  let text: string;
  try {
    const response = await fetch(refs, { signal: AbortSignal.timeout(ANSWER_MS) });
    text = await response.text();
    if (!response.ok) throw new Failed(`failed to list refs: unexpected status code ${response.status} of ${url}`);
  } catch (error) {
    if (error instanceof Failed) throw error;
    throw new Failed(`failed to list refs: Get "${refs}": ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!text.includes(revision)) throw new Failed(`failed to fetch ${revision}: ${url} doesn't have it`);
}

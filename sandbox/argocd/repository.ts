import { join } from "node:path";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";
import { takeCommit } from "#sandbox/git/commit.ts";

/** Files of one commit, by their path. */
export type Files = ReadonlyMap<string, string>;

export interface Commit {
  /** Forty hex digits. */
  readonly revision: string;
  readonly files: Files;
}

/** Where Argo CD reads from: the checkout, once somebody serves it, and the repository that the fleet names. */
export interface Repository {
  /**
   * @throws Failed, Refused
   */
  fetch(url: string, revision: string, options: FetchOptions): Promise<Commit>;
}

export interface FetchOptions {
  /** It was fetched before, so that nobody needs to serve it. */
  readonly known: boolean;
  /** Header by which the cluster's credentials for the repository open it. */
  readonly authorization?: string | undefined;
}

/** A repository on the internet that the sandbox stands for. */
export interface RemoteRepository {
  readonly url: string;
  /** The folder that is taken for its newest commit. */
  readonly root: string;
}

/** How long a server of this computer may take to name its commits. */
const ANSWER_MS = 5_000;
const ID = /^[0-9a-f]{40}$/;

/** Commits as the fake `git` has taken them of the checkout: one file each, named by the commit. */
export class SnapshotRepository implements Repository {
  readonly #folder: string;
  readonly #remotes: () => readonly RemoteRepository[];
  readonly #read = new Map<string, Commit>();

  /** @param remotes asked each time: another fleet may have another repository */
  constructor(folder: string, remotes: () => readonly RemoteRepository[] = () => []) {
    this.#folder = folder;
    this.#remotes = remotes;
  }

  async fetch(url: string, revision: string, { known, authorization }: FetchOptions): Promise<Commit> {
    const remote = this.#remotes().find((one) => one.url === url);
    // A branch or tag is the folder as it is now; a commit must have been one.
    if (remote !== undefined)
      return await this.#open(ID.test(revision) ? revision : takeCommit(remote.root, this.#folder));
    if (!/^http:\/\/127\.0\.0\.1:\d+\/checkout\.git$/.test(url)) {
      throw new Refused(
        `the sandbox reads no repository but the checkout and the fleet's own, and ${url} is another one`,
      );
    }
    if (!known && !this.#read.has(revision)) await requireServed(url, revision, authorization);
    return await this.#open(revision);
  }

  async #open(revision: string): Promise<Commit> {
    const before = this.#read.get(revision);
    if (before !== undefined) return before;
    const file = Bun.file(join(this.#folder, `${revision}.json`));
    if (!ID.test(revision) || !(await file.exists())) {
      throw new Failed(`unable to resolve '${revision}' to a commit SHA`);
    }
    const files: Files = new Map(Object.entries((await file.json()) as Record<string, string>));
    const commit: Commit = { revision, files };
    this.#read.set(revision, commit);
    return commit;
  }
}

async function requireServed(url: string, revision: string, authorization: string | undefined): Promise<void> {
  const refs = `${url}/info/refs?service=git-upload-pack`;
  let text: string;
  try {
    const response = await fetch(refs, {
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: authorization === undefined ? {} : { authorization },
    });
    text = await response.text();
    if (response.status === 401) throw new Failed(`failed to list refs: authentication required: ${url}`);
    if (!response.ok) throw new Failed(`failed to list refs: unexpected status code ${response.status} of ${url}`);
  } catch (error) {
    if (error instanceof Failed) throw error;
    throw new Failed(`failed to list refs: Get "${refs}": ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!text.includes(revision)) throw new Failed(`failed to fetch ${revision}: ${url} doesn't have it`);
}

/** Classifies the URL of a Git repository like Git: https://git-scm.com/docs/git-clone#_git_urls */
export type RepositoryReading =
  /** A host that other computers can reach. */
  | { readonly kind: "remote" }
  /** A folder, or a server on this computer: unreachable from other clusters. */
  | { readonly kind: "local" }
  /** `instead` is the same address without them. */
  | { readonly kind: "with-credentials"; readonly instead: string }
  | { readonly kind: "malformed"; readonly why: string };

/** `git@github.com:owner/name.git`: user, host, and a path that doesn't begin with two slashes. */
const scpLike = /^(?:[\w.-]+@)?[\w.-]+:(?!\/\/)[^\s:]+$/;
const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\]|.*\.localhost)$/;

export function readRepository(text: string): RepositoryReading {
  if (text === "") return { kind: "malformed", why: "it is empty" };
  if (/[\s\p{Cc}]/u.test(text)) return { kind: "malformed", why: "it has a space or a control character" };
  if (/^(?:[/.~]|file:|[a-z]:\\)/i.test(text)) return { kind: "local" };
  if (!text.includes("://")) {
    if (scpLike.test(text)) return { kind: "remote" };
    return { kind: "malformed", why: "it is neither a URL nor user@host:path" };
  }
  return readUrl(text);
}

function readUrl(text: string): RepositoryReading {
  if (!URL.canParse(text)) return { kind: "malformed", why: "it is not a URL" };
  const url = new URL(text);
  // ssh requires a user name, which is no secret; https has one only with a token, or the token is the user name
  if (url.password !== "" || (url.protocol !== "ssh:" && url.username !== "")) {
    const clean = new URL(url);
    clean.password = "";
    if (url.protocol !== "ssh:") clean.username = "";
    return { kind: "with-credentials", instead: clean.href };
  }
  if (loopback.test(url.hostname)) return { kind: "local" };
  if (url.protocol !== "https:" && url.protocol !== "ssh:") {
    return { kind: "malformed", why: `${url.protocol}// is neither https:// nor ssh://` };
  }
  if (url.search !== "" || url.hash !== "") return { kind: "malformed", why: "it has a query or a fragment" };
  if (url.pathname === "/" || url.pathname === "")
    return { kind: "malformed", why: "it names a host and no repository" };
  return { kind: "remote" };
}

/** Why Git rejects this as a branch, tag or commit (https://git-scm.com/docs/git-check-ref-format); undefined if it is valid. */
export function revisionFault(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.startsWith("-")) return "it begins with a hyphen, as an option does";
  const character = /[\s\p{Cc}~^:?*[\\]/u.exec(text)?.[0];
  if (character !== undefined) return `it has ${character === " " ? "a space" : JSON.stringify(character)} in it`;
  if (text.includes("..") || text.includes("@{")) return 'it has ".." or "@{" in it';
  if (text.split("/").some((part) => part === "" || part.startsWith(".") || part.endsWith(".lock"))) {
    return 'a part of it is empty, begins with a dot or ends in ".lock"';
  }
  return text.endsWith(".") ? "it ends in a dot" : undefined;
}

/** Why this is not a folder inside a repository; undefined if it is valid. */
export function folderFault(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.startsWith("/")) return "it begins at the root of a file system";
  const parts = text.split("/");
  if (parts.includes("..")) return "it leads out of the repository";
  if (parts.some((part) => part === "" || part === ".")) return 'a part of it is empty or "."';
  return /^[\w./-]+$/.test(text) ? undefined : "only letters, digits, and . _ - / are taken";
}

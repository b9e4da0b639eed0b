import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bootstrapFolders, digestsPath, parseDigests, readPin } from "#lib/argocd/bootstrap.ts";
import { sha256Of, updatePins } from "#lib/commands/pin-argocd.ts";
import { failureOf } from "#tests/support/failure.ts";

const manifest = "kind: CustomResourceDefinition\nmetadata:\n  name: applications.argoproj.io\n";
const urlOf = (variant: string): string => `https://example.org/argo-cd/v1.2.3/${variant}.yaml`;

async function update(
  digests: string | undefined,
  download: (url: string) => string,
  nameOf = urlOf,
): Promise<{
  readonly content: string;
  readonly kustomization: string;
  readonly version: string;
  readonly changes: readonly string[];
}> {
  const root = await mkdtemp(join(tmpdir(), "pin-"));
  try {
    for (const [variant, folder] of Object.entries(bootstrapFolders)) {
      await mkdir(join(root, folder), { recursive: true });
      await Bun.write(join(root, folder, "kustomization.yaml"), `resources:\n  - ${nameOf(variant)}\n`);
    }
    if (digests !== undefined) {
      await mkdir(dirname(join(root, digestsPath)), { recursive: true });
      await Bun.write(join(root, digestsPath), digests);
    }
    const { files, changes } = await updatePins({ root, download: (url) => Promise.resolve(download(url)) });
    for (const [path, text] of files) await Bun.write(join(root, path), text);
    const read = async (path: string): Promise<string> => await Bun.file(join(root, path)).text();
    return {
      content: await read(digestsPath),
      kustomization: await read(join(bootstrapFolders.standard, "kustomization.yaml")),
      version: (await readPin(root, "standard")).version,
      changes,
    };
  } finally {
    await rm(root, { recursive: true });
  }
}

const textOf = (url: string): string => `${manifest}# ${url}\n`;
const right = Object.keys(bootstrapFolders)
  .map((variant) => `${sha256Of(textOf(urlOf(variant)))}  ${urlOf(variant)}\n`)
  .join("");

describe("digests", () => {
  test("are those of what is behind the URLs", async () => {
    const { content, changes } = await update(undefined, textOf);
    expect(content).toBe(right);
    expect(changes).toHaveLength(2);
    expect([...parseDigests(content).keys()]).toEqual(Object.keys(bootstrapFolders).map(urlOf));
  });

  test("that are right stay", async () => {
    expect(await update(right, textOf)).toMatchObject({ content: right, changes: [] });
  });

  test("of a version that is no longer named go", async () => {
    const old = `${"0".repeat(64)}  https://example.org/argo-cd/v1.2.2/standard.yaml\n`;
    const { content, changes } = await update(old + right, textOf);
    expect(content).toBe(right);
    expect(changes).toEqual(["https://example.org/argo-cd/v1.2.2/standard.yaml: no longer named"]);
  });

  test("that change under the same version are told as that", async () => {
    const moved = right.replace(/^[0-9a-f]{64}/, "0".repeat(64));
    const { changes } = await update(moved, textOf);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toContain(`${"0".repeat(64)} is now`);
    expect(changes[0]).toContain("of the same version");
  });

  test("are not taken of an error page", async () => {
    const error = await failureOf(update(right, () => "<html>404</html>"));
    expect(error.code).toBe("DigestMissing");
    expect(error.message).toContain("is not a manifest of Argo CD");
  });
});

describe("a URL of GitHub", () => {
  const commit = "c0ffee".padEnd(40, "0");
  const named = (variant: string): string =>
    `https://raw.githubusercontent.com/argoproj/argo-cd/v1.2.3/manifests/${variant}.yaml`;
  const byCommit = (variant: string): string => named(variant).replace("v1.2.3", commit);
  const answer = (url: string): string =>
    url === "https://api.github.com/repos/argoproj/argo-cd/commits/v1.2.3" ? `{"sha":"${commit}"}` : manifest;

  test("comes to name the tag's commit, and the version stays readable", async () => {
    const { content, kustomization, version } = await update(undefined, answer, named);
    expect(kustomization).toBe(`resources:\n  - ${byCommit("standard")} # v1.2.3\n`);
    expect([...parseDigests(content).keys()]).toEqual(Object.keys(bootstrapFolders).map(byCommit));
    expect(version).toBe("v1.2.3");
  });

  test("that names a commit stays", async () => {
    const digests = Object.keys(bootstrapFolders).map((variant) => `${sha256Of(manifest)}  ${byCommit(variant)}\n`);
    const { changes, version } = await update(digests.join(""), answer, (variant) => `${byCommit(variant)} # v1.2.3`);
    expect([changes, version]).toEqual([[], "v1.2.3"]);
  });

  test("whose tag was moved is told before it is replaced", async () => {
    const digests = Object.keys(bootstrapFolders).map((variant) => `${"0".repeat(64)}  ${named(variant)}\n`);
    expect((await update(digests.join(""), answer, named)).changes[0]).toContain("of the same version");
  });
});

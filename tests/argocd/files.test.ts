import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readPin } from "#lib/argocd/bootstrap.ts";
import { projectRoot } from "#lib/paths.ts";

const files = [...new Bun.Glob("argocd/**/*.{yaml,yml}").scanSync(projectRoot)].sort();
const read = (path: string): Promise<string> => Bun.file(join(projectRoot, path)).text();

/** The patterns of renovate.json5, by the word that their description begins with. */
async function patterns(): Promise<ReadonlyMap<string, RegExp>> {
  const config = await read("renovate.json5");
  const found = config.matchAll(
    /description: "(\S+)[^"]*",\s*managerFilePatterns: [^\n]*\n\s*matchStrings: \[\s*"((?:[^"\\]|\\.)*)"/g,
  );
  return new Map(
    [...found].map(([, word = "", source = ""]) => [word, new RegExp(JSON.parse(`"${source}"`) as string, "g")]),
  );
}

describe("files in argocd/", () => {
  test("are there", () => {
    expect(files.length).toBeGreaterThan(20);
  });

  test.each(files)("%s is YAML", async (path) => {
    expect(Bun.YAML.parse(await read(path))).not.toBeNull();
  });

  test.each(files)("%s has no word that YAML 1.1, which Go's programs read, takes for a truth value", async (path) => {
    const text = (await read(path)).replaceAll(/#.*$/gm, "");
    expect(text).not.toMatch(/(?:^|[:\-,[{]\s+)(?:y|n|yes|no|on|off|Y|N|Yes|No|On|Off|YES|NO|ON|OFF)\s*(?:$|[,}\]:])/m);
  });

  test.each(files)("%s has no credentials", async (path) => {
    expect(await read(path)).not.toMatch(
      /password|BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bghp_|:\/\/[^/\s"]+:[^/\s"]+@/i,
    );
  });
});

describe("versions", () => {
  test("of Argo CD are found by Renovate in both variants", async () => {
    const pattern = (await patterns()).get("Argo");
    const { version } = await readPin(projectRoot, "standard");
    for (const variant of ["standard", "high-availability"]) {
      const text = await read(`argocd/bootstrap/${variant}/kustomization.yaml`);
      const found = pattern === undefined ? [] : [...text.matchAll(pattern)].map(({ groups }) => ({ ...groups }));
      expect(found).toEqual([{ depName: "argoproj/argo-cd", currentValue: version }]);
    }
  });

  test("of Argo CD are found by Renovate also behind a commit, which it raises too", async () => {
    const commit = "c0ffee".padEnd(40, "0");
    const line = `  - https://raw.githubusercontent.com/argoproj/argo-cd/${commit}/manifests/install.yaml # v1.2.3\n`;
    const [found] = line.matchAll((await patterns()).get("Argo") ?? /$^/g);
    expect(found?.groups).toMatchObject({ currentDigest: commit, currentValue: "v1.2.3" });
  });

  test("of charts are read by Renovate's manager for Argo CD", async () => {
    const config = await read("renovate.json5");
    const [, source = ""] = /argocd: \{ managerFilePatterns: \["\/(.*?)\/"\] \}/.exec(config) ?? [];
    const pattern = new RegExp(JSON.parse(`"${source}"`) as string);
    expect(files.filter((path) => pattern.test(path))).toContain("argocd/apps/cert-manager.yaml");
    expect(files.filter((path) => pattern.test(path)).every((path) => path.startsWith("argocd/apps/"))).toBe(true);
  });

  test("of images carry a comment that Renovate finds", async () => {
    const pattern = (await patterns()).get("versions");
    const text = await read("argocd/demo/deployment.yaml");
    const [found] = pattern === undefined ? [] : [...text.matchAll(pattern)];
    expect(found?.groups).toMatchObject({ datasource: "docker", depName: "busybox", currentValue: "1.36.1" });
    expect(found?.groups?.currentDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const source = { repoURL: "https://example.org/fleet", path: "argocd/demo", targetRevision: "main" };
const chart = { repoURL: "https://example.org/charts", chart: "x", targetRevision: "1.0.0" };
const synced = { health: { status: "Healthy" }, sync: { status: "Synced", comparedTo: { source } } };
const outOfSync = { ...synced, sync: { ...synced.sync, status: "OutOfSync" } };

/** What Argo CD's own program makes of the script in settings.yaml. */
async function judge(status: object | undefined, spec: object = { source }): Promise<readonly [string, string]> {
  const folder = await mkdtemp(join(tmpdir(), "health-"));
  try {
    const application = {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "x" },
      spec,
      ...(status === undefined ? {} : { status }),
    };
    await Bun.write(join(folder, "application.yaml"), JSON.stringify(application));
    const settings = Bun.YAML.parse(
      await Bun.file(join(projectRoot, "argocd/bootstrap/common/settings.yaml")).text(),
    ) as object;
    const labelled = {
      ...settings,
      metadata: { name: "argocd-cm", labels: { "app.kubernetes.io/part-of": "argocd" } },
    };
    await Bun.write(join(folder, "settings.yaml"), JSON.stringify(labelled));
    const command = ["admin", "settings", "resource-overrides", "health", join(folder, "application.yaml")];
    const { stdout } = Bun.spawnSync(["argocd", ...command, "--argocd-cm-path", join(folder, "settings.yaml")]);
    const found = /STATUS: (\S+)\s+MESSAGE: ?(.*)/.exec(stdout.toString());
    return [found?.[1] ?? stdout.toString(), found?.[2]?.trim() ?? ""];
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.skipIf(Bun.which("argocd") === null)("the health of an application", () => {
  test.each([
    ["is open until it was looked at", undefined, ["Progressing", "not compared yet"]],
    ["is that of its resources once it is synced", synced, ["Healthy", ""]],
    [
      "is that of its resources, with their message",
      { ...synced, health: { status: "Degraded", message: "a pod is down" } },
      ["Degraded", "a pod is down"],
    ],
    [
      "is open while the verdict is about another revision",
      { ...synced, sync: { status: "Synced", comparedTo: { source: { ...source, targetRevision: "old" } } } },
      ["Progressing", "its source changed and wasn't compared yet"],
    ],
    [
      "takes an empty field for an absent one",
      { ...synced, sync: { status: "Synced", comparedTo: { source: { ...source, chart: "" } } } },
      ["Healthy", ""],
    ],
    ["is open while it isn't synced, though its resources are well", outOfSync, ["Progressing", "not synced yet"]],
    [
      "is bad when the sync failed",
      { ...outOfSync, operationState: { phase: "Failed", message: "one is refused" } },
      ["Degraded", "one is refused"],
    ],
    [
      "is bad when its source can't be read",
      { ...synced, conditions: [{ type: "ComparisonError", message: "no such branch" }] },
      ["Degraded", "no such branch"],
    ],
  ] as const)("%s", async (_, status, verdict) => {
    expect(await judge(status)).toEqual([...verdict]);
  });

  test("counts all of several sources", async () => {
    const sources = [chart, source];
    const status = { ...synced, sync: { status: "Synced", comparedTo: { sources } } };
    expect(await judge(status, { sources })).toEqual(["Healthy", ""]);
    expect((await judge(status, { sources: [chart] }))[0]).toBe("Progressing");
    expect((await judge(status, { sources: [{ ...chart, targetRevision: "2.0.0" }, source] }))[0]).toBe("Progressing");
  });
});

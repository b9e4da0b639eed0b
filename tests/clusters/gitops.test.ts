import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { type Harness, names, openHarness, whyNot } from "#tests/support/harness.ts";

// Noisy machines have been seen to take ten times as long as quiet ones.
setDefaultTimeout(20 * 60_000);

const manifest = Bun.env.ARGOCD_MANIFEST;
const images = manifest === undefined ? [] : await listImages(manifest);
const reason = (await whyNot()) ?? (await whyNoArgocd());
if (reason !== undefined) process.stdout.write(`tests of Argo CD on real clusters are skipped: ${reason}\n`);

/** Images that the manifest names; the single sign-on server is scaled to nothing. */
async function listImages(path: string): Promise<readonly string[]> {
  const found = (await Bun.file(path).text()).matchAll(/^ *image: (\S+)$/gm);
  return [...new Set([...found].map(([, image = ""]) => image))].filter((image) => !image.includes("/dex:"));
}

async function whyNoArgocd(): Promise<string | undefined> {
  if (manifest === undefined) return "ARGOCD_MANIFEST names no manifest whose images are here";
  const child = Bun.spawn(["docker", "image", "inspect", ...images], { stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0 ? undefined : "docker doesn't have Argo CD's images";
}

describe.skipIf(reason !== undefined)("Argo CD on real clusters", () => {
  const fleet = join(projectRoot, "tests/fixtures/fleets/valid/two-local-gitops.ts");
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness();
  });
  afterAll(async () => await harness.close());

  const kubectl = async (cluster: string, ...args: readonly string[]): Promise<string> => {
    const { stdout } = await harness.program("kubectl", ["--kubeconfig", harness.kubeconfig(cluster), ...args]);
    return stdout;
  };
  const run = async (task: string, ...args: readonly string[]) => {
    const ended = await harness.run(task, args, { fleet });
    const errors = Object.values(ended.results).flatMap(({ id, error }) =>
      error === undefined ? [] : [{ id, error }],
    );
    expect({ exitCode: ended.exitCode, errors, stderr: ended.stderr }).toEqual({ exitCode: 0, errors: [], stderr: "" });
    return ended;
  };

  test("brings each cluster the applications and the facts that are meant for it, once", async () => {
    await run("create-all", "--no-gitops");
    const [k3d, kind] = names;
    await Promise.all([
      harness.program("kind", ["load", "docker-image", "--name", kind, ...images]),
      harness.program("k3d", ["image", "import", "--cluster", k3d, ...images]),
    ]);
    const made = await run("create-all");
    for (const name of names) {
      expect(made.results[`local/${name}/argocd`]?.outcome).toBe("made");
      expect(made.results[`local/${name}/applications`]?.outcome).toBe("made");
      const facts = await kubectl(name, "-n", "cluster-info", "get", "configmap", "cluster-info", "-o", "json");
      expect((JSON.parse(facts) as { data: object }).data).toMatchObject({ cluster_name: name, environment: "dev" });
    }
    expect(made.results[`local/${kind}/applications`]?.health?.summary).toBe("3 healthy");
    expect(made.results[`local/${k3d}/applications`]?.health?.summary).toBe("2 healthy");

    const again = await run("create-all");
    expect([...new Set(Object.values(again.results).map(({ outcome }) => outcome))]).toEqual(["unchanged"]);
    expect((await harness.run("status", [], { fleet })).exitCode).toBe(0);

    // A run that was killed before it told what it had applied is gone on with.
    await kubectl(kind, "annotate", "namespace", "argocd", "k8s-multicluster-gitops/argocd-digest-");
    await kubectl(kind, "-n", "argocd", "delete", "application", "root");
    const mended = await run("create-all");
    expect(mended.results[`local/${kind}/argocd`]?.changes).toMatchObject([{ field: "install", from: "unfinished" }]);
    expect(mended.results[`local/${kind}/applications`]?.outcome).toBe("updated");
    expect(mended.results[`local/${k3d}/applications`]?.outcome).toBe("unchanged");

    const removed = await run("delete-all", "--yes");
    expect(removed.results[`local/${kind}/applications`]?.note).toBe(`with ${kind}: kind cluster`);
    expect(await harness.leftovers()).toEqual([]);
  });
});

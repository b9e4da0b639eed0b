import { afterAll, beforeAll, describe, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { copyCheckout, type TestCheckout } from "#tests/support/checkout.ts";
import { liveWithArgocd } from "#tests/support/gitops-scenarios.ts";
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

/** A node that has no way to a registry was given the demo's image by its tag, and knows no digest of it. */
async function useImageByTag({ root, commit }: TestCheckout): Promise<void> {
  const path = join(root, "argocd/demo/deployment.yaml");
  const text = await Bun.file(path).text();
  await Bun.write(path, text.replace(/(busybox:\d+\.\d+)\.\d+@sha256:[0-9a-f]{64}/, "$1"));
  await commit();
}

async function whyNoArgocd(): Promise<string | undefined> {
  if (manifest === undefined) return "ARGOCD_MANIFEST names no manifest whose images are here";
  const child = Bun.spawn(["docker", "image", "inspect", ...images], { stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0 ? undefined : "docker doesn't have Argo CD's images";
}

describe.skipIf(reason !== undefined)("Argo CD on real clusters", () => {
  let checkout: TestCheckout;
  let harness: Harness;
  beforeAll(async () => {
    checkout = await copyCheckout();
    await useImageByTag(checkout);
    harness = await openHarness({ root: checkout.root });
  });
  afterAll(async () => {
    await harness.close();
    await checkout.remove();
  });

  test("brings each cluster the applications and the facts that are meant for it", async () => {
    await liveWithArgocd({
      harness,
      checkout,
      async prepare() {
        const [k3d, kind] = names;
        await Promise.all([
          harness.program("kind", ["load", "docker-image", "--name", kind, ...images]),
          harness.program("k3d", ["image", "import", "--cluster", k3d, ...images]),
        ]);
      },
    });
  });
});

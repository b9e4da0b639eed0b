import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapFolders, digestsPath, readPin, renderBootstrap } from "#lib/argocd/bootstrap.ts";
import { readEnvironment } from "#lib/environment.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";
import { command } from "#lib/hint.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { projectRoot } from "#lib/paths.ts";
import { failureOf } from "#tests/support/failure.ts";
import { tryReadPinned } from "../../scripts/manifests/pinned.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const variants = Object.keys(bootstrapFolders) as readonly ArgocdVariant[];
const pins = new Map(
  await Promise.all(
    variants.map(async (variant) => {
      const pin = await readPin(projectRoot, variant);
      return [variant, { pin, text: await tryReadPinned(pin, readEnvironment().argocdManifest) }] as const;
    }),
  ),
);
/** Argo CD's manifests are two megabytes, and no test reaches the internet: `.ci/run` puts them where they are found. */
const here = variants.filter((variant) => pins.get(variant)?.text !== undefined);

function rendered(variant: ArgocdVariant): readonly KubernetesObject[] {
  const { pin, text } = pins.get(variant) ?? {};
  if (pin === undefined || text === undefined) throw new Error(`the manifest of ${variant} isn't here`);
  return renderBootstrap(text, pin);
}

interface Workload {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: PodSpec }; readonly replicas?: number };
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}
interface Container {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly resources?: { readonly requests?: object };
}

function workloads(variant: ArgocdVariant): readonly Workload[] {
  return rendered(variant).filter(
    ({ kind }) => kind === "Deployment" || kind === "StatefulSet",
  ) as unknown as readonly Workload[];
}

describe("the pin", () => {
  test("has one version, an URL and a digest per variant", () => {
    const found = [...pins.values()].map(({ pin }) => pin);
    expect(new Set(found.map(({ version }) => version)).size).toBe(1);
    expect(new Set(found.map(({ url }) => url)).size).toBe(variants.length);
    expect(new Set(found.map(({ patchesSha256 }) => patchesSha256)).size).toBe(variants.length);
    for (const { version, url, sha256 } of found) {
      expect(version).toMatch(/^v\d+\.\d+\.\d+$/);
      expect(url).toStartWith(`https://raw.githubusercontent.com/argoproj/argo-cd/${version}/manifests/`);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test("of a version without a digest is refused", async () => {
    await withCopy(async (root) => {
      const path = join(root, "argocd/bootstrap/standard/kustomization.yaml");
      await Bun.write(path, (await Bun.file(path).text()).replace(/\/v\d+\.\d+\.\d+\//, "/v9.9.9/"));
      const error = await failureOf(readPin(root, "standard"));
      expect(error.code).toBe("DigestMissing");
      expect(error.message).toContain("/v9.9.9/");
      expect(error.hint).toContainEqual(command("argocd:pin"));
      expect((await readPin(root, "high-availability")).version).not.toBe("v9.9.9");
    });
  });

  test("of a branch is refused", async () => {
    await withCopy(async (root) => {
      const url = "https://raw.githubusercontent.com/argoproj/argo-cd/master/manifests/install.yaml";
      const path = join(root, "argocd/bootstrap/standard/kustomization.yaml");
      await Bun.write(path, `resources: [${url}]\n`);
      await Bun.write(join(root, digestsPath), `${"0".repeat(64)}  ${url}\n`);
      expect((await failureOf(readPin(root, "standard"))).message).toContain("names no version");
    });
  });

  test("tells when one of our patches changes", async () => {
    await withCopy(async (root) => {
      const before = await readPin(root, "standard");
      const path = join(root, "argocd/bootstrap/common/settings.yaml");
      await Bun.write(path, (await Bun.file(path).text()).replace("60s", "61s"));
      const after = await readPin(root, "standard");
      expect(after.patchesSha256).not.toBe(before.patchesSha256);
      expect(after.sha256).toBe(before.sha256);
    });
  });

  async function withCopy(use: (root: string) => Promise<void>): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), "bootstrap-"));
    try {
      await cp(join(projectRoot, "argocd"), join(root, "argocd"), { recursive: true });
      await use(root);
    } finally {
      await rm(root, { recursive: true });
    }
  }
});

describe.skipIf(here.length < variants.length)("Argo CD as it is installed", () => {
  test.skipIf(Bun.which("kustomize") === null).each(variants)("is what kustomize builds: %s", async (variant) => {
    const root = await mkdtemp(join(tmpdir(), "bootstrap-"));
    try {
      await cp(join(projectRoot, "argocd"), join(root, "argocd"), { recursive: true });
      const folder = join(root, bootstrapFolders[variant]);
      const { pin, text = "" } = pins.get(variant) ?? {};
      await Bun.write(join(folder, "install.yaml"), text);
      const file = join(folder, "kustomization.yaml");
      await Bun.write(file, (await Bun.file(file).text()).replace(pin?.url ?? "", "install.yaml"));
      const { stdout, stderr } = Bun.spawnSync(["kustomize", "build", folder]);
      expect(stderr.toString()).toBe("");
      const real = Bun.YAML.parse(stdout.toString()) as readonly KubernetesObject[];
      expect(byName(rendered(variant))).toEqual(byName(real));
    } finally {
      await rm(root, { recursive: true });
    }
  });

  function byName(objects: readonly KubernetesObject[]): object {
    return Object.fromEntries(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
  }

  test.each(variants)("is all in its namespace, with our label: %s", (variant) => {
    const clusterWide = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"];
    for (const { kind, metadata } of rendered(variant)) {
      expect(metadata.namespace).toBe(clusterWide.includes(kind) ? undefined : "argocd");
      expect(metadata.labels?.["app.kubernetes.io/managed-by"]).toBe("k8s-multicluster-gitops");
    }
  });

  test.each(variants)("has the containers of its own manifest and no other: %s", (variant) => {
    for (const { metadata, spec } of workloads(variant)) {
      const { containers, initContainers = [] } = spec.template.spec;
      for (const { name, image } of [...containers, ...initContainers]) {
        expect(`${metadata.name} ${name}: ${image}`).toMatch(/: \S+:v?\d\S*$/);
      }
    }
  });

  test.each(variants)(
    "asks for memory and processor with every container, and pulls no image that is there: %s",
    (variant) => {
      for (const { metadata, spec } of workloads(variant)) {
        const { containers, initContainers = [] } = spec.template.spec;
        for (const { name, resources } of containers) {
          const requests = `${metadata.name} ${name}: ${Object.keys(resources?.requests ?? {})
            .sort()
            .join()}`;
          expect(requests).toEndWith(": cpu,memory");
        }
        // Left out means the same where the tag isn't `latest`.
        for (const { imagePullPolicy = "IfNotPresent" } of [...containers, ...initContainers]) {
          expect(imagePullPolicy).toBe("IfNotPresent");
        }
      }
    },
  );

  test.each(variants)("has no password and no key: %s", (variant) => {
    const secrets = rendered(variant).filter(({ kind }) => kind === "Secret");
    expect(secrets.length).toBeGreaterThan(0);
    for (const { data, stringData } of secrets) expect([data, stringData]).toEqual([undefined, undefined]);
  });

  test("keeps the settings of its own manifest beside ours", () => {
    const settings = rendered("standard").find(({ metadata }) => metadata.name === "argocd-cm");
    const keys = Object.keys((settings?.data ?? {}) as object);
    expect(keys).toContain("resource.exclusions");
    expect(keys).toContain("timeout.reconciliation");
    expect(keys).toContain("resource.customizations.health.argoproj.io_Application");
  });

  test("says that it isn't what the patches are for when a container is called otherwise", () => {
    const { pin, text = "" } = pins.get("standard") ?? {};
    if (pin === undefined) throw new Error("no pin");
    expect(() => renderBootstrap(text.replaceAll("name: argocd-repo-server", "name: renamed"), pin)).toThrow(
      /no resource matches the patch of .*argocd-repo-server/,
    );
  });
});

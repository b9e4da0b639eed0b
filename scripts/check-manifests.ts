/**
 * Holds everything in argocd/ to schemas by kubeconform: the files as they are, what they become on every cluster of the
 * default fleet, and Argo CD itself, patched. Kubernetes' schemas come from .tools/schemas, which `.ci/run` fills; where they
 * aren't, kubeconform asks its own place on the internet.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fleet } from "#clusters/fleet.ts";
import { bootstrapFolders, readPin, renderBootstrap } from "#lib/argocd/bootstrap.ts";
import { readEnvironment } from "#lib/environment.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";
import { projectRoot } from "#lib/paths.ts";
import { readPinned } from "./manifests/pinned.ts";
import { readApps, renderFleet } from "./manifests/render.ts";
import { schemasOf } from "./manifests/schemas.ts";

const tools = join(projectRoot, ".tools");
/** Of the clusters in the cloud and of the local images. */
const kubernetes = "1.36.0";
const folder = await mkdtemp(join(tmpdir(), "manifests-"));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  process.exitCode = await check();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function check(): Promise<number> {
  const installs = new Map<string, readonly KubernetesObject[]>();
  const remote = new Map<string, readonly KubernetesObject[]>();
  for (const variant of Object.keys(bootstrapFolders) as readonly ArgocdVariant[]) {
    const pin = await readPin(projectRoot, variant);
    const text = await readPinned(pin, readEnvironment().argocdManifest);
    remote.set(pin.url, parseManifest(text, pin.url));
    installs.set(variant, renderBootstrap(text, pin));
  }
  const rendered = await renderFleet(fleet, projectRoot, (url) => remote.get(url) ?? []);
  const crds = await readDefinitions();
  await writeSchemas([...crds, ...[...installs.values()].flat()]);

  for (const [variant, objects] of installs) await write(`argo-cd-${variant}.json`, objects);
  for (const [path, objects] of await readApps(projectRoot)) await write(`${path}.json`, objects);
  const root = "argocd/root.yaml";
  await write(`${root}.json`, parseManifest(await Bun.file(join(projectRoot, root)).text(), root));
  for (const { cluster, application, objects } of rendered) {
    // Argo CD itself is the same on each of them, and large.
    const own = application.metadata.name === "argo-cd" ? [] : objects;
    await write(`${cluster.name}/${application.metadata.name}.json`, [application, ...own]);
  }
  return await kubeconform(crds.length === 0 ? ["ClusterIssuer"] : []);
}

/** Those that come with charts. */
async function readDefinitions(): Promise<readonly KubernetesObject[]> {
  const paths = [...new Bun.Glob("*.yaml").scanSync({ cwd: join(tools, "crds"), onlyFiles: true, absolute: true })];
  const texts = paths.map(async (path) => parseManifest(await Bun.file(path).text(), path));
  return (await Promise.all(texts)).flat();
}

async function writeSchemas(objects: readonly KubernetesObject[]): Promise<void> {
  for (const { path, schema } of objects.flatMap(schemasOf)) {
    await mkdir(dirname(join(folder, "schemas", path)), { recursive: true });
    await Bun.write(join(folder, "schemas", path), JSON.stringify(schema));
  }
}

async function write(path: string, objects: readonly KubernetesObject[]): Promise<void> {
  const target = join(folder, "manifests", path);
  await mkdir(dirname(target), { recursive: true });
  await Bun.write(target, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
}

async function kubeconform(skipped: readonly string[]): Promise<number> {
  const own = join(tools, "schemas", "{{ .ResourceKind }}{{ .KindSuffix }}.json");
  const offline = await Bun.file(join(tools, "schemas", "namespace-v1.json")).exists();
  const child = Bun.spawn(
    [
      "kubeconform",
      "-strict",
      "-summary",
      ...["-kubernetes-version", kubernetes],
      ...["-schema-location", offline ? own : "default"],
      ...["-schema-location", join(folder, "schemas", "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")],
      ...(skipped.length === 0 ? [] : ["-skip", skipped.join(",")]),
      join(folder, "manifests"),
    ],
    { stdout: "pipe", stderr: "pipe", stdin: "ignore" },
  );
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  say(`${stdout}${stderr}`.replaceAll(`${folder}/manifests/`, "").trim());
  if (skipped.length > 0) say(`without a schema here, and so not checked: ${skipped.join(", ")}`);
  return await child.exited;
}

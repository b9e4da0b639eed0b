import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { formatUsage } from "#lib/cli/options.ts";
import { formatOneLiner } from "#lib/commands/docker-one-liner.ts";
import { errorCodes } from "#lib/errors.ts";
import { generate } from "#lib/generate/files.ts";
import { projectRoot } from "#lib/paths.ts";
import { builtInProviders } from "#lib/providers.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { described } from "#tests/support/fleet.ts";
import packageJson from "../package.json";

const read = (path: string): Promise<string> => Bun.file(join(projectRoot, path)).text();
const list = (pattern: string): readonly string[] =>
  [...new Bun.Glob(pattern).scanSync({ cwd: projectRoot, dot: true })].sort();

/** Paths of the project that a file imports, also lazily. */
async function importsOf(path: string): Promise<readonly string[]> {
  const found = (await read(path)).matchAll(/(?:from|import\()\s*"#?([^"]+)"/g);
  return [...found].map((match) => match[1] ?? "");
}

describe("the parts of the project", () => {
  /** Folders and files of lib/, from those that import nothing above them; one line imports only from itself and from lines before it. */
  const layers: readonly (readonly string[])[] = [
    ["(base)"],
    ["fleet"],
    ["sandbox.ts"],
    ["dns"],
    ["kubernetes"],
    ["graph"],
    ["render"],
    ["argocd"],
    ["cloud"],
    ["provider.ts"],
    ["aws", "azure", "gcp", "local"],
    ["providers.ts"],
    ["fleet-graph.ts", "orphans.ts"],
    ["verbs"],
    ["view"],
    ["cli"],
    ["commands"],
    ["task.ts"],
    ["generate"],
  ];
  const level = new Map(layers.flatMap((names, index) => names.map((name) => [name, index] as const)));
  /** `aws` of `lib/aws/provider.ts`. */
  const partOf = (path: string): string => {
    const [, first = "", ...rest] = path.split("/");
    return rest.length > 0 || level.has(first) ? first : "(base)";
  };

  test("depend on each other in one direction only", async () => {
    const faults: string[] = [];
    for (const path of list("lib/**/*.ts")) {
      const own = partOf(path);
      if (!level.has(own)) faults.push(`${own} has no place in the layers`);
      for (const target of await importsOf(path)) {
        if (/^(sandbox|tasks|tests|scripts)\//.test(target)) faults.push(`${path} imports ${target}`);
        if (!target.startsWith("lib/")) continue;
        const other = partOf(target);
        // Providers are in one line, and know nothing of each other.
        const isUpward = (level.get(other) ?? 0) > (level.get(own) ?? 0);
        const isSibling = other !== own && level.get(other) === level.get(own);
        if (isUpward || isSibling) faults.push(`${path} imports ${target}`);
      }
    }
    const ofSandbox =
      /^(tasks|tests|scripts)\/|^lib\/(?!errors\.ts|aws\/fleet\/eks-versions\.ts|clock\.ts|files\.ts|fleet\/cidr\.ts|file-modes\.ts|kubernetes\/|local\/config\.ts|argocd\/kustom)/;
    for (const path of list("sandbox/**/*.ts")) {
      for (const target of await importsOf(path)) if (ofSandbox.test(target)) faults.push(`${path} imports ${target}`);
    }
    expect(faults).toEqual([]);
  });

  test("import each other in no circle, types included", async () => {
    const modules = new Map<string, readonly string[]>();
    for (const path of list("{lib,sandbox}/**/*.ts")) modules.set(path, await importsOf(path));
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      if (done.has(path)) return;
      done.add(path);
      for (const target of modules.get(path) ?? []) walk(target, [...trail, path]);
    };
    for (const path of modules.keys()) walk(path, []);
    expect(circles).toEqual([]);
  });

  test("read the environment in one module only", async () => {
    const readers = [];
    for (const path of list("lib/**/*.ts")) if (/process\.env|Bun\.env/.test(await read(path))) readers.push(path);
    expect(readers).toEqual(["lib/environment.ts"]);
  });

  test("know each large library in one module, and load it late", async () => {
    for (const [library, home] of [
      ["listr2", "lib/view/tree.ts"],
      ["zx/core", "lib/exec.ts"],
      ["dns-packet", "lib/dns/query.ts"],
      ["@aws-sdk/client-sts", "lib/aws/credentials/sts.ts"],
      ["@aws-sdk/credential-providers", "lib/aws/credentials/base.ts"],
      ["@aws-sdk/client-cloudformation", "lib/aws/create-clients.ts"],
      ["@aws-sdk/client-iam", "lib/aws/create-clients.ts"],
      ["@aws-sdk/client-route-53", "lib/aws/create-clients.ts"],
      ["@azure/identity", "lib/azure/credentials/sign-in.ts"],
      ["@azure/arm-dns", "lib/azure/dns.ts"],
      ["@azure-rest/core-client", "lib/azure/arm.ts"],
      ["@azure/core-rest-pipeline", "lib/azure/http-client.ts"],
      ["@google-cloud/dns", "lib/gcp/dns.ts"],
      ["google-auth-library", "lib/gcp/credentials/subject-token.ts"],
    ] as const) {
      const users = [];
      for (const path of list("{lib,tasks}/**/*.ts")) {
        const imports = (await read(path)).replaceAll(/^import type [^;]*;/gm, "");
        if (imports.includes(`"${library}"`) && !imports.includes(`typeof import("${library}")`)) users.push(path);
      }
      expect(users).toEqual([home]);
      expect(await read(home)).not.toMatch(new RegExp(`^import (?!type).*"${library}"`, "m"));
    }
  });
});

describe("a task", () => {
  const tasks = list("tasks/**/*.ts");

  test("is executable in git, because that is what makes it a task", () => {
    const staged = Bun.spawnSync(["git", "ls-files", "-s", "tasks"], { cwd: projectRoot }).stdout.toString().trim();
    const modes = staged.split("\n").filter((line) => line !== "");
    expect(modes.length).toBe(tasks.length);
    for (const line of modes) expect(line).toStartWith("100755");
  });

  test.each([...tasks])("%s begins with a shebang and a description, and does nothing when imported", async (path) => {
    const text = await read(path);
    expect(text).toMatch(/^#!\/usr\/bin\/env bun\n\/\/MISE description="[A-Z][^"]+[^."]"\n/);
    expect(text).toContain("if (import.meta.main) ");
  });

  test("tells mise the options that it has", async () => {
    for (const path of tasks) {
      const text = await read(path);
      if (!text.includes("export const spec")) continue;
      const { spec } = await import(join(projectRoot, path));
      const usage = text.split("\n").filter((line) => line.startsWith("//USAGE "));
      expect(usage).toEqual([...formatUsage(spec)]);
    }
  });

  test("exists for every name of the specification", async () => {
    const generated = (await generate(described(fleet))).files
      .map(({ path }) => path)
      .filter((path) => path.startsWith("tasks/"));
    const names = [...new Set([...tasks, ...generated])].map((path) =>
      path.slice("tasks/".length, -".ts".length).replaceAll("/", ":"),
    );
    for (const verb of ["create", "delete"]) {
      for (const name of ["kind:kind01-internal", "kind:kind02-internal", "k3d:k3d01-internal", "k3d:k3d02-internal"]) {
        expect(names).toContain(`${verb}:${name}`);
      }
      for (const name of ["k01", "k02", "k03", "k04"])
        expect(names).toContain(`${verb}:eks:${name}-k8s-aws-mylabs-dev`);
      expect(names).toContain(`${verb}:aws-mgmt:cf-route53-gh-action-iam-role-oidc`);
      expect(names).toContain(`${verb}:aws-tenant:cf-iam-role`);
      for (const name of ["kind-all", "k3d-all", "eks-all", "all"]) expect(names).toContain(`${verb}-${name}`);
    }
    for (const name of ["status", "plan", "doctor", "kubeconfig", "test:docker-one-liner"])
      expect(names).toContain(name);
  });
});

describe("the documentation", () => {
  const ofProviders = [...builtInProviders.values()].flatMap((provider) => provider.errorCodes ?? []);
  const allCodes: readonly string[] = [...Object.keys(errorCodes), ...ofProviders];

  test("explains every error code, and no other", async () => {
    const documented = [...(await read("docs/errors.md")).matchAll(/^\| ([A-Z]\w+) \|/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(documented.sort()).toEqual([...allCodes].sort());
  });

  test("explains no error that nothing throws", async () => {
    const source = (await Promise.all(list("{lib,tasks}/**/*.ts").map(read))).join("\n");
    // A provider's own are written once more in its list.
    const times = (code: string): number => (code in errorCodes ? 2 : 3);
    const unused = allCodes.filter((code) => source.split(`"${code}"`).length < times(code));
    expect(unused).toEqual([]);
  });

  test("calls one version of Bun everywhere", async () => {
    const { packageManager } = packageJson;
    const version = packageManager.replace("bun@", "");
    const places = ["README.md", "CONTRIBUTING.md", ".github/workflows/ci.yml"];
    for (const place of places) {
      for (const [, found] of (await read(place)).matchAll(/bun@(\d[\d.]*\d)/g))
        expect(`${place}: ${found}`).toBe(`${place}: ${version}`);
    }
    expect(packageJson.devDependencies["bun-types"]).toBe(version);
    expect(await read("mise.toml")).toContain(`bun = "${version}"`);
  });

  test("shows the Docker one-liner as it is run", async () => {
    expect(await read("README.md")).toContain(formatOneLiner());
  });

  test("has no link to a file that isn't there", async () => {
    for (const place of ["README.md", "CONTRIBUTING.md", ...list("docs/*.md")]) {
      for (const [, target = ""] of (await read(place)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const path = join(place, "..", target);
        const exists = (await Bun.file(join(projectRoot, path)).exists()) || list(`${path}/**`).length > 0;
        expect(`${place}: ${target} ${exists}`).toBe(`${place}: ${target} true`);
      }
    }
  });
});

describe("versions", () => {
  test("are pinned exactly", () => {
    const all = { ...packageJson.dependencies, ...packageJson.devDependencies };
    for (const [name, version] of Object.entries(all)) expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+$/);
  });

  test("behind a renovate comment are found by Renovate's pattern", async () => {
    const config = await read("renovate.json5");
    const [, source = ""] = /matchStrings: \[\s*"((?:[^"\\]|\\.)*)"/.exec(config) ?? [];
    const pattern = new RegExp(JSON.parse(`"${source}"`) as string, "g");
    for (const path of ["clusters/images.ts", "lib/commands/docker-one-liner.ts", ".ci/run"]) {
      const text = await read(path);
      const found = [...text.matchAll(pattern)];
      expect(found.length).toBe(text.split("renovate: datasource").length - 1);
      for (const match of found) expect(match.groups?.currentValue).toMatch(/^v?\d/);
    }
    const images = [...(await read("clusters/images.ts")).matchAll(pattern)];
    for (const match of images) expect(match.groups?.currentDigest).toStartWith("sha256:");
  });
});

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  endpointOf,
  formatKubeconfig,
  type Kubeconfig,
  mergeKubeconfigs,
  parseKubeconfig,
  readKubeconfigFile,
  removeKubeconfigFile,
  writeKubeconfigFile,
} from "#lib/kubernetes/kubeconfig.ts";
import { failureOf } from "#tests/support/failure.ts";
import { kubeconfigOf, secret } from "#tests/support/kubeconfigs.ts";
import { withFolder } from "#tests/support/processes.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const kubectl = Bun.which("kubectl");

describe("a kubeconfig", () => {
  test("survives being written and read, with what isn't known here", () => {
    const kubeconfig = { ...kubeconfigOf("one"), preferences: { colors: true } };
    expect(parseKubeconfig(formatKubeconfig(kubeconfig), "here")).toEqual(kubeconfig);
  });

  test("leads to the endpoint of its current context", () => {
    const merged = mergeKubeconfigs([
      { ...kubeconfigOf("one"), "current-context": "two" },
      kubeconfigOf("two", { server: "https://127.0.0.1:6552", token: "t2", ca: "pem" }),
    ]);
    expect(endpointOf(merged, "here")).toEqual({
      server: "https://127.0.0.1:6552",
      ca: "pem",
      certificate: undefined,
      key: undefined,
      token: "t2",
    });
  });

  test("holds certificates that are decoded", () => {
    const kubeconfig = kubeconfigOf("one");
    const user = { "client-certificate-data": btoa("certificate"), "client-key-data": btoa("key") };
    const endpoint = endpointOf({ ...kubeconfig, users: [{ name: "one", user }] }, "here");
    expect(endpoint).toMatchObject({ certificate: "certificate", key: "key", token: undefined });
  });

  test.each([
    ["no context of its name", { ...kubeconfigOf("one"), "current-context": "two" }],
    ["no user", { ...kubeconfigOf("one"), users: [] }],
    ["no cluster", { ...kubeconfigOf("one"), clusters: [] }],
  ])("with %s has no endpoint", async (_, kubeconfig) => {
    const error = await failureOf(() => endpointOf(kubeconfig, "here"));
    expect([error.code, error.message]).toEqual([
      "KubeconfigInvalid",
      "here: the current context names no cluster or user",
    ]);
  });

  test.each([
    ["no YAML", `a: [${secret}\nb: }`],
    ["text", secret],
    ["a list", `- ${secret}`],
    ["nothing", ""],
    ["another kind", formatKubeconfig(kubeconfigOf("one")).replace("Config", secret)],
    ["a token that is no text", formatKubeconfig(kubeconfigOf("one")).replace(secret, `[${secret}]`)],
    ["a server that is no address", formatKubeconfig(kubeconfigOf("one", { server: secret }))],
    [
      "a key that isn't base64",
      `${formatKubeconfig(kubeconfigOf("one")).replace("token:", "client-key-data: '!'\n      token:")}`,
    ],
    [
      "a key of a map that is a secret",
      formatKubeconfig(kubeconfigOf("one")).replace("token:", `? ${secret}\n      : 1\n      token: {}\n      x:`),
    ],
  ])("that is %s is refused without a word of its text", async (_, text) => {
    const error = await failureOf(() => parseKubeconfig(text, "somewhere.yml"));
    expect(error.code).toBe("KubeconfigInvalid");
    expect(error.message).toStartWith("somewhere.yml: ");
    expect(Bun.inspect(error)).not.toContain(secret);
    expect(error.hint).toContain("create");
  });
});

describe("several kubeconfigs", () => {
  const first = kubeconfigOf("same", { server: "https://127.0.0.1:1", token: "first" });
  const second = kubeconfigOf("same", { server: "https://127.0.0.1:2", token: "second" });
  const other = kubeconfigOf("other");

  test("become one in which the first of a name wins", () => {
    expect(mergeKubeconfigs([first, second])).toEqual(first);
    const merged = mergeKubeconfigs([first, other, second]);
    expect(merged.contexts.map((context) => context.name)).toEqual(["same", "other"]);
    expect(merged.users[0]?.user.token).toBe("first");
    expect(merged["current-context"]).toBe("same");
  });

  test("without a current context have none together", () => {
    const { "current-context": _, ...none } = other;
    expect(mergeKubeconfigs([none])).not.toHaveProperty("current-context");
    expect(mergeKubeconfigs([none, first])["current-context"]).toBe("same");
  });

  test.skipIf(kubectl === null)("become the same one as with kubectl", () =>
    withFolder(async (folder) => {
      const files = [kubeconfigOf("three", { ca: "pem" }), first, other, second];
      const paths = files.map((_, index) => join(folder, `${index}.yml`));
      for (const [index, file] of files.entries()) await Bun.write(paths[index] ?? "", formatKubeconfig(file));
      const args = ["config", "view", "--flatten", "--output", "json"];
      const { stdout } = Bun.spawnSync([kubectl ?? "", ...args], {
        env: { KUBECONFIG: paths.join(":"), HOME: folder },
      });
      const sorted = ({ clusters, users, contexts, ...rest }: Kubeconfig) => {
        const byName = <Entry extends { readonly name: string }>(list: readonly Entry[]) =>
          list.toSorted((a, b) => a.name.localeCompare(b.name));
        return { ...rest, clusters: byName(clusters), users: byName(users), contexts: byName(contexts) };
      };
      const { preferences: _, ...theirs } = JSON.parse(stdout.toString());
      expect(sorted(mergeKubeconfigs(files))).toEqual(sorted(theirs));
    }),
  );
});

describe("a kubeconfig file", () => {
  test("is private, also over one that wasn't", () =>
    withFolder(async (folder) => {
      const path = join(folder, "kubeconfigs/one.yml");
      await Bun.write(path, "old");
      await chmod(path, 0o644);
      await writeKubeconfigFile(path, kubeconfigOf("one"));
      const file = await readKubeconfigFile(path);
      expect(file?.mode).toBe(0o600);
      expect(parseKubeconfig(file?.text ?? "", path)).toEqual(kubeconfigOf("one"));
    }));

  test("tells the mode that it has", () =>
    withFolder(async (folder) => {
      const path = join(folder, "one.yml");
      await Bun.write(path, "text");
      await chmod(path, 0o640);
      expect(await readKubeconfigFile(path)).toEqual({ text: "text", mode: 0o640 });
      expect(await readKubeconfigFile(join(folder, "none.yml"))).toBeUndefined();
    }));

  test("goes with its lock, and takes the folder along when it was the last", () =>
    withFolder(async (folder) => {
      const kubeconfigs = join(folder, "kubeconfigs");
      const [one, two] = [join(kubeconfigs, "one.yml"), join(kubeconfigs, "two.yml")] as const;
      for (const path of [one, `${one}.lock`, two]) await Bun.write(path, "");
      await removeKubeconfigFile(one, kubeconfigs);
      expect(await readdir(kubeconfigs)).toEqual(["two.yml"]);
      await removeKubeconfigFile(two, kubeconfigs);
      await removeKubeconfigFile(two, kubeconfigs);
      await expect(stat(kubeconfigs)).rejects.toThrow("ENOENT");
    }));
});

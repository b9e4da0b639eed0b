import { describe, expect, test } from "bun:test";
import { expandApplicationSet, type KnownCluster } from "#sandbox/argocd/application-set.ts";
import { renderTemplate } from "#sandbox/argocd/template.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

const parameters = {
  name: "kind01.internal",
  metadata: { annotations: { zone: "z.example.org", empty: "", "a/b": "slash" }, labels: { provider: "kind" } },
};

describe("a template", () => {
  test.each([
    ["plain", "plain"],
    ["{{ .name }}", "kind01.internal"],
    ["{{.name}}-{{ .metadata.labels.provider }}", "kind01.internal-kind"],
    ['{{ index .metadata.annotations "a/b" }}', "slash"],
    ['{{ index .metadata.annotations "missing" }}', ""],
    ["{{ .metadata.annotations.zone | quote }}", '"z.example.org"'],
    ["{{ quote .metadata.annotations.empty }}", '""'],
    ['{{ .metadata.annotations.empty | default "none" }}', "none"],
    ['{{ default "none" .name | quote }}', '"kind01.internal"'],
    ["{{ .metadata.labels | toJson }}", '{"provider":"kind"}'],
    ['{{ "<a & b>" | toJson }}', '"\\u003ca \\u0026 b\\u003e"'],
    ['{{ "argocd/apps" | dir }}/demo', "argocd/demo"],
    ['{{ "a/b/" | dir }}', "a/b"],
    ['{{ "/a" | dir }}', "/"],
  ])("%s gives %s", (template, text) => {
    expect(renderTemplate(template, parameters)).toBe(text);
  });

  test.each([
    ["{{ .metadata.annotations.missing }}", 'map has no entry for key "missing"'],
    ["{{ .nothing.at.all }}", 'map has no entry for key "nothing"'],
    ["{{ .name.deeper }}", 'map has no entry for key "deeper"'],
    ["{{ .name", "unclosed action"],
    ["{{ .name .name }}", "can't give argument to non-function"],
    ["{{ toJson }}", "wrong number of arguments"],
    ["{{ }}", "missing value for command"],
  ])("%s fails as in Argo CD", (template, why) => {
    expect(() => renderTemplate(template, parameters)).toThrow(Failed);
    expect(() => renderTemplate(template, parameters)).toThrow(why);
  });

  test.each([
    "{{ if .name }}x{{ end }}",
    "{{ range .metadata.labels }}{{ . }}{{ end }}",
    "{{ $x := .name }}",
    "{{ .name | upper }}",
    '{{ printf "%s" .name }}',
    "{{/* comment */}}",
    "{{ . }}",
    "{{ .metadata.labels }}",
    '{{ index .metadata "labels" }}',
    '{{ "ü" | quote }}',
    "{{ 1 }}",
    "{{- .name }}",
    "{{ `raw` }}",
    '{{ dir (index .metadata.annotations "a/b") }}',
  ])("%s is refused, with its text", (template) => {
    expect(() => renderTemplate(template, parameters)).toThrow(Refused);
  });
});

const clusters: readonly KnownCluster[] = [
  { name: "a.internal", server: "https://a", labels: { env: "dev", on: "true" }, annotations: { zone: "a" } },
  { name: "B_x", server: "https://b", labels: { env: "prod" }, annotations: { zone: "b" } },
];

function set(spec: object): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "ApplicationSet",
    metadata: { name: "demo", namespace: "argocd" },
    spec: {
      goTemplate: true,
      goTemplateOptions: ["missingkey=error"],
      generators: [{ clusters: { selector: { matchLabels: { on: "true" } } } }],
      template: { metadata: { name: "demo" }, spec: { project: "{{ .metadata.annotations.zone }}", n: 1 } },
      ...spec,
    },
  };
}

function names(selector: object): readonly string[] {
  const template = { metadata: { name: "{{ .nameNormalized }}" }, spec: {} };
  const expansion = expandApplicationSet(set({ generators: [{ clusters: { selector } }], template }), clusters);
  if (expansion.kind !== "applications") throw new Error(expansion.why);
  return expansion.applications.map(({ metadata }) => metadata.name);
}

describe("an ApplicationSet", () => {
  test("gives an Application per cluster that fits", () => {
    expect(expandApplicationSet(set({}), clusters)).toEqual({
      kind: "applications",
      applications: [
        {
          apiVersion: "argoproj.io/v1alpha1",
          kind: "Application",
          metadata: {
            name: "demo",
            namespace: "argocd",
            finalizers: ["resources-finalizer.argocd.argoproj.io"],
          },
          spec: { project: "a", n: 1 },
        },
      ],
    });
  });

  test.each([
    [{ matchLabels: { env: "prod" } }, ["b-x"]],
    [{ matchLabels: { env: "dev", on: "false" } }, []],
  ])("chooses by %p", (selector, expected) => {
    expect(names(selector)).toEqual(expected);
  });

  test("gives no finalizer where resources outlive it, and keeps one of its own", () => {
    const syncPolicy = { preserveResourcesOnDeletion: true };
    const kept = expandApplicationSet(set({ syncPolicy }), clusters);
    expect(kept.kind === "applications" && kept.applications[0]?.metadata.finalizers).toBeUndefined();
    const template = { metadata: { name: "demo", finalizers: ["own/one"] }, spec: {} };
    expect(expandApplicationSet(set({ template }), clusters)).toMatchObject({
      applications: [{ metadata: { finalizers: ["own/one"] } }],
    });
  });

  test("fails where Argo CD does", () => {
    const missing = { metadata: { name: "demo" }, spec: { x: "{{ .metadata.annotations.nothing }}" } };
    expect(expandApplicationSet(set({ template: missing }), clusters)).toEqual({
      kind: "failed",
      why: 'failed to execute go template {{ .metadata.annotations.nothing }}: map has no entry for key "nothing"',
    });
    const generators = Array(2).fill({ clusters: { selector: { matchLabels: { on: "true" } } } });
    expect(expandApplicationSet(set({ generators }), clusters)).toMatchObject({ kind: "failed" });
  });

  test.each([
    [{ goTemplate: false }, "spec.goTemplate"],
    [{ goTemplateOptions: [] }, "spec.goTemplateOptions"],
    [{ generators: [{ git: {} }] }, "spec.generators.0"],
    [{ generators: [{ clusters: { flatList: true } }] }, "flatList"],
    [{ generators: [{ clusters: {} }] }, "spec.generators.0.clusters.selector"],
    [{ generators: [{ clusters: { selector: { matchLabels: {} } } }] }, "selector.matchLabels"],
    [{ generators: [{ clusters: { selector: { matchExpressions: [] } } }] }, "matchExpressions"],
    [{ syncPolicy: { applicationsSync: "create-only" } }, "spec.syncPolicy.applicationsSync"],
    [{ templatePatch: "x" }, "templatePatch"],
    [{ strategy: {} }, "strategy"],
    [{ template: { metadata: { name: "x" }, spec: { a: "{{ if .name }}{{ end }}" } } }, "if .name"],
  ])("refuses %p, naming it", (spec, why) => {
    const expansion = expandApplicationSet(set(spec), clusters);
    expect(expansion.kind).toBe("refused");
    expect(expansion.kind === "refused" && expansion.why).toContain(why);
  });
});

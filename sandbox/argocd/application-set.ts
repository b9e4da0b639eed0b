import { z } from "zod";
import { type Parameters, renderTemplate } from "#sandbox/argocd/template.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";
import { refusedField } from "#sandbox/unknown-field.ts";

/** A cluster that Argo CD knows: its secret, decoded. */
export interface KnownCluster {
  readonly name: string;
  readonly server: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An Application as the controller makes it, without what an API server adds. */
export type GeneratedApplication = z.infer<typeof templateSchema> & {
  readonly apiVersion: "argoproj.io/v1alpha1";
  readonly kind: "Application";
  readonly metadata: { readonly name: string; readonly namespace: string };
};

export type Expansion =
  | { readonly kind: "applications"; readonly applications: readonly GeneratedApplication[] }
  /** The real Argo CD would report this error as well. */
  | { readonly kind: "failed"; readonly why: string }
  /** The real Argo CD might do it; the sandbox doesn't know how. */
  | { readonly kind: "refused"; readonly why: string };

const finalizer = "resources-finalizer.argocd.argoproj.io";

const texts = z.record(z.string(), z.string());

const templateSchema = z.strictObject({
  metadata: z.strictObject({
    name: z.string(),
    namespace: z.string().exactOptional(),
    labels: texts.exactOptional(),
    annotations: texts.exactOptional(),
    finalizers: z.array(z.string()).exactOptional(),
  }),
  spec: z.looseObject({}),
});

/** All that is known here: anything else is refused by its name. */
const schema = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string() }),
  spec: z.strictObject({
    goTemplate: z.literal(true),
    goTemplateOptions: z.tuple([z.literal("missingkey=error")]),
    generators: z.array(
      z.strictObject({
        clusters: z.strictObject({
          // Without labels, the cluster that Argo CD runs in would be one of them even where it has no secret.
          selector: z.strictObject({ matchLabels: texts.refine((labels) => Object.keys(labels).length > 0) }),
        }),
      }),
    ),
    syncPolicy: z
      .strictObject({
        applicationsSync: z.literal("sync").optional(),
        preserveResourcesOnDeletion: z.boolean().optional(),
      })
      .default({}),
    template: templateSchema,
  }),
});

/** The Applications that an ApplicationSet stands for, by the clusters that Argo CD knows. Pure. */
export function expandApplicationSet(applicationSet: unknown, clusters: readonly KnownCluster[]): Expansion {
  const parsed = schema.safeParse(applicationSet);
  if (!parsed.success) {
    const place = refusedField(parsed.error);
    return { kind: "refused", why: `${place} is not in the part of ApplicationSets that the sandbox knows` };
  }
  const { metadata, spec } = parsed.data;
  try {
    const applications = spec.generators
      .flatMap(({ clusters: { selector } }) => clusters.filter(({ labels }) => fits(labels, selector.matchLabels)))
      .map((cluster): GeneratedApplication => {
        const parameters = parametersOf(cluster);
        const template = renderDeeply(spec.template, parameters) as z.infer<typeof templateSchema>;
        const keeps = spec.syncPolicy.preserveResourcesOnDeletion === true;
        const named = template.metadata.finalizers ?? [];
        const finalizers = named.length > 0 || keeps ? named : [finalizer];
        return {
          apiVersion: "argoproj.io/v1alpha1",
          kind: "Application",
          metadata: {
            ...template.metadata,
            namespace: template.metadata.namespace ?? metadata.namespace,
            ...(finalizers.length === 0 ? {} : { finalizers }),
          },
          spec: template.spec,
        };
      });
    const names = applications.map((application) => application.metadata.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice === undefined) return { kind: "applications", applications };
    return {
      kind: "failed",
      why: `ApplicationSet ${metadata.name} contains applications with duplicate name: ${twice}`,
    };
  } catch (error) {
    if (error instanceof Failed) return { kind: "failed", why: error.message };
    if (error instanceof Refused) return { kind: "refused", why: error.message };
    throw error;
  }
}

function parametersOf({ name, server, labels, annotations }: KnownCluster): Parameters {
  return {
    name,
    nameNormalized: normalize(name),
    server,
    project: "",
    metadata: {
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
  };
}

/** As Argo CD makes a name fit for an object's. */
function normalize(name: string): string {
  const allowed = name.toLowerCase().replaceAll(/[^-a-z0-9.]/g, "-");
  return allowed.slice(0, 253).replaceAll(/^[-.]+|[-.]+$/g, "");
}

function fits(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** Every text is a template, keys too. */
function renderDeeply(value: unknown, parameters: Parameters): unknown {
  if (typeof value === "string") return renderTemplate(value, parameters);
  if (Array.isArray(value)) return value.map((item: unknown) => renderDeeply(item, parameters));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [renderTemplate(key, parameters), renderDeeply(inner, parameters)]),
  );
}

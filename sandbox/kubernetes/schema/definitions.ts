import data from "#sandbox/kubernetes/schema/definitions.json" with { type: "json" };

/**
 * The fields of one type of Kubernetes' own. A field's type is a text: `string`, `number`, `boolean`, `scalar` (text or
 * number), `any`, `#name` (another definition), `map:T`, `atomic-map:T`, `list:T` (replaced as a whole), `set:T`, or
 * `list[key,key]:T` (items are told apart by these keys).
 */
export interface Definition {
  /** Replaced as a whole. */
  readonly atomic?: boolean;
  readonly fields: Readonly<Record<string, string>>;
  /** Of texts only: these can be keys of lists. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/** Written by scripts/kubernetes-schema.ts from what a real API server says of itself. */
export interface Definitions {
  /** Definition by `apps/v1/Deployment`. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly definitions: Readonly<Record<string, Definition>>;
}

export const definitions: Definitions = data;

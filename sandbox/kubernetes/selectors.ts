import { stringAt, stringsAt } from "#sandbox/json.ts";
import type { KubernetesObject } from "#sandbox/kubernetes/kinds.ts";
import { badRequest } from "#sandbox/kubernetes/status.ts";

export type Matcher = (object: KubernetesObject) => boolean;

/** Label selectors by equality: `a=b`, `a==b`, `a!=b`, `a`, `!a`, joined by commas. Set-based ones are refused. */
export function parseLabelSelector(text: string): Matcher {
  const terms = split(text).map((term): Matcher => {
    const labels = (object: KubernetesObject) => stringsAt(object, "metadata", "labels");
    const pair = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/.exec(term);
    if (pair !== null) {
      const [, key = "", operator, value] = pair;
      return operator === "!=" ? (object) => labels(object)[key] !== value : (object) => labels(object)[key] === value;
    }
    const existence = /^(!?)\s*([A-Za-z0-9./_-]+)$/.exec(term);
    if (existence === null)
      throw badRequest(`unable to parse requirement: the sandbox knows equality only, not "${term}"`);
    const [, negated, key = ""] = existence;
    return (object) => (labels(object)[key] === undefined) === (negated === "!");
  });
  return (object) => terms.every((matches) => matches(object));
}

/** Field selectors on `metadata.name` and `metadata.namespace`; others are refused as the real server does. */
export function parseFieldSelector(text: string): Matcher {
  const terms = split(text).map((term): Matcher => {
    const pair = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
    const [, field = "", operator, value] = pair ?? [];
    if (pair === null || !["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"].includes(field)) {
      throw badRequest(`field label not supported: ${field === "" ? term : field}`);
    }
    return (object) => (stringAt(object, ...field.split(".")) === value) === (operator !== "!=");
  });
  return (object) => terms.every((matches) => matches(object));
}

function split(text: string): readonly string[] {
  return text
    .split(",")
    .map((term) => term.trim())
    .filter((term) => term !== "");
}

import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

type SubPart =
  | { readonly kind: "text"; readonly text: string }
  /** Between `${` and `}`: a name, or a resource's name, a dot and its attribute. */
  | { readonly kind: "name"; readonly name: string };

/** The pieces of `Fn::Sub`, and the variables that it brings along. `${!Name}` is the text `${Name}`. */
export function splitSub(input: Json): { readonly parts: readonly SubPart[]; readonly variables: JsonObject } {
  const [template, variables] = typeof input === "string" ? [input, {}] : Array.isArray(input) ? input : [];
  if (typeof template !== "string" || !isObject(variables ?? {})) {
    throw invalid(
      "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
    );
  }
  const parts: SubPart[] = [];
  let end = 0;
  for (const match of template.matchAll(/\$\{([^}]*)\}/g)) {
    if (match.index > end) parts.push({ kind: "text", text: template.slice(end, match.index) });
    const name = (match[1] ?? "").trim();
    if (name.startsWith("!")) parts.push({ kind: "text", text: `\${${name.slice(1)}}` });
    else if (/^[A-Za-z0-9:.]+$/.test(name)) parts.push({ kind: "name", name });
    else {
      throw invalid(
        `Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons`,
      );
    }
    end = match.index + match[0].length;
  }
  parts.push({ kind: "text", text: template.slice(end) });
  return { parts, variables: isObject(variables) ? variables : {} };
}

import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { Condition, Policy, Principal, Selection, Statement } from "#sandbox/aws/policy/document.ts";
import { tryParseOperator } from "#sandbox/aws/policy/operators.ts";
import { isObject, type JsonObject } from "#sandbox/json.ts";

/** `identity`: of users, roles and managed policies. `trust`: who may assume a role. `key`: who may use a key of KMS. */
export type PolicyKind = "identity" | "trust" | "key";

const statementKeys = ["Sid", "Effect", "Action", "NotAction", "Condition"] as const;
const ownKeys: Readonly<Record<PolicyKind, readonly string[]>> = {
  identity: [...statementKeys, "Resource", "NotResource"],
  trust: [...statementKeys, "Principal", "NotPrincipal"],
  key: [...statementKeys, "Principal", "NotPrincipal", "Resource", "NotResource"],
};
/** What may be asked of a role. */
const trustActions: readonly string[] = [
  "sts:AssumeRole",
  "sts:AssumeRoleWithSAML",
  "sts:AssumeRoleWithWebIdentity",
  "sts:SetContext",
  "sts:SetSourceIdentity",
  "sts:TagSession",
];

/** By the grammar of policies. @throws AwsFault MalformedPolicyDocument in the words of IAM */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const document = parseJson(text);
  const { Version: version = "2008-10-17", Statement: body, Id: id, ...rest } = document;
  if (Object.keys(rest).length > 0 || (id !== undefined && typeof id !== "string")) throw syntaxError();
  if (version !== "2008-10-17" && version !== "2012-10-17") throw syntaxError();
  const bodies: readonly unknown[] = Array.isArray(body) ? body : [body];
  const statements = bodies.map((one) => parseStatement(one, kind));
  if (statements.length === 0) throw malformed("Policy document must contain statements.");
  const ids = bodies.map((one) => (isObject(one) ? one.Sid : undefined)).filter((sid) => sid !== undefined);
  if (new Set(ids).size < ids.length) throw malformed("Statement IDs (SID) in a single policy must be unique.");
  return { version, statements };
}

function parseJson(text: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed("This policy contains invalid Json");
  }
  if (!isObject(document)) throw syntaxError();
  return document;
}

function parseStatement(body: unknown, kind: PolicyKind): Statement {
  if (!isObject(body)) throw syntaxError();
  for (const key of Object.keys(body)) {
    if (ownKeys[kind].includes(key)) continue;
    if (kind === "trust" && key.endsWith("Resource")) throw malformed(`Has prohibited field ${key}`);
    if (key.endsWith("Principal")) throw malformed("Policy document should not specify a principal.");
    throw syntaxError();
  }
  const { Effect: effect, Sid: sid } = body;
  if (effect !== "Allow" && effect !== "Deny") throw syntaxError();
  if (sid !== undefined && (typeof sid !== "string" || !/^[A-Za-z0-9]*$/.test(sid))) {
    throw malformed(
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  }
  const actions = selection(body, "Action");
  if (actions === undefined) throw malformed("Policy statement must contain actions.");
  checkActions(actions, kind);
  const resources = selection(body, "Resource");
  if (kind !== "trust") {
    if (resources === undefined) throw malformed("Policy statement must contain resources.");
    for (const resource of resources.texts) {
      if (resource === "*" || /^arn:[^:]+:[^:]*/.test(resource) || resource.startsWith("${")) continue;
      throw malformed(`Resource ${resource} must be in ARN format or "*".`);
    }
  }
  const principals = kind === "identity" ? undefined : parsePrincipals(body);
  return { effect, actions, resources, principals, conditions: parseConditions(body.Condition) };
}

function checkActions({ texts }: Selection, kind: PolicyKind): void {
  for (const text of texts) {
    if (text !== "*" && !/^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$/.test(text)) {
      throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    if (kind === "trust" && !text.toLowerCase().startsWith("sts:")) {
      throw malformed("AssumeRole policy may only specify STS AssumeRole actions.");
    }
    const isKnown = trustActions.some((action) => action.toLowerCase() === text.toLowerCase());
    if (kind === "trust" && !/[*?]/.test(text) && !isKnown) {
      throw malformed("AssumeRole policy may only specify STS AssumeRole actions.");
    }
  }
}

/** `Name` or `NotName`, one text or several; undefined when neither is there. */
function selection(body: JsonObject, name: string): Selection | undefined {
  const [only, except] = [body[name], body[`Not${name}`]];
  if (only !== undefined && except !== undefined) throw syntaxError();
  const found = only ?? except;
  if (found === undefined) return undefined;
  const texts = textsOf(found);
  if (texts.length === 0) return undefined;
  return { except: only === undefined, texts };
}

function parsePrincipals(body: JsonObject): Statement["principals"] {
  const [only, except] = [body.Principal, body.NotPrincipal];
  if ((only === undefined) === (except === undefined)) throw malformed("Missing required field Principal");
  const found = only ?? except;
  if (found === "*") return { except: only === undefined, principals: [{ kind: "AWS", name: "*" }] };
  if (!isObject(found)) throw syntaxError();
  const principals = Object.entries(found).flatMap(([kind, names]) => {
    if (kind !== "AWS" && kind !== "Service" && kind !== "Federated") throw syntaxError();
    return textsOf(names).map((name): Principal => ({ kind, name }));
  });
  if (principals.length === 0) throw malformed("Missing required field Principal");
  return { except: only === undefined, principals };
}

function parseConditions(body: unknown): readonly Condition[] {
  if (body === undefined) return [];
  if (!isObject(body)) throw syntaxError();
  return Object.entries(body).flatMap(([operator, keys]) => {
    if (/(Numeric|Date|Binary|IpAddress)/.test(operator)) throw malformed(`the sandbox does not know ${operator}`);
    if (tryParseOperator(operator) === undefined) throw malformed(`Invalid Condition type : ${operator}.`);
    if (!isObject(keys)) throw syntaxError();
    return Object.entries(keys).map(([key, found]): Condition => {
      if (!key.includes(":"))
        throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
      const values = textsOf(found);
      if (values.length === 0) throw syntaxError();
      return { operator, key, values };
    });
  });
}

/** Numbers and booleans are taken as their text, as IAM takes them. */
function textsOf(found: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(found) ? found : [found];
  return items.map((item) => {
    if (typeof item === "string") return item;
    if (typeof item === "number" || typeof item === "boolean") return String(item);
    throw syntaxError();
  });
}

function syntaxError(): AwsFault {
  return malformed("Syntax errors in policy.");
}

function malformed(message: string): AwsFault {
  return new AwsFault("MalformedPolicyDocument", message);
}

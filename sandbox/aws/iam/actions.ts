import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import type { Identity } from "#sandbox/aws/iam/model.ts";
import { type ContextValues, resourceTags } from "#sandbox/aws/policy/context.ts";
import { checkRange } from "#sandbox/aws/protocol/constraints.ts";
import { pageOf } from "#sandbox/aws/protocol/paging.ts";
import { allowOnly, integerAt, type QueryInput, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { QueryAction } from "#sandbox/aws/protocol/query-service.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export type Actions = Readonly<Record<string, QueryAction>>;

/** A call about one role, user or identity provider, after its permission has been checked. */
export interface Request {
  readonly call: Call;
  readonly account: string;
  /** Name or ARN that the call gives. */
  readonly name: string;
  readonly input: QueryInput;
  text(parameter: string): string;
}

/** Condition keys that a call's parameters set. */
type ContextOf = (input: QueryInput) => ContextValues;

export interface ActionsOn {
  /** One action that answers. @param parameters in addition to the name; others are refused */
  read(
    action: string,
    parameters: readonly string[],
    run: (request: Request) => XmlValue,
    context?: ContextOf,
  ): Actions;
  /** One action that answers nothing. */
  change(action: string, parameters: readonly string[], run: (request: Request) => void, context?: ContextOf): Actions;
}

/**
 * Actions on one kind of thing.
 *
 * @param key parameter that names the thing: `RoleName`
 * @param targetOf ARN and condition keys of the thing. Permissions are checked before existence, so that it may be missing
 */
export function actionsOn(
  cloud: Cloud,
  key: string,
  targetOf: (account: string, name: string) => { readonly arn: string; readonly context: ContextValues },
): ActionsOn {
  function action(
    name: string,
    parameters: readonly string[],
    run: (request: Request) => XmlValue | undefined,
    contextOf: ContextOf = () => ({}),
  ): Actions {
    const answer: QueryAction = (call, input) => {
      allowOnly(input, key, ...parameters);
      const { account } = call.caller;
      const subject = textAt(input, key);
      const { arn, context } = targetOf(account, subject);
      permit(cloud, call, name, arn, { ...context, ...contextOf(input) });
      return run({ call, account, name: subject, input, text: (parameter) => textAt(input, parameter) });
    };
    return { [name]: answer };
  }
  return {
    read: action,
    change: (name, parameters, run, context) =>
      action(
        name,
        parameters,
        (request) => {
          run(request);
          return undefined;
        },
        context,
      ),
  };
}

/** @param action without `iam:` @throws AwsFault AccessDenied */
export function permit(
  cloud: Cloud,
  { caller }: Call,
  action: string,
  resource: string,
  context: ContextValues = {},
): void {
  cloud.authorize(caller, `iam:${action}`, resource, context);
}

/** Condition keys of something that has tags. */
export function tagsOf(found: { readonly tags: Readonly<Record<string, string>> } | undefined): ContextValues {
  return found === undefined ? {} : resourceTags(found.tags, "iam");
}

/** What the actions on policies do to users, and to roles. */
export interface PolicyHolder {
  find(account: string, name: string): Identity;
  put(account: string, name: string, policy: string, document: string): unknown;
  attach(account: string, name: string, policyArn: string): unknown;
  detach(account: string, name: string, policyArn: string): unknown;
}

/** The actions on inline and attached policies that users and roles have in common. */
export function policyActions(kind: "Role" | "User", { read, change }: ActionsOn, holder: PolicyHolder): Actions {
  const attached: ContextOf = (input) => ({ "iam:PolicyARN": textAt(input, "PolicyArn") });
  return {
    ...change(`Put${kind}Policy`, ["PolicyName", "PolicyDocument"], ({ account, name, text }) =>
      holder.put(account, name, text("PolicyName"), text("PolicyDocument")),
    ),
    ...read(`List${kind}Policies`, paging, ({ account, name, input }) =>
      page("PolicyNames", Object.keys(holder.find(account, name).inline).sort(), input),
    ),
    ...change(
      `Attach${kind}Policy`,
      ["PolicyArn"],
      ({ account, name, text }) => holder.attach(account, name, text("PolicyArn")),
      attached,
    ),
    ...change(
      `Detach${kind}Policy`,
      ["PolicyArn"],
      ({ account, name, text }) => holder.detach(account, name, text("PolicyArn")),
      attached,
    ),
    ...read(`ListAttached${kind}Policies`, paging, ({ account, name, input }) => {
      const arns = holder.find(account, name).attached;
      const policies = arns.map((arn) => ({ PolicyName: arn.slice(arn.lastIndexOf("/") + 1), PolicyArn: arn }));
      return page("AttachedPolicies", policies, input);
    }),
  };
}

export function formatTags(tags: Readonly<Record<string, string>>): readonly XmlValue[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** IAM returns policies percent-encoded by RFC 3986. */
export function formatDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Parameters of `page`. */
export const paging = ["Marker", "MaxItems"] as const;

/** One page of a list under its name. @throws AwsFault ValidationError, InvalidInput */
export function page(
  name: string,
  items: readonly XmlValue[],
  input: QueryInput,
): { readonly [key: string]: XmlValue } {
  const size = integerAt(input, "MaxItems") ?? 100;
  checkRange("maxItems", size, 1, 1_000);
  const marker = tryTextAt(input, "Marker");
  const found = pageOf(items, size, marker);
  if (found === undefined) throw new AwsFault("InvalidInput", `Invalid Marker ${marker}`);
  return { [name]: found.items, IsTruncated: found.next !== undefined, Marker: found.next };
}

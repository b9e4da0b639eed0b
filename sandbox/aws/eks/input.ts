import { invalidParameter } from "#sandbox/aws/eks/state.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

/** The members of a request. A member that no reader asks for is refused, because it would be ignored. */
export interface Input {
  text(member: string): string | undefined;
  requiredText(member: string): string;
  flag(member: string): boolean | undefined;
  number(member: string): number | undefined;
  texts(member: string): readonly string[] | undefined;
  pairs(member: string): Readonly<Record<string, string>> | undefined;
  one(member: string): Input | undefined;
  many(member: string): readonly Input[] | undefined;
  /** @throws AwsFault InvalidParameterException for a member that was not read */
  end(): void;
}

/** @param path for messages: `resourcesVpcConfig.` */
export function readInput(value: JsonObject, path = ""): Input {
  const seen = new Set<string>();
  const parts = new Map<string, Input>();

  function take<Type>(member: string, is: (value: Json) => value is Type & Json, what: string): Type | undefined {
    seen.add(member);
    const found = value[member];
    if (found === undefined || found === null) return undefined;
    if (!is(found)) throw invalidParameter(`${path}${member} must be ${what}`);
    return found as Type;
  }

  /** The same part each time, so that one reader may leave members to another. */
  function below(member: string, found: JsonObject, index = 0): Input {
    const key = `${member}/${index}`;
    const part = parts.get(key) ?? readInput(found, `${path}${member}.`);
    parts.set(key, part);
    return part;
  }

  const isText = (one: Json): one is string => typeof one === "string";
  const isTexts = (one: Json): one is readonly string[] => Array.isArray(one) && one.every(isText);
  const isObjects = (one: Json): one is readonly JsonObject[] => Array.isArray(one) && one.every(isObject);
  const isMap = (one: Json): one is JsonObject => isObject(one);
  const isPairs = (one: Json): one is Record<string, string> =>
    isObject(one) && Object.values(one).every((item) => typeof item === "string");

  const input: Input = {
    text: (member) => take<string>(member, isText, "a string"),
    requiredText(member) {
      const found = input.text(member);
      if (found === undefined || found === "") throw invalidParameter(`${path}${member} is required`);
      return found;
    },
    flag: (member) => take<boolean>(member, (one): one is boolean => typeof one === "boolean", "true or false"),
    number: (member) => take<number>(member, (one): one is number => typeof one === "number", "a number"),
    texts: (member) => take<readonly string[]>(member, isTexts, "a list of strings"),
    pairs: (member) => take<Record<string, string>>(member, isPairs, "a map of strings"),
    one(member) {
      const found = take<JsonObject>(member, isMap, "an object");
      return found === undefined ? undefined : below(member, found);
    },
    many: (member) =>
      take<readonly JsonObject[]>(member, isObjects, "a list of objects")?.map((found, index) =>
        below(member, found, index),
      ),
    end() {
      const unknown = Object.keys(value).find((key) => !seen.has(key) && value[key] !== undefined);
      if (unknown !== undefined) throw invalidParameter(`the sandbox does not know ${path}${unknown}`);
      for (const part of parts.values()) part.end();
    },
  };
  return input;
}

/** Tags of a new resource. @throws AwsFault InvalidParameterException */
export function readTags(input: Input): Readonly<Record<string, string>> {
  const tags = input.pairs("tags") ?? {};
  const pairs = Object.entries(tags);
  if (pairs.length > 50) throw invalidParameter("a resource can have at most 50 tags");
  for (const [key, value] of pairs) {
    if (key.length < 1 || key.length > 128) throw invalidParameter(`the tag key ${key} must have 1 to 128 characters`);
    if (value.length > 256) throw invalidParameter(`the value of the tag ${key} must have at most 256 characters`);
    if (/^aws:/i.test(key)) throw invalidParameter(`the tag key ${key} begins with aws:, which is reserved`);
  }
  return tags;
}

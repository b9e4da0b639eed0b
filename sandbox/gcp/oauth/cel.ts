/** An expression of the part of CEL that is known here, ready to be evaluated. */
export interface Expression {
  /** Names that it reads: `assertion.repository_id`, `google.subject`. */
  readonly names: readonly string[];
  /** @throws CelError for a claim that is missing, or values that do not fit the operator */
  evaluate(context: Context): CelValue;
}

export type CelValue = string | boolean | number | readonly CelValue[];

/** Values by the first part of their names: `assertion`, `attribute`, `google`. */
export type Context = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** An expression that is wrong, or that only the real CEL knows. */
export class CelError extends Error {
  override readonly name = "CelError";
}

type Evaluate = (context: Context) => CelValue;

const token = /\s*(?:('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|([A-Za-z_]\w*)|(==|!=|&&|\|\||[!+.,()[\]]))/y;

/**
 * Reads `==`, `!=`, `in`, `&&`, `||`, `!`, `+`, `startsWith`, `endsWith`, strings, booleans, lists and parentheses over claims and attributes:
 * what mappings and conditions for GitHub need.
 *
 * @param roots that its names may begin with
 * @throws CelError for everything else
 */
export function parseCel(text: string, roots: readonly string[]): Expression {
  const parser = new Parser(tokensOf(text), roots);
  const evaluate = parser.parse();
  return { names: parser.names, evaluate };
}

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  token.lastIndex = 0;
  while (token.lastIndex < end) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (found === null)
      throw new CelError(
        `at column ${at + 1}, a syntax error or CEL that the sandbox does not know: "${text.slice(at).trim()}"`,
      );
    tokens.push(found[0].trim());
  }
  return tokens;
}

/** Recursive descent, one method for each level of precedence. */
class Parser {
  readonly names: string[] = [];
  readonly #tokens: readonly string[];
  readonly #roots: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[], roots: readonly string[]) {
    this.#tokens = tokens;
    this.#roots = roots;
  }

  parse(): Evaluate {
    const whole = this.#or();
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return whole;
  }

  #or(): Evaluate {
    let left = this.#and();
    while (this.#accept("||")) left = logical(left, this.#and(), true);
    return left;
  }

  #and(): Evaluate {
    let left = this.#relation();
    while (this.#accept("&&")) left = logical(left, this.#relation(), false);
    return left;
  }

  #relation(): Evaluate {
    const left = this.#sum();
    const operator = ["==", "!=", "in"].find((one) => this.#accept(one));
    if (operator === undefined) return left;
    const right = this.#sum();
    if (operator === "in") return (context) => isIn(left(context), right(context));
    return (context) => isEqual(left(context), right(context)) === (operator === "==");
  }

  #sum(): Evaluate {
    let left = this.#unary();
    while (this.#accept("+")) {
      const [one, other] = [left, this.#unary()];
      left = (context) => textOf(one(context), "+") + textOf(other(context), "+");
    }
    return left;
  }

  #unary(): Evaluate {
    if (!this.#accept("!")) return this.#member();
    const operand = this.#unary();
    return (context) => !booleanOf(operand(context), "!");
  }

  /** A value, and methods of it. */
  #member(): Evaluate {
    let value = this.#primary();
    while (this.#accept(".")) {
      const method = this.#next();
      if (method !== "startsWith" && method !== "endsWith") {
        throw new CelError(`the sandbox does not know the function "${method}"`);
      }
      this.#expect("(");
      const [subject, part] = [value, this.#or()];
      this.#expect(")");
      value = (context) => textOf(subject(context), method)[method](textOf(part(context), method));
    }
    return value;
  }

  #primary(): Evaluate {
    const first = this.#next();
    if (first === "(") {
      const inner = this.#or();
      this.#expect(")");
      return inner;
    }
    if (first === "[") return this.#list();
    if (/^['"]/.test(first)) {
      const text = unquote(first);
      return () => text;
    }
    if (first === "true" || first === "false") return () => first === "true";
    if (this.#roots.includes(first)) return this.#name(first);
    this.#at -= 1;
    throw this.#unexpected();
  }

  #list(): Evaluate {
    const items: Evaluate[] = [];
    while (!this.#accept("]")) {
      if (items.length > 0) this.#expect(",");
      items.push(this.#or());
    }
    return (context) => items.map((item) => item(context));
  }

  /** `assertion.sub`, `assertion["sub"]`. */
  #name(root: string): Evaluate {
    const isQuoted = this.#accept("[");
    if (!isQuoted) this.#expect(".");
    const field = isQuoted ? unquote(this.#next()) : this.#next();
    if (isQuoted) this.#expect("]");
    this.names.push(`${root}.${field}`);
    return (context) => {
      const fields = context[root] ?? {};
      if (!Object.hasOwn(fields, field)) throw new CelError(`no such key: ${field}`);
      return celValueOf(fields[field], field);
    };
  }

  #accept(wanted: string): boolean {
    if (this.#tokens[this.#at] !== wanted) return false;
    this.#at += 1;
    return true;
  }

  #expect(wanted: string): void {
    if (!this.#accept(wanted)) throw this.#unexpected(`, expected "${wanted}"`);
  }

  #next(): string {
    const next = this.#tokens[this.#at];
    if (next === undefined) throw this.#unexpected();
    this.#at += 1;
    return next;
  }

  #unexpected(expected = ""): CelError {
    const found = this.#tokens[this.#at];
    return new CelError(found === undefined ? `unexpected end${expected}` : `unexpected "${found}"${expected}`);
  }
}

function unquote(text: string): string {
  if (!/^['"]/.test(text)) throw new CelError(`unexpected "${text}", expected a string`);
  return text.slice(1, -1).replaceAll(/\\(.)/g, (whole, escaped: string) => {
    if (/['"\\]/.test(escaped)) return escaped;
    throw new CelError(`the sandbox does not know the escape "${whole}"`);
  });
}

/** `||` and `&&` do not care for an error on one side when the other one decides. */
function logical(left: Evaluate, right: Evaluate, deciding: boolean): Evaluate {
  const operator = deciding ? "||" : "&&";
  return (context) => {
    try {
      if (booleanOf(left(context), operator) === deciding) return deciding;
    } catch (error) {
      if (booleanOf(right(context), operator) === deciding) return deciding;
      throw error;
    }
    return booleanOf(right(context), operator);
  };
}

function isIn(item: CelValue, list: CelValue): boolean {
  if (typeof list !== "string" && typeof list !== "boolean" && typeof list !== "number") {
    return list.some((one) => isEqual(one, item));
  }
  throw noOverload("in");
}

/** As in CEL, a text never equals a number. */
function isEqual(one: CelValue, other: CelValue): boolean {
  if (typeof one === "object" || typeof other === "object") return Bun.deepEquals(one, other);
  if (typeof one !== typeof other) throw noOverload("==");
  return one === other;
}

function textOf(value: CelValue, operator: string): string {
  if (typeof value === "string") return value;
  throw noOverload(operator);
}

function booleanOf(value: CelValue, operator: string): boolean {
  if (typeof value === "boolean") return value;
  throw noOverload(operator);
}

function noOverload(operator: string): CelError {
  return new CelError(`no such overload of ${operator}`);
}

function celValueOf(value: unknown, field: string): CelValue {
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map((item) => celValueOf(item, field));
  throw new CelError(`the sandbox does not know values like that of ${field}`);
}

/** What AWS's XML can say. Undefined is left out; an empty list or object is an empty element. */
export type XmlValue =
  | string
  | number
  | boolean
  | Date
  | undefined
  | readonly XmlValue[]
  | { readonly [key: string]: XmlValue };

export interface XmlOptions {
  /** `xmlns` of the outermost element. @default none */
  readonly namespace?: string;
  /** Name of the elements of a list, by the list's own name. @default `member`, as the query protocol has it */
  readonly item?: (list: string) => string;
}

/** One element with all that is in it, without the XML declaration. */
export function formatXml(name: string, value: XmlValue, options: XmlOptions = {}): string {
  const { namespace, item = () => "member" } = options;
  const attribute = namespace === undefined ? "" : ` xmlns="${escapeXml(namespace)}"`;
  return formatElement(name, value, attribute, item);
}

function formatElement(name: string, value: XmlValue, attribute: string, item: (list: string) => string): string {
  if (value === undefined) return "";
  return `<${name}${attribute}>${formatContent(name, value, item)}</${name}>`;
}

function formatContent(name: string, value: XmlValue, item: (list: string) => string): string {
  if (value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object") return escapeXml(String(value));
  if (isList(value)) return value.map((each) => formatElement(item(name), each, "", item)).join("");
  return Object.entries(value)
    .map(([key, each]) => formatElement(key, each, "", item))
    .join("");
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(value: object): value is readonly XmlValue[] {
  return Array.isArray(value);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#xD;",
};

/** Text for an element or attribute. What XML 1.0 can't hold becomes U+FFFD, so that a reader does not stumble on it. */
export function escapeXml(text: string): string {
  return (
    text
      .replace(/[&<>"\r]/g, (sign) => entities[sign] ?? sign)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML has no form for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
  );
}

import type { Json, JsonObject } from "#sandbox/json.ts";
import { unsupportedMediaType } from "#sandbox/kubernetes/status.ts";

/**
 * kubectl sends the objects that it makes itself (`kubectl create configmap`) as protobuf. Here are the messages of the
 * small kinds, enough for that; a message or field that is not here is refused, never dropped.
 * Numbers: k8s.io/api and k8s.io/apimachinery, the generated.proto files.
 */
type Field =
  | {
      readonly name: string;
      readonly type: "strings" | "string" | "boolean" | "integer" | "time" | "stringMap" | "bytesMap";
    }
  | { readonly name: string; readonly type: "message"; readonly message: Message };
type Message = Readonly<Record<number, Field>>;

const objectMeta: Message = {
  1: { name: "name", type: "string" },
  2: { name: "generateName", type: "string" },
  3: { name: "namespace", type: "string" },
  4: { name: "selfLink", type: "string" },
  5: { name: "uid", type: "string" },
  6: { name: "resourceVersion", type: "string" },
  7: { name: "generation", type: "integer" },
  8: { name: "creationTimestamp", type: "time" },
  11: { name: "labels", type: "stringMap" },
  12: { name: "annotations", type: "stringMap" },
};

const metadata: Field = { name: "metadata", type: "message", message: objectMeta };

const messages: Readonly<Record<string, Message>> = {
  ConfigMap: {
    1: metadata,
    2: { name: "data", type: "stringMap" },
    3: { name: "binaryData", type: "bytesMap" },
    4: { name: "immutable", type: "boolean" },
  },
  Namespace: {
    1: metadata,
    2: { name: "spec", type: "message", message: {} },
    3: { name: "status", type: "message", message: { 1: { name: "phase", type: "string" } } },
  },
  Secret: {
    1: metadata,
    2: { name: "data", type: "bytesMap" },
    3: { name: "type", type: "string" },
    4: { name: "stringData", type: "stringMap" },
    5: { name: "immutable", type: "boolean" },
  },
  TokenRequest: {
    1: metadata,
    2: {
      name: "spec",
      type: "message",
      message: { 1: { name: "audiences", type: "strings" }, 4: { name: "expirationSeconds", type: "integer" } },
    },
    3: {
      name: "status",
      type: "message",
      message: { 1: { name: "token", type: "string" }, 2: { name: "expirationTimestamp", type: "time" } },
    },
  },
  ServiceAccount: { 1: metadata, 4: { name: "automountServiceAccountToken", type: "boolean" } },
};

/** Magic bytes before the envelope (`runtime.Unknown`). */
const MAGIC = "k8s\0";

export function decodeProtobuf(body: Uint8Array): JsonObject {
  if (new TextDecoder().decode(body.subarray(0, 4)) !== MAGIC) {
    throw unsupportedMediaType("the body is not in Kubernetes' protobuf form");
  }
  let type: JsonObject = {};
  let raw: Uint8Array = new Uint8Array();
  for (const { number, bytes } of fieldsOf(body.subarray(4))) {
    if (number === 1)
      type = decode({ 1: { name: "apiVersion", type: "string" }, 2: { name: "kind", type: "string" } }, bytes);
    if (number === 2) raw = bytes;
  }
  const message = ["v1", "authentication.k8s.io/v1"].includes(String(type.apiVersion))
    ? messages[String(type.kind)]
    : undefined;
  if (message === undefined) {
    throw unsupportedMediaType(`the sandbox does not know ${type.kind} in protobuf form: send application/json`);
  }
  return { ...type, ...decode(message, raw) };
}

function decode(message: Message, bytes: Uint8Array): JsonObject {
  const result: JsonObject = {};
  for (const entry of fieldsOf(bytes)) {
    const field = message[entry.number];
    if (field === undefined) {
      throw unsupportedMediaType(
        `the sandbox does not know field ${entry.number} of this protobuf message: send application/json`,
      );
    }
    const before = result[field.name];
    result[field.name] = mergeField(field, before, entry);
  }
  return result;
}

function mergeField(field: Field, before: Json | undefined, { bytes, value }: WireField): Json {
  const text = () => new TextDecoder().decode(bytes);
  switch (field.type) {
    case "string":
      return text();
    case "strings":
      return [...((before ?? []) as readonly Json[]), text()];
    case "boolean":
      return value !== 0;
    case "integer":
      return value;
    case "time":
      return null;
    case "message":
      return decode(field.message, bytes);
    case "stringMap":
    case "bytesMap": {
      let key = "";
      let item = "";
      for (const entry of fieldsOf(bytes)) {
        if (entry.number === 1) key = new TextDecoder().decode(entry.bytes);
        else
          item =
            field.type === "bytesMap"
              ? Buffer.from(entry.bytes).toString("base64")
              : new TextDecoder().decode(entry.bytes);
      }
      return { ...(before as JsonObject | undefined), [key]: item };
    }
    default:
      return field satisfies never;
  }
}

interface WireField {
  readonly number: number;
  /** Of a length-delimited field. */
  readonly bytes: Uint8Array;
  /** Of a varint. */
  readonly value: number;
}

function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let result = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw unsupportedMediaType("the protobuf body ends early");
      result += (byte & 127) * factor;
      if (byte < 128) return result;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { number, bytes: new Uint8Array(), value: varint() };
    else if (wireType === 2) {
      const length = varint();
      yield { number, bytes: bytes.subarray(at, at + length), value: 0 };
      at += length;
    } else throw unsupportedMediaType(`the sandbox does not know protobuf wire type ${wireType}`);
  }
}

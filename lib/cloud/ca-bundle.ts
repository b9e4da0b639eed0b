import { readFileSync } from "node:fs";
import { FleetError } from "#lib/errors.ts";

/**
 * Certificate authorities of a PEM file, as text.
 *
 * @param setting the variable or setting that names the file
 * @throws FleetError CaBundleUnreadable
 */
export function readCaBundle(setting: string, path: string): string {
  const text = tryRead(path);
  if (text?.includes("-----BEGIN CERTIFICATE-----") === true) return text;
  const what = text === undefined ? "cannot be read" : "holds no certificate";
  throw new FleetError("CaBundleUnreadable", `${setting} names ${path}, which ${what}`, {
    hint: `correct ${setting}: it names a PEM file with certificate authorities`,
  });
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

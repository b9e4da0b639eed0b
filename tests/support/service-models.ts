import { readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { awsCli } from "#tests/support/aws-cli.ts";

/** What AWS says of a text or a list in a service's model. */
export interface Shape {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
}

export type ServiceModel = Readonly<Record<string, Shape>>;

/** Where the AWS CLI keeps the models of services; undefined without it. */
export const modelFolder: string | undefined = findModels();

function findModels(): string | undefined {
  if (awsCli.path === undefined) return undefined;
  const root = dirname(dirname(realpathSync(awsCli.path)));
  const [first] = ["lib/python3.*/site-packages/**", "dist/**"]
    .flatMap((folder) => [...new Bun.Glob(`${folder}/botocore/data/endpoints.json`).scanSync(root)])
    .sort();
  return first === undefined ? undefined : join(root, dirname(first));
}

/** @throws Error unless the AWS CLI is here */
export async function readModel(service: string): Promise<ServiceModel> {
  if (modelFolder === undefined) throw new Error("the AWS CLI is not installed here");
  const folder = join(modelFolder, service);
  const path = join(folder, readdirSync(folder).sort().at(-1) ?? "", "service-2.json");
  const plain = Bun.file(path);
  const text = (await plain.exists())
    ? await plain.text()
    : new TextDecoder().decode(Bun.gunzipSync(await Bun.file(`${path}.gz`).bytes()));
  return (JSON.parse(text) as { readonly shapes: ServiceModel }).shapes;
}

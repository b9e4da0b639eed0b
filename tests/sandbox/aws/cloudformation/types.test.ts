import { expect, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "#lib/paths.ts";
import { resourceTypes, tryResourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { objectAt, stringAt } from "#sandbox/json.ts";

/** Read off the calls of the types themselves. */
async function actionsOf(file: string): Promise<readonly string[]> {
  const text = await Bun.file(file).text();
  return [...text.matchAll(/"((?:ec2|eks|iam|kms|logs|route53):[A-Z]\w+)"/g)].map(([, action = ""]) => action);
}

/** These are keys of conditions. */
const keys =
  /^(ec2:(CreateAction|LaunchTemplate)|iam:(PassedToService|PermissionsBoundary|PolicyARN)|route53:ChangeResourceRecordSets.+)$/;

test("types ask for nothing that the registry does not tell of", async () => {
  const known = new Set(resourceTypes.flatMap(({ schema }) => Object.values(schema.actions).flat()));
  const files = [...new Bun.Glob("sandbox/aws/cloudformation/types/**/*.ts").scanSync({ cwd: projectRoot })];
  const asked = (await Promise.all(files.map((file) => actionsOf(join(projectRoot, file))))).flat();
  expect(asked.length).toBeGreaterThan(60);
  expect([...new Set(asked)].filter((action) => !known.has(action) && !keys.test(action)).sort()).toEqual([]);
});

test("types carry out nothing that the registry does not have", () => {
  const faults = resourceTypes.flatMap(({ name, schema, supports, createOnly }) =>
    [...supports, ...createOnly]
      .filter((path) => {
        const [property = ""] = path.split(".");
        return objectAt(schema.root, "properties")[property] === undefined || schema.readOnly.includes(property);
      })
      .map((path) => `${name} ${path}`),
  );
  expect(faults).toEqual([]);
});

test("types are there for every template of the project", async () => {
  const missing: string[] = [];
  for (const file of new Bun.Glob("cloudformation/*.yml").scanSync({ cwd: projectRoot })) {
    const document = parse(await Bun.file(join(projectRoot, file)).text(), { logLevel: "silent" });
    for (const [name, resource] of Object.entries(objectAt(document, "Resources"))) {
      const type = stringAt(resource, "Type");
      if (tryResourceType(type) === undefined) missing.push(`${file} ${name} ${type}`);
    }
  }
  expect(missing).toEqual([]);
});

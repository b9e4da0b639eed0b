import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { accountReading, delegating, managementReading, managingClusters } from "#lib/gcp/permissions.ts";
import { projectRoot } from "#lib/paths.ts";
import { knownPermissions } from "#sandbox/gcp/authorization/permissions.ts";
import { predefinedRoles } from "#sandbox/gcp/authorization/roles.ts";

const roles = { accountReading, delegating, managementReading, managingClusters };
const changing = /\.(create|delete|update|set\w+|undelete|enable|disable|actAs|getAccessToken)$/;

describe.each(Object.entries(roles))("the role %s", (name, { permissions }) => {
  test("has permissions that exist, each once and in order", () => {
    expect(permissions.filter((permission) => !knownPermissions.includes(permission))).toEqual([]);
    expect(permissions).toEqual([...new Set(permissions)].toSorted());
  });

  test("changes nothing if it is for reading", () => {
    if (name.endsWith("Reading")) expect(permissions.filter((permission) => changing.test(permission))).toEqual([]);
  });

  test("gives nobody more access", () => {
    const granting = permissions.filter((permission) =>
      /setIamPolicy$|actAs$|getAccessToken$|^iam\.roles\.(?!get)/.test(permission),
    );
    // Of zones only: their own project and its service accounts are out of reach.
    expect(granting).toEqual(name === "managingClusters" ? ["dns.managedZones.setIamPolicy"] : []);
  });
});

test("roles of Google are named as Google names them", async () => {
  const text = await Bun.file(join(projectRoot, "lib/gcp/permissions.ts")).text();
  const named = [...text.matchAll(/"(roles\/[\w.]+)"/g)].map(([, role]) => role);
  expect(named.filter((role) => !predefinedRoles.some((known) => known.name === role))).toEqual([]);
});

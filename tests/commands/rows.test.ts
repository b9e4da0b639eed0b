import { expect, test } from "bun:test";
import { rowsOf } from "#lib/commands/rows.ts";
import { builtInProviders } from "#lib/providers.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { graphOf } from "#tests/support/fleet.ts";

test("rows come in the order of the providers, and in a group shared things, accounts, then clusters", async () => {
  const { resources } = await graphOf(fleet, { gitops: {} });
  const rows = rowsOf(resources.toReversed(), fleet, builtInProviders).map(
    ({ ref: owner }) => `${owner.group} ${owner.name}`,
  );
  expect(rows).toEqual([
    "aws aws-mgmt",
    "aws aws-01",
    "aws aws-02",
    ...["k01", "k02", "k03", "k04"].map((name) => `aws ${name}.k8s.aws.mylabs.dev`),
    ...rows.filter((row) => /^local (?!k)/.test(row)),
    ...["kind01", "kind02", "k3d01", "k3d02"].map((name) => `local ${name}.internal`),
    "gitops argocd",
  ]);
});

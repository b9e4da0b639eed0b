import { expect, test } from "bun:test";
import { copyCheckout } from "#tests/support/checkout.ts";
import { liveWithArgocd } from "#tests/support/gitops-scenarios.ts";
import { openHarness } from "#tests/support/harness.ts";

test("Argo CD brings each sandboxed cluster the applications and the facts that are meant for it", async () => {
  const checkout = await copyCheckout();
  const harness = await openHarness({ speed: 20, root: checkout.root });
  try {
    await liveWithArgocd({ harness, checkout, prepare: () => Promise.resolve() });
    expect(await harness.leftovers()).toEqual([]);
  } finally {
    await harness.close();
    await checkout.remove();
  }
}, 120_000);

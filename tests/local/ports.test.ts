import { expect, test } from "bun:test";
import { sandboxOf } from "#lib/local/ports.ts";

test.each([
  ["/usr/bin/bun /home/me/fleet/sandbox/daemon.ts /home/me/fleet/clusters/.sandbox", "/home/me/fleet"],
  ["/usr/bin/bun /home/me/my fleet/sandbox/daemon.ts /tmp/state of it", "/home/me/my fleet"],
  ["/usr/bin/bun run tasks/create-all.ts", undefined],
])("the checkout of a sandbox is in the command line %p", (command, checkout) => {
  expect(sandboxOf(command)).toBe(checkout);
});

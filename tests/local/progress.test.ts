import { describe, expect, test } from "bun:test";
import { k3d } from "#lib/local/k3d.ts";
import { kind } from "#lib/local/kind.ts";

describe("the progress of k3d", () => {
  test.each([
    "INFO[0003] Creating node 'k3d-k3d01.internal-server-0'",
    `time="2026-11-24T10:00:00Z" level=info msg="Creating node 'k3d-k3d01.internal-server-0'"`,
  ])("is read on a terminal and in a pipe: %s", (line) => {
    expect(k3d.parseProgress(line)).toBe("Creating node k3d-k3d01.internal-server-0");
  });

  test.each([`time="2026-11-24T10:00:00Z" level=warning msg="no"`, "WARN[0003] no", ""])("is not in %p", (line) => {
    expect(k3d.parseProgress(line)).toBeUndefined();
  });
});

test("the progress of kind is the steps that it begins", () => {
  expect(kind.parseProgress(" • Starting control-plane 🕹️  ...")).toBe("Starting control-plane");
  expect(kind.parseProgress(" ✓ Starting control-plane 🕹️")).toBeUndefined();
  expect(kind.parseProgress("Have a nice day! 👋")).toBeUndefined();
});

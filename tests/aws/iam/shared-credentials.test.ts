import { expect, test } from "bun:test";
import { sharedCredentialsPath } from "#lib/aws/iam/shared-credentials.ts";

const pathOf = (given: string): string =>
  sharedCredentialsPath({ HOME: "/home/ada", AWS_SHARED_CREDENTIALS_FILE: given });

test.each([
  ["", "/home/ada/.aws/credentials"],
  ["~/keys", "/home/ada/keys"],
  ["/etc/keys", "/etc/keys"],
  ["keys~1", "keys~1"],
])("keys are kept where AWS's tools look for them: %p", (given, path) => {
  expect(pathOf(given)).toBe(path);
});

test.each(["~", "~ada/keys", "$HOME/keys"])("keys are not kept where only some tools look: %p", (given) => {
  expect(() => pathOf(given)).toThrow("which not all of AWS's tools expand");
});

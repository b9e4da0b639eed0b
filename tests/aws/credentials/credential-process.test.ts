import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { runCredentialProcess } from "#lib/aws/credentials/credential-process.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

const variables = { PATH: Bun.env.PATH ?? "" };
const messageOf = (command: string, timeoutMs?: number): Promise<string> =>
  runCredentialProcess(command, variables, timeoutMs).then(
    () => "it did not fail",
    (error: Error) => error.message,
  );

describe("credential_process", () => {
  test("gives what it prints", async () => {
    expect(await runCredentialProcess("echo '{\"Version\": 1}'; echo hello >&2", variables)).toEqual({
      stdout: '{"Version": 1}\n',
    });
  });

  test("that fails is told by what it says on stderr, and by nothing that it prints or is called with", async () => {
    const message = await messageOf("echo a-secret; echo the vault is sealed >&2; exit 3 # --password another-secret");
    expect(message).toBe("credential_process ended with exit code 3\nthe vault is sealed");
  });

  test("that hangs is ended with its children", async () => {
    const mark = `sleep 98${process.pid}`;
    const message = await messageOf(`echo a-secret; echo waiting for the key >&2; ${mark} & wait`, 700);
    expect(message).toBe("credential_process took longer than 0.7 s and was ended\nwaiting for the key");
    const { stdout } = Bun.spawnSync(["ps", "-eo", "args"]);
    expect(stdout.toString().split("\n")).not.toContain(mark);
  });
});

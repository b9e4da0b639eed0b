import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { openCloud } from "#sandbox/aws/state.ts";
import { openHttpServer } from "#sandbox/cloud/http-server.ts";
import { paceOf } from "#sandbox/pace.ts";
import { callsOf, cases, type SystemName, withoutWords } from "#tests/contract/route53-cases.ts";
import { ministack, openMinistack } from "#tests/support/ministack.ts";
import { moto, openMoto } from "#tests/support/moto.ts";

/** Route 53 as somebody has built it: the same calls run on each. */
interface System {
  readonly endpoint: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

const account = "123456789012";
/** Half a minute of the real service in 30 ms. */
const speed = 1_000;

async function openSandbox(): Promise<System> {
  const folder = await mkdtemp(join(tmpdir(), "route53-"));
  const cloud = openCloud({ path: join(folder, "aws.json"), pace: paceOf(() => speed) });
  const server = await openHttpServer({ api: () => awsApi(cloud, [route53(cloud)]) });
  return {
    endpoint: server.endpoint,
    keys: administratorKeys(account),
    async stop() {
      await server.stop();
      cloud.flush();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const keys = { accessKeyId: account, secretAccessKey: "test" };
const systems: readonly (readonly [SystemName, (() => Promise<System>) | undefined])[] = [
  ["sandbox", openSandbox],
  ["moto", moto === undefined ? undefined : async () => ({ ...(await openMoto()), keys })],
  ["ministack", ministack === undefined ? undefined : async () => ({ ...(await openMinistack()), keys })],
];
for (const [name, open] of systems) {
  if (open === undefined)
    process.stdout.write(`the sandbox's Route 53 is not compared with ${name}: it is not installed\n`);
}

for (const [name, open] of systems) {
  describe.skipIf(open === undefined)(`Route 53 of ${name}`, () => {
    let system: System;
    let calls: ReturnType<typeof callsOf>;
    beforeAll(async () => {
      if (open === undefined) return;
      system = await open();
      calls = callsOf(system.endpoint, system.keys);
    });
    afterAll(async () => {
      calls.destroy();
      await system.stop();
    });

    for (const { title, run, expected, differs = {} } of cases) {
      const isDifferent = name !== "sandbox" && name in differs;
      test(`${title}${isDifferent ? " (differs)" : ""}`, async () => {
        const outcome = await run(calls);
        if (name === "sandbox") expect(outcome).toEqual(expected);
        else expect(withoutWords(outcome)).toEqual(isDifferent ? differs[name] : withoutWords(expected));
      });
    }
  });
}

test("every difference from other systems is written down with who is right", async () => {
  const text = await Bun.file(join(projectRoot, "sandbox/aws/route53/BEHAVIOUR.md")).text();
  const rows = text
    .split("\n")
    .flatMap((line) => /^\| (.+?) \| (moto|ministack|both) \|/.exec(line)?.slice(1, 3) ?? []);
  const written = Array.from({ length: rows.length / 2 }, (_, at) => `${rows[2 * at]}: ${rows[2 * at + 1]}`);
  const found = cases.flatMap(({ title, differs = {} }) => {
    const who = Object.keys(differs);
    return who.length === 0 ? [] : [`${title}: ${who.length === 2 ? "both" : who[0]}`];
  });
  expect(written.sort()).toEqual(found.sort());
});

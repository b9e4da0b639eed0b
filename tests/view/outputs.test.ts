import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FleetEvent } from "#lib/graph/events.ts";
import { keepSecret } from "#lib/secrets.ts";
import { chooseViews } from "#lib/view/choose.ts";
import { collectAll } from "#lib/view/collect.ts";
import { createStyle } from "#lib/view/format.ts";
import { layoutFrame } from "#lib/view/frame.ts";
import { createJournal } from "#lib/view/journal.ts";
import { createRedactor } from "#lib/view/redact.ts";
import { withFolder } from "#tests/support/processes.ts";
import {
  at,
  finished,
  kind01,
  localPlans,
  output,
  progress,
  runFinished,
  runStarted,
  started,
} from "./fixtures/runs.ts";

const secret = "s3cr3tS3cr3tS3cr3tS3cr3tS3cr3t";
const known = "correct horse battery staple";

/** Everything that a run says about one resource, with this text in each place of it. */
function runSaying(text: string): readonly FleetEvent[] {
  const error = { code: "ProgramFailed", message: text, details: [text], hint: text, stack: text };
  const changes = [{ field: "a", from: text, to: text, effect: "in-place" }] as const;
  return [
    runStarted("create", localPlans),
    started(kind01, "kind", 1),
    progress(kind01, "kind", 4, text),
    output(kind01, "kind", 5, text),
    { kind: "notice", at: at(6), level: "warning", message: text, hint: text },
    finished(kind01, "kubeconfig", [1, 7], "updated", { changes, note: text }),
    finished(kind01, "kind", [1, 8], "failed", { error }),
    runFinished(9, { exitCode: 1 }),
  ];
}

async function shown(events: readonly FleetEvent[], json: boolean): Promise<string> {
  let text = "";
  const write = (part: string): void => {
    text += part;
  };
  for (const view of chooseViews({ json, stdout: { isTTY: false }, environment: {}, write, now: () => 0 })) {
    for (const event of events) view.receive(event);
    await view.close();
  }
  return text;
}

function painted(events: readonly FleetEvent[]): string {
  const size = { columns: 200, rows: 40, nowMs: Date.parse(at(5)), tick: 0, style: createStyle(false) };
  const redacted = events.map(createRedactor());
  const frames = redacted.map((_event, index) => layoutFrame(collectAll(redacted.slice(0, index + 1)), size));
  return JSON.stringify(frames);
}

async function kept(events: readonly FleetEvent[]): Promise<string> {
  let text = "";
  await withFolder(async (folder) => {
    const journal = await createJournal(folder, new Date());
    for (const event of events) journal.receive(event);
    await journal.close();
    for (const name of await readdir(journal.folder)) text += await Bun.file(join(journal.folder, name)).text();
  });
  return text;
}

const outputs = [
  ["the tree", async (events: readonly FleetEvent[]) => painted(events)],
  ["the plain log and the summary", (events: readonly FleetEvent[]) => shown(events, false)],
  ["JSON", (events: readonly FleetEvent[]) => shown(events, true)],
  ["the journal and the logs of rows", kept],
] as const;

describe.each(outputs)("%s", (_name, textOf) => {
  test.each([
    ["of a URL", `https://me:${secret}@git.test/a`],
    ["of GitHub", `ghp_${secret}`],
    ["of GitHub, fine-grained", `github_pat_${secret}`],
    ["for EKS", `k8s-aws-v1.${secret}`],
    ["of AWS in XML", `<SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${secret}</SessionToken>`],
    ["of AWS in JSON", `{"SecretAccessKey":"${secret}","SessionToken": "${secret}"}`],
    ["of a signed URL", `https://s3.test/a?X-Amz-Signature=${secret}&b=c`],
    ["of an OAuth client", `client_secret=${secret}`],
    ["of Docker", `{"auths":{"a":{"auth":"${secret}"}}}`],
    ["in quotes, with spaces", `password: "a ${secret} b"`],
    ["that is known", known],
  ])("shows no secret %s", async (_kind, text) => {
    keepSecret(known);
    const seen = await textOf(runSaying(`before ${text}`));
    expect(seen).toContain("before");
    expect(seen).toContain("<redacted>");
    expect(seen).not.toContain(secret);
    expect(seen).not.toContain(known);
  });

  test("has no control characters", async () => {
    const seen = await textOf(runSaying("before \u001b[2J\u009b1m\u0007\u202eafter"));
    expect(seen).toContain("after");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(seen).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

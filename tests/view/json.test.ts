import { expect, test } from "bun:test";
import { createJson } from "#lib/view/json.ts";
import { halfFailedCreate, kind01, output } from "./fixtures/runs.ts";

test("every event is one line that parses back to it", () => {
  let text = "";
  const view = createJson((part) => {
    text += part;
  });
  for (const event of halfFailedCreate) view.receive(event);
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.map((line) => JSON.parse(line))).toEqual([...halfFailedCreate]);
});

test("a line with a secret still parses", () => {
  let text = "";
  createJson((part) => {
    text += part;
  }).receive(output(kind01, "kind", 0, '{"users":[{"user":{"client-key-data":"c2VjcmV0","token":"abcdef"}}]}'));
  expect(JSON.parse(text).line).toBe('{"users":[{"user":{"client-key-data":"<redacted>","token":"<redacted>"}}]}');
});

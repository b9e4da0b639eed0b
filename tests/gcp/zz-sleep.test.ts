import { test } from "bun:test";
test("sleep", async () => { await Bun.sleep(70_000); }, 100_000);

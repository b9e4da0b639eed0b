import { beforeEach, describe, expect, test } from "bun:test";
import { access } from "#lib/gcp/access.ts";
import { changePolicy, type Grant, projectPolicy, withGrants, zonePolicy } from "#lib/gcp/policy.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type GcpMemory, gcpError, gcpMemory, gcpWorld, testAccount, testActor } from "#tests/support/gcp-memory.ts";

const target = projectPolicy(testAccount);
const project = "projects/test-01";
const ours: readonly Grant[] = [
  { role: "roles/dns.reader", member: "serviceAccount:a@test-01.iam.gserviceaccount.com" },
  { role: "roles/owner", member: "user:ann@example.org", condition: { title: "only", expression: "true" } },
];
/** Of others: an owner, a condition of ours with other words, and somebody who is gone. */
const theirs = [
  { role: "roles/owner", members: ["user:boss@example.org"] },
  { role: "roles/owner", members: ["user:eve@example.org"], condition: { title: "until", expression: "false" } },
  { role: "roles/dns.reader", members: ["deleted:serviceAccount:a@test-01.iam.gserviceaccount.com?uid=1"] },
];
const row = { kind: "account", name: "gcp-01", group: "gcp" } as const;
const described = { id: "access", title: "gcp-01: access", label: "access", row, needs: [], actor: testActor, target };

let memory: GcpMemory;
beforeEach(() => {
  memory = gcpMemory();
  memory.policies.set(project, { etag: "7", bindings: theirs });
});
const writes = () => memory.calls.filter((call) => call.endsWith(":setIamPolicy"));
const bindings = () => memory.policies.get(project)?.bindings;

describe("grants in a policy", () => {
  test("come and go without touching those of others, their conditions and deleted members", async () => {
    const { world, outputs, changedAccess } = gcpWorld(memory);
    const resource = access({ ...described, grants: () => ours });
    expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });

    const state = await resource.ensure(world, { kind: "absent" }, outputs);
    expect(resource.diff(state, outputs)).toEqual([]);
    expect(bindings()).toEqual([
      theirs[0],
      theirs[1],
      { role: "roles/dns.reader", members: [...(theirs[2]?.members ?? []), ours[0]?.member] },
      { role: "roles/owner", condition: ours[1]?.condition, members: ["user:ann@example.org"] },
    ]);
    expect(memory.policies.get(project)?.version).toBe(3);
    expect(changedAccess).toEqual(["gcp-01"]);

    await resource.ensure(world, { kind: "present", state }, outputs);
    expect(writes()).toHaveLength(1);

    await resource.remove(world, { kind: "present", state }, outputs);
    expect(bindings()).toEqual(theirs);
  });

  test("that others have too are written into a second policy, seen there when they are missing, and left there by a delete", async () => {
    const { world, outputs } = gcpWorld(memory);
    const own = `${project}/managedZones/k01`;
    const shared = { target, grants: ours.slice(0, 1) };
    const grants = () => ours.slice(1);
    const resource = access({ ...described, target: zonePolicy(testAccount, "k01"), grants, shared });
    await changePolicy(world, testActor, target, (found) => withGrants(found, shared.grants));
    // Another one's.
    expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });

    const state = await resource.ensure(world, { kind: "absent" }, outputs);
    expect(resource.diff(state, outputs)).toEqual([]);
    memory.policies.set(project, { etag: "9", bindings: theirs });
    const drifted = await resource.observe(world, outputs);
    if (drifted.kind !== "present") throw new Error(drifted.kind);
    expect(resource.diff(drifted.state, outputs)).toMatchObject([{ field: "roles/dns.reader", to: ours[0]?.member }]);
    await resource.ensure(world, drifted, outputs);
    const repaired = bindings();
    expect(repaired).not.toEqual(theirs);

    await resource.remove(world, drifted, outputs);
    expect(memory.policies.get(own)?.bindings).toEqual([]);
    expect(bindings()).toEqual(repaired);
  });

  test("are read and written again as a whole when another run has written the policy", async () => {
    const { world } = gcpWorld(memory);
    let others = 0;
    memory.onCall = (call) => {
      if (!call.endsWith(":setIamPolicy") || others++ > 1) return;
      memory.policies.set(project, {
        etag: `1${others}`,
        bindings: [{ role: "roles/viewer", members: [`user:${others}@x.y`] }],
      });
    };
    await changePolicy(world, testActor, target, (found) => withGrants(found, ours));
    expect(writes()).toHaveLength(3);
    expect(bindings()).toMatchObject([{ role: "roles/viewer", members: ["user:2@x.y"] }, {}, {}]);
  });

  test("wait until Google knows a new service account, and not for other refusals", async () => {
    const { world, said } = gcpWorld(memory);
    let refusals = 3;
    memory.onCall = (call) => {
      if (call.endsWith(":setIamPolicy") && refusals-- > 0) {
        throw gcpError(400, "INVALID_ARGUMENT", "Service account a@test-01.iam.gserviceaccount.com does not exist.");
      }
    };
    await changePolicy(world, testActor, target, (found) => withGrants(found, ours));
    expect(said.at(-1)).toContain("waiting until GCP knows the member");

    memory.onCall = (call) => {
      if (call.endsWith(":setIamPolicy")) throw gcpError(403, "PERMISSION_DENIED");
    };
    const denied = failureOf(changePolicy(world, testActor, target, (found) => ({ ...found, bindings: [] })));
    expect((await denied).code).toBe("GcpDenied");
  });

  test("that one resource has in several bindings are one binding for each role and condition", () => {
    const [reader, owner] = ours;
    if (reader === undefined || owner === undefined) throw new Error("no grants");
    const more = { ...reader, member: "user:zoe@example.org" };
    expect(withGrants({ bindings: [] }, [reader, owner, more]).bindings).toEqual([
      { role: reader.role, members: [reader.member, more.member] },
      { role: owner.role, condition: { title: "only", expression: "true" }, members: [owner.member] },
    ]);
  });
});

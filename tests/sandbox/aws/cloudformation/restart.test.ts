import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { findRole, listRoles, tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { account, closeLabs, type Lab, openLab, trust } from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const role = (RoleName: string, more: object = {}, needs: readonly string[] = []) => ({
  Type: "AWS::IAM::Role",
  DependsOn: needs,
  Properties: { AssumeRolePolicyDocument: trust(), RoleName, ...more },
});
const first = { Resources: { One: role("one"), Two: role("two", {}, ["One"]) } };
const second = { Resources: { One: role("one-b"), Two: role("two", { MaxSessionDuration: 7200 }, ["One"]) } };

/** Stops a sandbox where it is, and starts another one from what is on its disk. */
async function restart(lab: Lab): Promise<Lab> {
  lab.service.stop();
  const next = await openLab({ path: copied(lab) });
  next.service.resume();
  return next;
}

/** Waits for an event; the pace is slow enough for that. */
async function until(lab: Lab, event: string): Promise<void> {
  while (!(await lab.events("roles")).includes(event)) await Bun.sleep(2);
}

const named = { Capabilities: ["CAPABILITY_NAMED_IAM"] as "CAPABILITY_NAMED_IAM"[] };

test("a creation goes on after a restart, and makes nothing twice", async () => {
  const lab = await openLab({ speed: 100 });
  await lab.cfn.createStack({ StackName: "roles", TemplateBody: JSON.stringify(first), ...named });
  await until(lab, "One CREATE_IN_PROGRESS: Resource creation Initiated");
  const made = findRole(lab.cloud, account, "one").id;
  const next = await restart(lab);
  expect((await next.stack("roles")).StackStatus).toBe("CREATE_COMPLETE");
  expect(findRole(next.cloud, account, "one").id).toBe(made);
  expect(listRoles(next.cloud, account).map(({ name }) => name)).toEqual(["one", "two"]);
});

test("an update goes on after a restart, with its replacement and its cleanup", async () => {
  const lab = await openLab({ speed: 20_000 });
  await lab.deploy("roles", first);
  const slow = await openLab({ speed: 100, path: copied(lab) });
  const { Id: ChangeSetName } = await slow.cfn.createChangeSet({
    StackName: "roles",
    ChangeSetName: "second",
    TemplateBody: JSON.stringify(second),
    ...named,
  });
  await slow.service.settled();
  await slow.cfn.executeChangeSet({ ChangeSetName });
  await until(slow, "One UPDATE_IN_PROGRESS: Resource creation Initiated");
  const next = await restart(slow);
  expect((await next.stack("roles")).StackStatus).toBe("UPDATE_COMPLETE");
  expect(tryFindRole(next.cloud, account, "one")).toBeUndefined();
  expect(findRole(next.cloud, account, "two").maxSessionSeconds).toBe(7200);
});

test("a deletion goes on after a restart", async () => {
  const lab = await openLab({ speed: 20_000 });
  const { StackId = "" } = await lab.deploy("roles", first);
  const slow = await openLab({ speed: 50, path: copied(lab) });
  await slow.cfn.deleteStack({ StackName: StackId });
  await until(slow, "Two DELETE_IN_PROGRESS");
  const next = await restart(slow);
  expect((await next.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
  expect(listRoles(next.cloud, account)).toEqual([]);
});

/** Its state as a file of its own. */
function copied(lab: Lab): string {
  lab.cloud.flush();
  const path = `${lab.path}.copy`;
  const database = new Database(lab.path);
  database.query("VACUUM INTO ?").run(path);
  database.close();
  return path;
}

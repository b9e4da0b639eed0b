import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { type AzureHost, openAzureHost, subscriptionId, tenantId } from "#tests/support/azure-host.ts";
import { askServer, dig, openOctodns, run } from "#tests/support/dns-clients.ts";
import { domain } from "#tests/support/https-cloud.ts";

/** Programs that nobody here wrote; `.ci/run` installs what it can. */
const az = Bun.env.AZURE_CLI ?? "";
const octodns = Bun.env.OCTODNS ?? "";
for (const [program, what] of [
  [az, "az, which would make zones (AZURE_CLI)"],
  [octodns, "octoDNS, which would write records (OCTODNS)"],
  [dig, "dig, which would walk delegations"],
]) {
  if (program === "") process.stdout.write(`the sandbox's Azure is not judged by ${what}: it is not installed\n`);
}

// Against hanging only: az takes a second or two per call.
setDefaultTimeout(240_000);

let azure: AzureHost;
let variables: Readonly<Record<string, string>>;
beforeAll(async () => {
  azure = await openAzureHost();
  variables = {
    ...azure.variables,
    AZURE_CONFIG_DIR: join(azure.folder, "az"),
    AZURE_CORE_COLLECT_TELEMETRY: "false",
    OCTODNS_SECRET: azure.administrator.secret,
  };
});
afterAll(async () => await azure.close());

async function ask(server: string, name: string, type: string): Promise<readonly string[]> {
  return await askServer(azure, server, name, type);
}

describe.skipIf(az === "")("az", () => {
  const group = ["--resource-group", "az-judge"] as const;
  const parent = `az.${domain}`;
  const child = `k8s.${parent}`;

  async function call(...args: readonly string[]) {
    const { exitCode, stdout, stderr } = await run([az, ...args, "--output", "json", "--only-show-errors"], variables);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  }

  beforeAll(async () => {
    const { clientId, secret } = azure.administrator;
    await call("login", "--service-principal", "-u", clientId, "-p", secret, "--tenant", tenantId);
    await call("group", "create", "--name", "az-judge", "--location", "eastus2");
  });

  test("has signed in to the declared subscription", async () => {
    expect(await call("account", "show")).toMatchObject({
      id: subscriptionId,
      tenantId,
      name: "az-mgmt",
      state: "Enabled",
    });
  });

  test.skipIf(dig === "")("delegates a zone in its parent, and dig walks there from the domain", async () => {
    await call("network", "dns", "zone", "create", ...group, "--name", parent);
    const { nameServers } = await call("network", "dns", "zone", "create", ...group, "--name", child, "-p", parent);
    const [first = ""] = (await call("network", "dns", "zone", "show", ...group, "--name", parent)).nameServers;
    expect(await ask("ns1.registrar.sandbox", child, "NS")).toContain(`${parent}. 86400 IN NS ${first}`);
    const referred = nameServers.map((server: string) => `${child}. 3600 IN NS ${server}`);
    expect((await ask(first, child, "NS")).toSorted()).toEqual(referred.toSorted());
    const [own] = nameServers;
    expect(await ask(own, child, "NS")).toHaveLength(4);
    expect(await ask(own, child, "SOA")).toEqual([
      `${child}. 3600 IN SOA ${own} azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 300`,
    ]);
  });

  test("is refused by a lock and by the etag in words that it understands", async () => {
    const zone = ["--name", `locked.${domain}`] as const;
    await call("network", "dns", "zone", "create", ...group, ...zone);
    const resource = ["--resource", `locked.${domain}`, "--resource-type", "Microsoft.Network/dnsZones"] as const;
    await call("lock", "create", ...group, "--name", "keep", "--lock-type", "CanNotDelete", ...resource);
    await expect(call("network", "dns", "zone", "delete", ...group, ...zone, "--yes")).rejects.toThrow("(ScopeLocked)");
    const update = call("network", "dns", "zone", "update", ...group, ...zone, "--tags", "a=b", "--if-match", "other");
    await expect(update).rejects.toThrow("(PreconditionFailed)");
    await call("lock", "delete", ...group, "--name", "keep", ...resource);
    await call("network", "dns", "zone", "delete", ...group, ...zone, "--yes");
    await expect(call("network", "dns", "zone", "show", ...group, ...zone)).rejects.toThrow("(ResourceNotFound)");
  });

  test("deletes a group, and waits until it is gone", async () => {
    await call("group", "create", "--name", "az-gone", "--location", "eastus2");
    await call("group", "delete", "--name", "az-gone", "--yes");
    expect(await call("group", "exists", "--name", "az-gone")).toBe(false);
  });
});

describe.skipIf(octodns === "")("octoDNS", () => {
  const { zone, records, sync } = openOctodns(octodns, {
    class: "octodns_azure.AzureProvider",
    client_id: administratorOf(tenantId).clientId,
    key: "env/OCTODNS_SECRET",
    directory_id: tenantId,
    sub_id: subscriptionId,
    resource_group: "octodns",
  });

  let first: string;
  let second: string;
  beforeAll(async () => {
    const group = `/subscriptions/${subscriptionId}/resourceGroups/octodns?api-version=2025-04-01`;
    expect((await azure.send("PUT", group, { location: "eastus2" })).status).toBe(201);
    [first, second] = [await sync(variables), await sync(variables)];
  });

  test("writes all records into a zone that it creates, and finds nothing to change the second time", () => {
    expect(first).toContain("8 total changes");
    expect(second).toContain("0 total changes");
  });

  test.skipIf(dig === "").each(records)("dig reads its %s records", async (type, name, expected) => {
    // The registrar's delegation names it.
    const [line = ""] = await ask("ns1.registrar.sandbox", zone, "NS");
    expect(await ask(line.split(" ").at(-1) ?? "", name, type)).toContain(`${name}. ${expected}`);
  });
});

import { expect, setDefaultTimeout, test } from "bun:test";
import { dirname } from "node:path";
import { listAt, stringAt } from "#sandbox/json.ts";
import { run } from "#tests/sandbox/harness.ts";
import { type AzureStory, aks, fleetOf, inAzure, subscriptions, tenantId } from "#tests/support/azure-story.ts";
import { endedAs, well } from "#tests/support/story.ts";

// Against hanging only: az takes a second or two per call.
setDefaultTimeout(300_000);

/** The Azure CLI, of 2.91: `AZURE_CLI=…/bin/az`. */
const az = Bun.env.AZURE_CLI ?? "";
if (az === "") process.stdout.write("the Azure part of a fleet is not judged by az: AZURE_CLI does not name it\n");

const zones = ["az.mylabs.dev", "k8s.az.mylabs.dev", "k01.k8s.az.mylabs.dev"] as const;
const cluster = zones[2];
const fleet = fleetOf(aks(1));

/** Runs az in the sandbox, signed in as the administrator. */
async function openAz(azure: AzureStory): Promise<(...args: readonly string[]) => Promise<unknown>> {
  const { PATH = "", ...variables } = await azure.variables();
  const env = { ...variables, PATH: `${PATH}:${dirname(az)}`, AZURE_CORE_COLLECT_TELEMETRY: "false" };
  const call = async (...args: readonly string[]): Promise<unknown> => {
    // The sandbox has a program of this name, which leads the real one to it.
    const { code, stdout, stderr } = await run(
      [`${azure.state}/bin/az`, ...args, "-o", "json", "--only-show-errors"],
      env,
    );
    if (code !== 0) throw new Error(`az ${args.join(" ")}: ${stderr}`);
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  };
  const { AZURE_CLIENT_ID: id = "", AZURE_CLIENT_SECRET: secret = "" } = variables as Readonly<Record<string, string>>;
  await call("login", "--service-principal", "-u", id, "-p", secret, "--tenant", tenantId);
  return call;
}

test.skipIf(az === "")("az finds what the tasks created, and the tasks repair what az removed", () =>
  inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet }));
    const call = await openAz(azure);
    const [management, account] = [
      ["--subscription", subscriptions["azure-mgmt"]],
      ["--subscription", subscriptions["azure-01"]],
    ] as const;
    const names = (list: unknown): readonly string[] =>
      listAt(list)
        .map((one) => stringAt(one, "name"))
        .toSorted();
    expect(names(await call("network", "dns", "zone", "list", ...management))).toEqual([zones[0], zones[1]]);
    expect(names(await call("network", "dns", "zone", "list", ...account))).toEqual([cluster]);
    const [found] = listAt(await call("aks", "list", ...account));
    expect([stringAt(found, "name"), stringAt(found, "provisioningState")]).toEqual([
      "k01-k8s-az-mylabs-dev",
      "Succeeded",
    ]);
    const group = ["--resource-group", stringAt(found, "resourceGroup")] as const;
    const zone = await call("network", "dns", "zone", "show", ...account, ...group, "--name", cluster);
    expect(listAt(zone, "nameServers")).toHaveLength(4);

    const [parent] = listAt(await call("network", "dns", "zone", "list", ...management)).filter(
      (one) => stringAt(one, "name") === zones[1],
    );
    const inParent = [...management, "-g", stringAt(parent, "resourceGroup"), "-z", zones[1], "-n", "k01"] as const;
    const delegation = await call("network", "dns", "record-set", "ns", "show", ...inParent);
    const hosts = listAt(delegation, "NSRecords").map((record) => stringAt(record, "nsdname"));
    expect(hosts.toSorted()).toEqual((listAt(zone, "nameServers") as string[]).toSorted());

    // By hand, as somebody would who cleans up too much.
    await call("network", "dns", "record-set", "ns", "delete", ...inParent, "--yes");
    await call("network", "dns", "zone", "update", ...account, ...group, "--name", cluster, "--tags", "mine=yes");
    const repaired = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(repaired, "made")).toContain(`azure/azure-01/${cluster}/delegation`);
    expect(await call("network", "dns", "record-set", "ns", "show", ...inParent)).toMatchObject({
      TTL: expect.any(Number),
    });
    const after = await call("network", "dns", "zone", "show", ...account, ...group, "--name", cluster);
    expect(after).toMatchObject({ tags: { mine: "yes", cluster } });

    await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
    expect(names(await call("group", "list", ...account))).toEqual([]);
    expect(listAt(await call("aks", "list", ...account))).toEqual([]);
  }),
);

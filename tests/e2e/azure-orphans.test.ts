import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import {
  type AccountName,
  type AzureStory,
  aks,
  fleetOf,
  idIn,
  inAzure,
  subscriptions,
} from "#tests/support/azure-story.ts";
import {
  anotherDomain,
  expectNoDeparture,
  interruptedMove,
  nothingIsForgotten,
  type OrphanCase,
  type OrphanCloud,
  orphansDeleted,
  told,
} from "#tests/support/orphan-stories.ts";
import { endedAs, well } from "#tests/support/story.ts";

// They run a few at a time: the last one waits for all others.
setDefaultTimeout(900_000);

const eu = { region: "westeurope" } as const;
/** Every account, whether it has a cluster or not. */
const every = fleetOf(aks(1, "azure-01"), aks(2, "azure-02")).accounts;
const fleet = (...clusters: Fleet["clusters"]): Fleet => ({ ...fleetOf(), accounts: every, clusters });

type Number = 1 | 2 | 3;
const nameOf = (number: Number): string => `k0${number}.k8s.az.mylabs.dev`;

/** All that there is of clusters: `k01 azure-01 eastus2` for AKS, `k01 azure-01` for the resource group, `k01 delegation`. */
async function standing(azure: AzureStory): Promise<readonly string[]> {
  const neighbour = await azure.neighbour();
  const found = await Promise.all(
    Object.entries(subscriptions).map(async ([account, id]) => {
      const groups = await neighbour.list(`/subscriptions/${id}/resourceGroups`);
      const clusters = await neighbour.list(
        `/subscriptions/${id}/providers/Microsoft.ContainerService/managedClusters`,
      );
      return [
        ...groups.filter(({ name }) => /^k0\d\./.test(name)).map(({ name }) => `${name.slice(0, 3)} ${account}`),
        ...clusters.map(({ name, location }) => `${name.slice(0, 3)} ${account} ${location}`),
      ];
    }),
  );
  const { resources } = JSON.parse(await azure.sandbox("status")).azure as { readonly resources: readonly string[] };
  const delegated = resources.flatMap((id) => {
    const [, name] = /\/k8s\.az\.mylabs\.dev\/NS\/(k0\d)$/i.exec(id) ?? [];
    return name === undefined ? [] : [`${name} delegation`];
  });
  return [...found.flat(), ...delegated].sort();
}

function all(number: Number, account: AccountName = "azure-01", region = "eastus2"): readonly string[] {
  const name = `k0${number}`;
  return [`${name} ${account}`, `${name} ${account} ${region}`, `${name} delegation`];
}

const orphan = { group: "orphan", zone: "orphan", delegation: "orphan", cluster: "orphan" } as const;
const replaced = ["create-aks-all", "--allow-replacement"] as const;
const both = fleet(aks(1), aks(2, "azure-02"));
const movedAccount = (...changes: readonly string[]) => {
  const change = ["to replace", ...changes].join(": ");
  return { group: change, zone: change, delegation: change, cluster: change };
};

const cases: Readonly<Record<string, OrphanCase>> = {
  removed: {
    before: both,
    after: fleet(aks(2, "azure-02")),
    number: 1,
    plan: orphan,
    created: [...all(1), ...all(2, "azure-02")],
    task: orphansDeleted,
    left: all(2, "azure-02"),
  },
  "removed, the last of its account": {
    before: both,
    after: fleet(aks(1)),
    number: 2,
    plan: orphan,
    created: [...all(1), ...all(2, "azure-02")],
    task: ["delete-all", nameOf(2), "--yes"],
    left: all(1),
  },
  "removed, the last of the management account": {
    before: fleet(aks(1), aks(2, "azure-mgmt")),
    after: fleet(aks(1)),
    number: 2,
    plan: orphan,
    created: [...all(1), ...all(2, "azure-mgmt")],
    task: orphansDeleted,
    left: all(1),
  },
  renamed: {
    before: fleet(aks(1)),
    after: fleet(aks(3)),
    number: 1,
    plan: orphan,
    created: [...all(1), ...all(3)],
    task: orphansDeleted,
    left: all(3),
  },
  "moved to another region": {
    before: both,
    after: fleet(aks(1, "azure-01", eu), aks(2, "azure-02")),
    number: 1,
    plan: { cluster: "to replace: location eastus2 > westeurope" },
    created: [...all(1), ...all(2, "azure-02")],
    exitCode: 1,
    task: replaced,
    left: [...all(1, "azure-01", "westeurope"), ...all(2, "azure-02")],
  },
  "moved to another account": {
    before: fleet(aks(1)),
    after: fleet(aks(1, "azure-02")),
    number: 1,
    plan: movedAccount("account azure-01 > azure-02"),
    created: all(1),
    exitCode: 1,
    task: replaced,
    left: all(1, "azure-02"),
  },
  "moved out of the management account and to another region": {
    before: fleet(aks(1, "azure-mgmt"), aks(2, "azure-mgmt")),
    after: fleet(aks(1, "azure-01", eu), aks(2, "azure-mgmt")),
    number: 1,
    plan: movedAccount("account azure-mgmt > azure-01", "region eastus2 > westeurope"),
    created: [...all(1, "azure-mgmt"), ...all(2, "azure-mgmt")],
    exitCode: 1,
    task: replaced,
    left: [...all(1, "azure-01", "westeurope"), ...all(2, "azure-mgmt")],
  },
  "moved to another account, then deleted with the whole fleet": {
    before: fleet(aks(1)),
    after: fleet(aks(1, "azure-02")),
    number: 1,
    plan: movedAccount("account azure-01 > azure-02"),
    created: all(1),
    exitCode: 1,
    task: ["delete-all", "--yes"],
    left: [],
  },
};

const azureCloud: OrphanCloud<AzureStory> = {
  product: "aks",
  tell: inAzure,
  nameOf,
  parts: ["group", "zone", "delegation", "cluster"],
  standing,
};

nothingIsForgotten(azureCloud, cases);

test.concurrent("what another fleet has of the same name in another account is left alone", async () => {
  await inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet: both }));
    await giveAway(azure, 2, "azure-02");
    // k02 is in azure-01 now, by this fleet's entry: the one in azure-02 is not a former place of it.
    const after = fleet(aks(1), aks(2));
    expect(told(azureCloud, await azure.run("plan", [], { fleet: after }), 2)).toEqual({
      group: "to make",
      zone: "to make",
      cluster: "to make",
      delegation: "failed",
    });
    const refused = await azure.run("create-aks-all", ["--allow-replacement"], { fleet: after });
    expect(refused.results[`azure/azure-01/${nameOf(2)}/delegation`]?.error?.code).toBe("ForeignResource");
    // Nor does a delete: a name that leads to somebody's zone stays with its own.
    await azure.run("delete-all", ["--yes"], { fleet: after });
    expect(await standing(azure)).toEqual([...all(2, "azure-02"), "k02 azure-01"].sort());
  });
});

test.concurrent("clusters of another fleet in the same account are no orphans", async () => {
  await inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet: fleet(aks(1)) }));
    await giveAway(azure, 1, "azure-01");
    const without = fleet();
    const status = await azure.run("status", [], { fleet: without });
    expect(endedAs(status, "orphan")).toEqual([]);
    expect((await azure.run("delete-all", [nameOf(1), "--yes"], { fleet: without })).exitCode).toBe(2);
    expect(await standing(azure)).toEqual([...all(1)].sort());
  });
});

interruptedMove(azureCloud, {
  before: fleet(aks(1)),
  after: fleet(aks(1, "azure-02", eu)),
  deleting: "AKS cluster: deleting it",
  call: "managedClusters:delete",
  left: all(1, "azure-02", "westeurope"),
});

test.concurrent("an account with clusters does not leave the fleet", async () => {
  await inAzure(async (azure) => {
    await expectNoDeparture(azure, {
      before: both,
      after: { ...fleet(aks(1)), accounts: every.filter(({ name }) => name !== "azure-02") },
      createAll: "create-aks-all",
      left: `${nameOf(2)} in ${subscriptions["azure-02"]}`,
    });
    expect(await standing(azure)).toEqual([...all(1)].sort());
  });
});

anotherDomain(azureCloud, both, [...all(1), ...all(2, "azure-02")]);

/** Another fleet's marks on all that has tags of a cluster. */
async function giveAway(azure: AzureStory, number: Number, account: AccountName): Promise<void> {
  const neighbour = await azure.neighbour();
  const name = nameOf(number);
  const dashed = name.replaceAll(".", "-");
  for (const id of [
    idIn(account, name),
    idIn(account, name, `Microsoft.Network/dnszones/${name}`),
    idIn(account, name, `Microsoft.ContainerService/managedClusters/${dashed}`),
  ]) {
    const found = await neighbour.get(id);
    await neighbour.put(id, { ...found, tags: { ...found?.tags, fleet: "other.dev" } });
  }
}

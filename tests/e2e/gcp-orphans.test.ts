import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { type AccountName, fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import {
  expectNoDeparture,
  interruptedMove,
  nothingIsForgotten,
  type OrphanCase,
  type OrphanCloud,
  orphansDeleted,
} from "#tests/support/orphan-stories.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// They run a few at a time: the last one waits for all others.
setDefaultTimeout(600_000);

type Number = 1 | 2 | 3;
const eu = { region: "europe-west1" } as const;
/** Every account, whether it has a cluster or not. */
const every = fleetOf(gke(1, "gcp-01"), gke(2, "gcp-02")).accounts;
const fleet = (...clusters: Fleet["clusters"]): Fleet => ({ ...fleetOf(), accounts: every, clusters });
const parent = `dns/dns/v1/projects/${projects["gcp-mgmt"].projectId}/managedZones/k8s-gcp-mylabs-dev`;
const nameOf = (number: Number): string => `k0${number}.k8s.gcp.mylabs.dev`;

/** All that there is of clusters: `k01 gcp-01 us-east1` for GKE, `k01 gcp-01` for the zone, `k01 NS` and `k01 TXT` for its delegation. */
async function standing(gcp: GcpStory): Promise<readonly string[]> {
  const call = await gcp.neighbour();
  const list = async (path: string, field: string): Promise<readonly Named[]> =>
    (await call("GET", path).catch(undefinedIfDisabled))?.[field] ?? [];
  const found = Object.entries(projects).map(async ([account, { projectId }]) => {
    const clusters = await list(`container/v1/projects/${projectId}/locations/-/clusters`, "clusters");
    const zones = await list(`dns/dns/v1/projects/${projectId}/managedZones`, "managedZones");
    return [
      ...zones.filter(({ name }) => /^k0\d-/.test(name)).map(({ name }) => `${name.slice(0, 3)} ${account}`),
      ...clusters.map(({ name, location }) => `${name.slice(0, 3)} ${account} ${location}`),
    ];
  });
  const delegated = (await list(`${parent}/rrsets`, "rrsets")).filter(({ name }) => /^k0\d\./.test(name));
  return [
    ...(await Promise.all(found)).flat(),
    ...delegated.map(({ name, type }) => `${name.slice(0, 3)} ${type}`),
  ].sort();
}

interface Named {
  readonly name: string;
  /** Of a cluster. */
  readonly location?: string;
  /** Of a record set. */
  readonly type?: string;
}

/** Nothing is in a project whose APIs nobody has enabled. */
function undefinedIfDisabled(error: unknown): undefined {
  if (!String(error).includes("SERVICE_DISABLED")) throw error;
}

function all(number: Number, account: AccountName = "gcp-01", region = "us-east1"): readonly string[] {
  const name = `k0${number}`;
  return [`${name} ${account}`, `${name} ${account} ${region}`, `${name} NS`, `${name} TXT`];
}

const orphan = { zone: "orphan", delegation: "orphan", cluster: "orphan" } as const;
const moved = (...changes: readonly string[]) => {
  const change = ["to replace", ...changes].join(": ");
  return { zone: change, delegation: change, cluster: change };
};
const both = fleet(gke(1), gke(2, "gcp-02"));

const cases: Readonly<Record<string, OrphanCase>> = {
  "removed, the last of its account": {
    before: both,
    after: fleet(gke(1)),
    number: 2,
    plan: orphan,
    created: [...all(1), ...all(2, "gcp-02")],
    task: ["delete-all", nameOf(2), "--yes"],
    left: all(1),
  },
  renamed: {
    before: fleet(gke(1)),
    after: fleet(gke(3)),
    number: 1,
    plan: orphan,
    created: [...all(1), ...all(3)],
    task: orphansDeleted,
    left: all(3),
  },
  "moved to another region": {
    before: both,
    after: fleet(gke(1, "gcp-01", eu), gke(2, "gcp-02")),
    number: 1,
    plan: { cluster: "to replace: region us-east1 > europe-west1" },
    created: [...all(1), ...all(2, "gcp-02")],
    exitCode: 1,
    task: ["create-gke-all", "--allow-replacement"],
    left: [...all(1, "gcp-01", "europe-west1"), ...all(2, "gcp-02")],
  },
  "moved out of the management account and to another region": {
    before: fleet(gke(1, "gcp-mgmt")),
    after: fleet(gke(1, "gcp-01", eu)),
    number: 1,
    plan: moved("account gcp-mgmt > gcp-01", "region us-east1 > europe-west1"),
    created: all(1, "gcp-mgmt"),
    exitCode: 1,
    task: ["create-gke-all", "--allow-replacement"],
    left: all(1, "gcp-01", "europe-west1"),
  },
  "moved to another account, then deleted with the whole fleet": {
    before: fleet(gke(1)),
    after: fleet(gke(1, "gcp-02")),
    number: 1,
    plan: moved("account gcp-01 > gcp-02"),
    created: all(1),
    exitCode: 1,
    task: ["delete-all", "--yes"],
    left: [],
  },
};

const gcpCloud: OrphanCloud<GcpStory> = {
  product: "gke",
  tell: inGcp,
  nameOf,
  parts: ["zone", "delegation", "cluster"],
  standing,
};

nothingIsForgotten(gcpCloud, cases);

const without02 = every.filter(({ name }) => name !== "gcp-02");
interruptedMove(gcpCloud, {
  before: fleet(gke(1)),
  after: fleet(gke(1, "gcp-02", eu)),
  deleting: "GKE cluster: deleting it",
  call: "clusters:delete",
  left: all(1, "gcp-02", "europe-west1"),
});

const left = `${nameOf(2)} in ${projects["gcp-02"].projectNumber}`;

test.concurrent("an account with clusters does not leave the fleet", async () => {
  await inGcp(async (gcp) => {
    const after = { ...fleet(gke(1)), accounts: without02 };
    await expectNoDeparture(gcp, { before: both, after, createAll: "create-gke-all", left });
    await gcp.openFor(fleet(gke(1)));
    expect(await standing(gcp)).toEqual([...all(1)].sort());
  });
});

test.concurrent("delegations tell of projects that are gone until their NS records are deleted, and those from before are completed", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet: both }));
    const call = await gcp.neighbour();
    const setsOf = async (name: string): Promise<readonly Named[]> =>
      (await call("GET", `${parent}/rrsets?name=${name}.`)).rrsets;
    const mark = await setsOf(`k01._delegation.k8s.gcp.mylabs.dev`);
    await call("POST", `${parent}/changes`, { deletions: mark });
    const planned = await gcp.run("plan", [], { fleet: both });
    const delegation = `gcp/gcp-01/${nameOf(1)}/delegation`;
    expect(endedAs(planned, "to update")).toEqual([delegation]);
    expect(planned.results[delegation]?.changes.map(({ field, to }) => [field, to])).toEqual([
      ["tags.fleet", "mylabs.dev"],
      ["tags.project", projects["gcp-01"].projectNumber],
    ]);
    await well(gcp.run("create-gke-all", [], { fleet: both }));
    expect(await setsOf(`k01._delegation.k8s.gcp.mylabs.dev`)).toEqual(mark);

    const none = { ...fleet(), accounts: without02 };
    await well(gcp.run("delete-all", ["--orphans", "--yes"], { fleet: none }));
    const refused = await gcp.run("delete/gcp-mgmt", ["--yes"], { fleet: none });
    expect(Object.values(errorsOf(refused)).join()).toContain(`NS ${nameOf(2)}`);
    expect(errorsOf(await gcp.run("plan", [], { fleet: none }))["gcp/gcp-mgmt/delegated-accounts"]).toContain(left);
    await call("POST", `${parent}/changes`, { deletions: await setsOf(nameOf(2)) });
    await well(gcp.run("plan", [], { fleet: none }));
    await well(gcp.run("delete/gcp-mgmt", ["--yes"], { fleet: none }));
    expect(await call("GET", parent)).toBeUndefined();
  });
});

test.concurrent("a project without billing can't be searched for orphans, which is told, while those of others are found", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet: both }));
    const billing = (enabled: boolean) =>
      gcp.daemon.operate("gcp", "billing", { project: projects["gcp-02"].projectId, enabled: String(enabled) });
    await billing(false);
    for (const task of ["plan", "status"]) {
      const { events, results } = await gcp.run(task, [], { fleet: fleet() });
      const told = events.flatMap((event) => (event.kind === "notice" ? [event.message] : []));
      expect(told.filter((message) => message.startsWith("could not search"))).toEqual([
        expect.stringMatching(/^could not search for orphans of GCP: gcp-02: the project can't be used: .* billing/),
      ]);
      expect(results[`gcp/gcp-01/${nameOf(1)}/cluster`]?.outcome).toBe("orphan");
    }
    const refused = await gcp.run("delete-all", ["--orphans", "--yes"], { fleet: fleet() });
    expect([refused.exitCode, Object.values(errorsOf(refused)).join()]).toEqual([
      1,
      expect.stringMatching(/^could not search for orphans of GCP: gcp-02: .* \(ProjectUnusable\)/),
    ]);
    await billing(true);
    expect(await standing(gcp)).toEqual([...all(1), ...all(2, "gcp-02")].sort());
    await well(gcp.run("delete-all", ["--orphans", "--yes"], { fleet: fleet() }));
    expect(await standing(gcp)).toEqual([]);
  });
});

test.concurrent("a cluster that moved out of a project without billing is not forgotten there", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet: fleet(gke(1)) }));
    const billing = (enabled: boolean) =>
      gcp.daemon.operate("gcp", "billing", { project: projects["gcp-01"].projectId, enabled: String(enabled) });
    await billing(false);
    const after = fleet(gke(1, "gcp-02"));
    const refused = await gcp.run("create-gke-all", ["--allow-replacement", "--skip-dns-check"], { fleet: after });
    expect(errorsOf(refused)).toEqual({
      [`gcp/gcp-02/${nameOf(1)}/delegation`]: expect.stringContaining(
        `k8s.gcp.mylabs.dev delegates ${nameOf(1)} for the project ${projects["gcp-01"].projectNumber} (ForeignResource)`,
      ),
    });
    await billing(true);
    await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet: after }));
    expect(await standing(gcp)).toEqual([...all(1, "gcp-02")].sort());
  });
});

import { describe, expect, test } from "bun:test";
import { formatFault } from "#lib/fleet/fault.ts";
import type { Account, Cluster } from "#lib/fleet/types.ts";
import { base, baseWithAzure, eks, fleetOf, k3d, kind, management } from "#tests/fixtures/fleets/base.ts";
import { fleet as defaultFleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { checkFleet } from "#tests/support/fleet.ts";
import { faultsOf } from "./fixtures.ts";

/** Message and hint as people read them. */
async function told(fixture: string): Promise<readonly string[]> {
  const faults = await faultsOf("invalid", fixture);
  return faults.flatMap((fault) => [formatFault(fault, "clusters/x.ts"), fault.hint]);
}

function codes(...clusters: readonly Cluster[]): readonly string[] {
  return checkFleet(fleetOf(...clusters)).map(({ code }) => code);
}

describe("messages", () => {
  test("an unknown account offers the nearest", async () => {
    expect(await told("unknown-account.ts")).toEqual([
      'clusters/x.ts: cluster k01.k8s.aws.mylabs.dev: unknown account "aws-1" (UnknownAccount)',
      'did you mean "aws-01"? accounts are aws-mgmt, aws-01',
    ]);
  });

  test("an unknown region offers the nearest", async () => {
    expect(await told("unknown-region.ts")).toEqual([
      'clusters/x.ts: cluster k01.k8s.aws.mylabs.dev: unknown region "us-east1" of aws (UnknownRegion)',
      'did you mean "us-east-1"? all are in lib/aws/fleet/regions.ts',
    ]);
  });

  test("a name outside its zone comes with the right one", async () => {
    expect(await told("name-outside-zone.ts")).toEqual([
      'clusters/x.ts: cluster k01.k8s.aws.example.org: "k01.k8s.aws.example.org" isn\'t one label below k8s.aws.mylabs.dev (NameOutsideZone)',
      'name it "k01.k8s.aws.mylabs.dev"',
    ]);
  });

  test("a name that k3d can't take says by how much", async () => {
    expect(await told("name-too-long.ts")).toEqual([
      "clusters/x.ts: cluster a-name-that-k3d-cannot-take.internal: name is 36 characters long, k3d takes 32 (NameTooLong)",
      "shorten its first label to 23 characters or fewer",
    ]);
  });

  test("a capital letter comes with its small one", async () => {
    expect(await told("malformed-name.ts")).toEqual([
      'clusters/x.ts: cluster Kind01.internal: malformed name "Kind01.internal" (MalformedName)',
      'write it "kind01.internal"',
    ]);
  });

  test("a taken port comes with a free one", async () => {
    expect(await told("duplicate-port.ts")).toEqual([
      "clusters/x.ts: cluster kind02.internal: apiPort 6551 is that of kind01.internal (DuplicatePort)",
      "use another port, e.g. apiPort: 6552",
    ]);
  });

  test("overlapping ranges in a mesh come with a free one", async () => {
    expect(await told("overlapping-mesh-ranges.ts")).toEqual([
      'clusters/x.ts: cluster kind02.internal: pod range 10.244.0.0/16 overlaps 10.244.0.0/16 of kind01.internal in mesh "lab" (OverlappingMeshRanges)',
      'give it a range of its own, e.g. podCidr: "10.64.0.0/16"',
    ]);
  });

  test("bits beyond the prefix come with the range that was meant", async () => {
    expect(await told("invalid-cidr.ts")).toEqual([
      'clusters/x.ts: cluster kind01.internal: invalid podCidr "10.64.1.0/16": bits are set beyond /16 (InvalidCidr)',
      'write podCidr: "10.64.0.0/16"',
    ]);
  });

  test("a patch version comes with its minor", async () => {
    expect(await told("malformed-version.ts")).toEqual([
      'clusters/x.ts: cluster kind01.internal: malformed Kubernetes version "1.36.1" (MalformedVersion)',
      'write major and minor only: kubernetes: "1.36"',
    ]);
  });

  test("a misspelt key offers the nearest", async () => {
    expect(await told("invalid-shape.unknown-key.yaml")).toEqual([
      'clusters/x.ts: clusters[0]: unknown key "wrokers" (InvalidShape)',
      expect.stringMatching(/^did you mean "workers"\? keys are .*apiPort/),
    ]);
  });
});

describe("names", () => {
  test.each([
    "-a.internal",
    "a-.internal",
    "a_b.internal",
    `${"a".repeat(64)}.internal`,
    ".internal",
    "a b.internal",
  ] as const)("refuses %p", (name) => {
    expect(codes({ ...kind, name })).toEqual(["MalformedName"]);
  });

  test("kind takes 49 characters, k3d 32, and no more", () => {
    const name = (length: number) => `${"a".repeat(length - ".internal".length)}.internal` as const;
    expect(codes({ ...kind, name: name(49) })).toEqual([]);
    expect(codes({ ...kind, name: name(50) })).toEqual(["NameTooLong"]);
    expect(codes({ ...k3d, name: name(32) })).toEqual([]);
    expect(codes({ ...k3d, name: name(33) })).toEqual(["NameTooLong"]);
  });

  test("environment and mesh are labels", () => {
    expect(codes({ ...kind, environment: "Prod!" })).toEqual(["MalformedName"]);
    expect(codes({ ...kind, mesh: "a.b" })).toEqual(["MalformedName"]);
  });

  test("zones and domain are names too", () => {
    expect(checkFleet({ ...base, domain: "my_labs.dev" }).map(({ code }) => code)).toContain("MalformedName");
  });

  test("a cluster two labels below its zone is outside", () => {
    expect(codes({ ...eks, name: "a.b.k8s.aws.mylabs.dev" })).toEqual(["NameOutsideZone"]);
  });
});

test("a domain that can't be a label's value is refused", () => {
  const domain = `${"a".repeat(60)}.dev`;
  expect(checkFleet({ domain, zones: [], accounts: [], clusters: [kind] }).map(({ code }) => code)).toEqual([
    "MalformedName",
  ]);
});

describe("accounts", () => {
  const check = (account: Account) =>
    checkFleet({ ...base, accounts: [...base.accounts, account] }).map(({ code }) => code);
  const uuid = "0a1b2c3d-0000-4000-8000-00000000000f";
  const gcpAccount = {
    provider: "gcp",
    name: "gcp-01",
    role: "tenant",
    projectId: "my-project",
    projectNumber: "123456789012",
  } as const;

  test("an Azure account needs two UUIDs", () => {
    const account = {
      provider: "azure",
      name: "azure-01",
      role: "tenant",
      subscriptionId: uuid,
      tenantId: uuid,
    } as const;
    expect(check(account)).toEqual([]);
    expect(check({ ...account, subscriptionId: "mylabs" })).toEqual(["MalformedAccountId"]);
    expect(check({ ...account, tenantId: `{${uuid}}` })).toEqual(["MalformedAccountId"]);
  });

  test.each(["short", "Upper-case", "1-begins-with-a-digit", "ends-with-a-hyphen-", "a".repeat(31), "123456789012"])(
    "refuses the project id %p",
    (projectId) => {
      expect(check({ ...gcpAccount, projectId })).toEqual(["MalformedAccountId"]);
    },
  );

  test.each(["", "12345", "my-project", "projects/123456789012", "012345678901"])(
    "refuses the project number %p",
    (projectNumber) => {
      expect(check({ ...gcpAccount, projectNumber })).toEqual(["MalformedAccountId"]);
    },
  );

  test("the same id in another cloud is another account", () => {
    expect(check({ ...gcpAccount, projectId: "my-project" })).toEqual([]);
  });

  test("a cloud without clusters needs no management account", () => {
    expect(checkFleet({ ...base, accounts: [], zones: [], clusters: [kind] })).toEqual([]);
    expect(checkFleet({ ...baseWithAzure, accounts: base.accounts })).toEqual([]);
  });

  test("a cluster may run in the management account", () => {
    expect(codes({ ...eks, account: management.name })).toEqual([]);
  });
});

describe("networks", () => {
  test.each([
    "10.244.0.0",
    "10.244.0.0/33",
    "10.244.0/16",
    "10.256.0.0/16",
    "010.0.0.0/8",
    "fd00::/48",
    "10.0.0.0/30",
    "0.0.0.0/0",
    "",
  ])("refuses the range %p", (podCidr) => {
    expect(codes({ ...kind, podCidr })).toEqual(["InvalidCidr"]);
  });

  test("k3s and kind fit one mesh with their own ranges, kind and AKS don't", () => {
    expect(codes({ ...kind, mesh: "lab" }, { ...k3d, mesh: "lab" })).toEqual([]);
    const aks = {
      provider: "azure",
      name: "k01.k8s.az.mylabs.dev",
      account: "azure-mgmt",
      region: "eastus2",
      publicAccessCidrs: ["203.0.113.0/24"],
      mesh: "lab",
    } as const;
    const faults = checkFleet({ ...baseWithAzure, clusters: [aks, { ...kind, mesh: "lab" }] });
    expect(faults.map(({ code, where }) => [code, where])).toEqual([
      ["OverlappingMeshRanges", "cluster kind01.internal"],
    ]);
  });

  test("a service range over the default pod range is found", () => {
    expect(codes({ ...k3d, serviceCidr: "10.40.0.0/14" })).toEqual(["OverlappingRanges"]);
  });

  test("clusters of different meshes may overlap", () => {
    expect(codes({ ...kind, mesh: "a" }, { ...kind, name: "kind02.internal", apiPort: 6552, mesh: "b" })).toEqual([]);
  });
});

describe("local clusters", () => {
  test.each([1023, 65536, 6551.5, Number.NaN])("refuses port %p", (apiPort) => {
    expect(codes({ ...kind, apiPort })).toEqual(["PortOutOfRange"]);
  });

  test.each([-1, 21, 1.5])("refuses %p workers", (workers) => {
    expect(codes({ ...kind, workers })).toEqual(["WorkersOutOfRange"]);
  });

  test.each(["kindest/node", "kindest/node@sha256:00", "localhost:5000/node", "kindest/node:"])(
    "refuses the image %p",
    (image) => {
      expect(codes({ ...kind, image })).toEqual(["ImageWithoutTag"]);
    },
  );

  test("an image of the wanted version makes another version possible", () => {
    expect(codes({ ...kind, kubernetes: "1.35", image: "kindest/node:v1.35.2" })).toEqual([]);
    expect(codes({ ...kind, kubernetes: "1.35", image: "registry.example.org/node:mine" })).toEqual([]);
  });
});

test("faults of one provider name it, so that its file can be named", () => {
  const faults = checkFleet({ ...defaultFleet, zones: [] });
  expect(faults.map(({ provider }) => provider)).toEqual(["aws", "azure", "gcp"]);
});

test("every fault of a fleet is told, not just the first", () => {
  expect(codes({ ...eks, account: "nobody", region: "nowhere" }, { ...kind, apiPort: 1, workers: 99 })).toEqual([
    "UnknownAccount",
    "UnknownRegion",
    "PortOutOfRange",
    "WorkersOutOfRange",
  ]);
});

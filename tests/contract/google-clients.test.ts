import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { askServer, dig, openOctodns, run } from "#tests/support/dns-clients.ts";
import { openGoogleHost, projectId, projectNumber } from "#tests/support/google-host.ts";
import { domain, type HttpsCloud } from "#tests/support/https-cloud.ts";

/** Programs that nobody here wrote; `.ci/run` installs what it can. */
const python = Bun.env.GOOGLE_DISCOVERY_PYTHON ?? "";
const octodns = Bun.env.GOOGLE_OCTODNS ?? "";
for (const [program, what] of [
  [python, "google-api-python-client (GOOGLE_DISCOVERY_PYTHON)"],
  [octodns, "octoDNS, which would write records (GOOGLE_OCTODNS)"],
  [dig, "dig, which would read them"],
]) {
  if (program === "")
    process.stdout.write(`the sandbox's Google Cloud is not judged by ${what}: it is not installed\n`);
}

// Against hanging only: octoDNS waits five seconds for each change.
setDefaultTimeout(240_000);

let google: HttpsCloud;
beforeAll(async () => {
  google = await openGoogleHost();
});
afterAll(async () => await google.close());

const processes = join(projectRoot, "tests/fixtures/processes");

/** What a program prints. */
async function said(command: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = await run(command, { ...google.variables, ...variables });
  if (exitCode !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test("@google-cloud/dns makes a zone and its records, compressed, and reads refusals", async () => {
  const variables = { NODE_EXTRA_CA_CERTS: google.variables.REQUESTS_CA_BUNDLE ?? "" };
  const dnsName = `client.${domain}.`;
  const script = join(processes, "google-dns.ts");
  const { servers, ...others } = await said([process.execPath, script, projectId, dnsName], variables);
  expect(servers).toHaveLength(4);
  expect(others).toMatchObject({
    change: { kind: "dns#change", id: "1", status: "pending", additions: [{ name: `www.${dnsName}`, ttl: 60 }] },
    records: [{ data: ["192.0.2.1", "192.0.2.2"], name: `www.${dnsName}`, ttl: 60 }],
    refused: { code: 412, message: "Precondition not met for 'entity.change.deletions[0]'" },
    full: { code: 400, errors: [{ reason: "containerNotEmpty" }] },
    left: expect.not.arrayContaining(["client"]),
  });
});

describe.skipIf(python === "")("google-api-python-client", () => {
  const dnsName = `api.${domain}.`;
  let answers: Awaited<ReturnType<typeof said>>;
  beforeAll(async () => {
    answers = await said([python, join(processes, "google_api.py"), projectId, dnsName]);
  });

  test("reads a project and enables a service", () => {
    expect(answers.project).toMatchObject({ name: `projects/${projectNumber}`, projectId, state: "ACTIVE" });
    expect(answers.enabled).toBe("ENABLED");
  });

  test("gives a service account a zone, and changes it as that account", () => {
    expect(answers.policy).toEqual([
      { role: "roles/dns.admin", members: [`serviceAccount:zone-writer@${projectId}.iam.gserviceaccount.com`] },
    ]);
    expect(answers.change).toMatchObject({ id: "1", status: "done", deletions: [] });
    expect(answers.sets).toEqual(["NS", "SOA", "A"]);
  });

  test("makes a network with NAT, and deletes it once it is empty", () => {
    expect(answers.router).toMatchObject({ kind: "compute#router", nats: [{ name: "n", type: "PUBLIC" }] });
    expect(answers.full).toMatchObject([
      {
        code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        message: expect.stringContaining("/networks/api' is already being used by 'projects/"),
      },
    ]);
    expect(answers.deleted).toEqual([]);
  });

  test.each([
    ["networkAgain", 409, `The resource 'projects/${projectId}/global/networks/api' already exists`],
    ["gone", 404, `The resource 'projects/${projectId}/global/networks/api' was not found`],
    ["bogus", 400, 'Invalid JSON payload received. Unknown name "bogus": Cannot find field.'],
    ["again", 409, "The resource 'entity.managedZone' named 'api' already exists"],
    ["stale", 409, "There were concurrent policy changes."],
    ["denied", 403, "Forbidden"],
  ])("reads why it is refused: %s", (name, status, reason) => {
    expect(answers[name]).toMatchObject({ status, reason: expect.stringContaining(reason) });
  });
});

describe.skipIf(octodns === "")("octoDNS", () => {
  const { zone, records, sync } = openOctodns(octodns, {
    class: "octodns_googlecloud.GoogleCloudProvider",
    project: projectId,
  });

  let first: string;
  let second: string;
  beforeAll(async () => {
    [first, second] = [await sync(google.variables), await sync(google.variables)];
  });

  test("writes all records into a zone that it creates, and finds nothing to change the second time", () => {
    expect(first).toContain("8 total changes");
    expect(second).toContain("0 total changes");
  });

  test.skipIf(dig === "").each(records)("dig reads its %s records", async (type, name, expected) => {
    // The registrar's delegation names it.
    const [line = ""] = await askServer(google, "ns1.registrar.sandbox", zone, "NS");
    const server = line.split(" ").at(-1) ?? "";
    expect(server).toMatch(/^ns-cloud-[a-e]\d\.googledomains\.com\.$/);
    expect(await askServer(google, server, name, type)).toContain(`${name}. ${expected}`);
  });
});

import { afterAll, beforeAll, expect, test } from "bun:test";
import { isObject, stringAt } from "#sandbox/json.ts";
import { type OpenedGoogle, openGoogle, project, zones } from "#tests/sandbox/gcp/harness.ts";

// Names of the fields in config-connector's recordings of Google, against ours. What is in one of them only is listed, with the reason.

let google: OpenedGoogle;
let operation = "";
const accounts = `v1/projects/${project.projectId}/serviceAccounts`;
const account = `${accounts}/writer@${project.projectId}.iam.gserviceaccount.com`;
const services = `v1/projects/${project.projectId}/services`;
const roles = `v1/projects/${project.projectId}/roles`;
const zone = { name: "zone", dnsName: "example.org.", description: "of a test" };
const set = { name: "a.example.org.", type: "A", ttl: 300, rrdatas: ["192.0.2.1"] };

beforeAll(async () => {
  google = await openGoogle();
  await google.ask("POST", zones, zone);
  await google.ask("POST", `${zones}/zone/changes`, { additions: [set] });
  await google.ask("POST", accounts, { accountId: "writer" });
  await google.ask("POST", roles, { roleId: "reader", role: { title: "Reader" } });
  operation = stringAt((await google.ask("POST", `${services}/dns.googleapis.com:enable`, {})).body, "name");
  google.advance(60_000);
});
afterAll(() => google.close());

/** `a.b[].c` for each value that is no object. */
function pathsOf(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`));
  if (!isObject(value)) return [path];
  return Object.entries(value).flatMap(([name, item]) => pathsOf(item, path === "" ? name : `${path}.${name}`));
}

function below(path: string, names: string): string {
  return names
    .split(" ")
    .map((name) => `${path}.${name}`)
    .join(" ");
}

const zoneFields = "cloudLoggingConfig.kind creationTime description dnsName id kind name nameServers[] visibility";
const setFields = "kind name rrdatas[] ttl type";
const accountFields = "email etag name oauth2ClientId projectId uniqueId";
const errorFields = `code message status ${below("errors[]", "domain message reason")}`;
const changeFields = "id kind startTime status";
/** Cut from the recordings of services; gcloud lists services by it. */
const config = "config.name config.title";

interface Row {
  readonly title: string;
  readonly ask: () => readonly [method: string, path: string, body?: object];
  readonly status?: number;
  /** Paths, as the recordings have them. */
  readonly recorded: string;
  /** What only ours has. */
  readonly more?: string;
}

const rows: readonly Row[] = [
  {
    title: "a new zone",
    ask: () => ["POST", zones, { ...zone, name: "zone-2", dnsName: "example.com." }],
    recorded: zoneFields,
  },
  { title: "a zone", ask: () => ["GET", `${zones}/zone`], recorded: zoneFields },
  {
    title: "zones",
    ask: () => ["GET", `${zones}?dnsName=example.org.`],
    recorded: `kind ${below("managedZones[]", zoneFields)}`,
  },
  { title: "a missing zone", ask: () => ["GET", `${zones}/no`], status: 404, recorded: below("error", errorFields) },
  {
    title: "a changed zone",
    ask: () => ["PUT", `${zones}/zone`, { ...zone, description: "another" }],
    recorded: `id kind startTime status type user ${below("zoneContext.newValue", zoneFields)} ${below("zoneContext.oldValue", zoneFields)}`,
  },
  {
    title: "a change",
    ask: () => ["POST", `${zones}/zone/changes`, { additions: [{ ...set, name: "b.example.org." }] }],
    recorded: `${changeFields} ${below("additions[]", "name rrdatas[] ttl type")}`,
    // As Google's own cassettes of the same test have it.
    more: "additions[].kind",
  },
  {
    title: "record sets",
    ask: () => ["GET", `${zones}/zone/rrsets`],
    recorded: `kind ${below("rrsets[]", setFields)}`,
  },
  { title: "no record sets", ask: () => ["GET", `${zones}/zone/rrsets?name=no.example.org.`], recorded: "kind" },
  { title: "a record set", ask: () => ["GET", `${zones}/zone/rrsets/a.example.org./A`], recorded: setFields },
  {
    title: "a service account",
    ask: () => ["POST", accounts, { accountId: "reader-1", serviceAccount: { displayName: "Reader" } }],
    recorded: `${accountFields} displayName`,
  },
  { title: "a plain service account", ask: () => ["GET", account], recorded: accountFields },
  {
    title: "a missing service account",
    ask: () => ["GET", account.replace("writer", "nobody")],
    status: 404,
    recorded: below("error", errorFields),
  },
  {
    title: "a new role",
    ask: () => [
      "POST",
      roles,
      { roleId: "writer", role: { title: "Writer", description: "x", includedPermissions: ["dns.changes.create"] } },
    ],
    recorded: "description etag includedPermissions[] name title",
  },
  {
    title: "a service that was never enabled",
    ask: () => ["GET", `${services}/pubsub.googleapis.com`],
    recorded: "name state",
    more: config,
  },
  {
    title: "a service",
    ask: () => ["GET", `${services}/dns.googleapis.com`],
    recorded: "name parent state",
    more: config,
  },
  { title: "the begin of enabling", ask: () => ["POST", `${services}/run.googleapis.com:enable`], recorded: "name" },
  {
    title: "the end of enabling",
    ask: () => ["GET", `v1/${operation}`],
    recorded: `done name metadata.@type response.@type ${below("response.service", "name parent state")}`,
  },
];

test.each(rows)("$title has the fields of the recordings", async ({ ask, status = 200, recorded, more = "" }) => {
  const answer = await google.ask(...ask());
  expect(answer.status).toBe(status);
  const expected = [...recorded.split(" "), ...more.split(" ").filter((path) => path !== "")];
  expect([...new Set(pathsOf(answer.body))].toSorted()).toEqual(expected.toSorted());
});

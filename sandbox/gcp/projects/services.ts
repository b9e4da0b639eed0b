import { randomUUID } from "node:crypto";
import { hasPassed, timeAfter } from "#sandbox/cloud/cloud-base.ts";
import type { Behaviour, Behaviours, GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { errorInfo, fault, forbidden } from "#sandbox/gcp/api/faults.ts";
import { type Api, googleApis, googleHosts } from "#sandbox/gcp/api/methods.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import { invalid } from "#sandbox/gcp/api/schema.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { textsAt } from "#sandbox/json.ts";

interface EnabledService {
  /** When its state is ENABLED, as ISO 8601: its operation ends. */
  readonly enabled: string;
  /** When it also works. */
  readonly works: string;
}

interface EnableOperation {
  readonly kind: "EnableServiceResponse" | "BatchEnableServicesResponse" | "DisableServiceResponse";
  readonly services: readonly string[];
  /** As ISO 8601. */
  readonly end: string;
}

interface ServicesState {
  /** By host name. */
  readonly enabled: Record<string, EnabledService>;
  /** By name. */
  readonly operations: Record<string, EnableOperation>;
}

/** Of Google's time. */
const enableMs = 20_000;
/** "Wait a few minutes for the action to propagate", says Google. */
const propagateMs = 60_000;
const maxBatch = 20;
/** A new project can be read, and its services can be enabled. */
const firstServices = ["cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"];
/** Federation works in projects that have not enabled it. */
const needlessServices = ["sts.googleapis.com"];

/** @throws GcpFault 403 for a service that the project has not enabled, or only just */
export function requireService(cloud: GcpCloud, project: Project, { host, title }: Api): void {
  const found = stateOf(cloud, project).enabled[host];
  if (needlessServices.includes(host) || (found !== undefined && hasPassed(cloud, found.works))) return;
  const { number } = project;
  const url = `https://console.developers.google.com/apis/api/${host}/overview?project=${number}`;
  throw forbidden(
    `${title} has not been used in project ${number} before or it is disabled. Enable it by visiting ${url} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.`,
    [
      {
        "@type": "type.googleapis.com/google.rpc.Help",
        links: [{ description: "Google developers console API activation", url }],
      },
      errorInfo("SERVICE_DISABLED", { consumer: `projects/${number}`, service: host, serviceTitle: title }),
    ],
    "accessNotConfigured",
  );
}

/** Enables services at once, as in a project that has had them for long. @param hosts @default all that the sandbox has */
export function enableServices(cloud: GcpCloud, project: Project, hosts: readonly string[] = googleHosts): void {
  const { enabled } = stateOf(cloud, project);
  const past = new Date(0).toISOString();
  for (const host of hosts) enabled[host] = { enabled: past, works: past };
  cloud.save();
}

export function disableService(cloud: GcpCloud, project: Project, host: string): void {
  delete stateOf(cloud, project).enabled[host];
  cloud.save();
}

export const serviceBehaviours: Behaviours = {
  "serviceusage.services.get": inProject(({ cloud, params }, project) =>
    describe(cloud, project, requireKnown(project, params.servicesId ?? "")),
  ),
  "serviceusage.services.list": inProject((call, project) => {
    const { cloud, query } = call;
    const filter = query.get("filter") ?? "";
    const [, wanted] = /^state:(ENABLED|DISABLED)$/.exec(filter) ?? [];
    if (filter !== "" && wanted === undefined)
      throw invalid(`the sandbox does not know the filter ${filter}`, "filter");
    const all = [...new Set([...googleHosts, ...Object.keys(stateOf(cloud, project).enabled)])].toSorted();
    const found = all.map((host) => describe(cloud, project, host));
    const kept = found.filter(({ state }) => wanted === undefined || state === wanted);
    return pageOf(call, "services", kept, 200, (service) => service);
  }),
  "serviceusage.services.enable": inProject(({ cloud, params }, project) =>
    enable(cloud, project, "EnableServiceResponse", [params.servicesId ?? ""]),
  ),
  "serviceusage.services.batchEnable": inProject(({ cloud, body }, project) => {
    const names = textsAt(body, "serviceIds");
    if (names.length === 0 || names.length > maxBatch) {
      throw invalid(`A batch enables 1 to ${maxBatch} services, not ${names.length}.`, "service_ids");
    }
    return enable(cloud, project, "BatchEnableServicesResponse", names);
  }),
  "serviceusage.services.disable": inProject(({ cloud, params }, project) => {
    const host = requireKnown(project, params.servicesId ?? "");
    disableService(cloud, project, host);
    return begin(cloud, project, { kind: "DisableServiceResponse", services: [host], end: cloud.now().toISOString() });
  }),
  "serviceusage.operations.get": ({ cloud, params }) => {
    const name = `operations/${params.operationsId}`;
    for (const project of cloud.projects()) {
      const found = stateOf(cloud, project).operations[name];
      if (found !== undefined) return formatOperation(cloud, project, name, found);
    }
    throw fault("NOT_FOUND", `Operation ${name} not found.`);
  },
};

function inProject(behave: (call: GcpCall, project: Project) => Json): Behaviour {
  return (call) => {
    if (call.project === undefined) throw invalid("A project has to be named.", "parent");
    return behave(call, call.project);
  };
}

/** Names of APIs of Google; the sandbox has only some of them, and the others can be enabled, too. */
const hostForm = /^[a-z][a-z0-9-]*\.googleapis\.com$/;

function requireKnown({ number }: Project, host: string): string {
  if (hostForm.test(host)) return host;
  const [reason, domain] = ["SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED", "serviceusage.googleapis.com"];
  throw forbidden(`Not found or permission denied for service(s): ${host}.`, [
    errorInfo(reason, { services: host, consumer: `projects/${number}` }, domain),
  ]);
}

function enable(cloud: GcpCloud, project: Project, kind: EnableOperation["kind"], names: readonly string[]): Json {
  const { enabled } = stateOf(cloud, project);
  const services = names.map((name) => requireKnown(project, name));
  const end = timeAfter(cloud, enableMs);
  const works = timeAfter(cloud, enableMs + propagateMs);
  for (const host of services) enabled[host] ??= { enabled: end, works };
  return begin(cloud, project, { kind, services, end });
}

function begin(cloud: GcpCloud, project: Project, operation: EnableOperation): Json {
  const name = `operations/acat.p2-${project.number}-${randomUUID()}`;
  stateOf(cloud, project).operations[name] = operation;
  cloud.save();
  return formatOperation(cloud, project, name, operation);
}

function formatOperation(cloud: GcpCloud, project: Project, name: string, operation: EnableOperation): Json {
  const { kind, services, end } = operation;
  if (!hasPassed(cloud, end)) return { name };
  const found = services.map((host) => ({ ...format(cloud, project, host), parent: `projects/${project.number}` }));
  const isBatch = kind === "BatchEnableServicesResponse";
  return {
    name,
    done: true,
    metadata: isBatch
      ? { "@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata" }
      : { "@type": "type.googleapis.com/google.protobuf.Empty", value: {} },
    response: {
      "@type": `type.googleapis.com/google.api.serviceusage.v1.${kind}`,
      ...(isBatch ? { services: found } : { service: found[0] }),
    },
  };
}

function format(cloud: GcpCloud, project: Project, host: string): Json {
  const found = stateOf(cloud, project).enabled[host];
  const isEnabled = found !== undefined && hasPassed(cloud, found.enabled);
  return {
    name: `projects/${project.number}/services/${host}`,
    ...(isEnabled ? { parent: `projects/${project.number}` } : {}),
    state: isEnabled ? "ENABLED" : "DISABLED",
  };
}

/** As it is read; answers of operations say less. */
function describe(cloud: GcpCloud, project: Project, host: string): Json {
  const title = googleApis.find((api) => api.host === host)?.title ?? host;
  return { ...format(cloud, project, host), config: { name: host, title } };
}

function stateOf(cloud: GcpCloud, { projectId }: Project): ServicesState {
  const past = new Date(0).toISOString();
  return cloud.slice<ServicesState>("services", projectId, "global", () => ({
    enabled: Object.fromEntries(firstServices.map((host) => [host, { enabled: past, works: past }])),
    operations: {},
  }));
}

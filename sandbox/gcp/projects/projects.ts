import type { Behaviours, GcpFault, Json } from "#sandbox/gcp/api/behaviour.ts";
import { errorInfo, forbidden } from "#sandbox/gcp/api/faults.ts";
import type { Api } from "#sandbox/gcp/api/methods.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import { invalid } from "#sandbox/gcp/api/schema.ts";
import { isAuthorized } from "#sandbox/gcp/authorization/authorize.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";

/** As the owner of a project sets it. */
export const projectStates = ["ACTIVE", "DELETE_REQUESTED"] as const;
export type ProjectState = (typeof projectStates)[number];

export interface ProjectSettings {
  /** @default "ACTIVE" */
  readonly state?: ProjectState;
  readonly isBillingDisabled?: boolean;
}

interface SettingsState {
  readonly settings: Record<string, ProjectSettings & { readonly created: string }>;
}

export function changeProject(cloud: GcpCloud, project: Project, changes: ProjectSettings): void {
  const { settings } = stateOf(cloud, project);
  settings.own = { ...settingsOf(cloud, project), ...changes };
  cloud.save();
}

export const projectBehaviours: Behaviours = {
  "cloudresourcemanager.projects.get": ({ cloud, project }) => (project === undefined ? {} : format(cloud, project)),
  "cloudresourcemanager.v1.projects.get": ({ cloud, project }) =>
    project === undefined ? {} : formatFirst(cloud, project),
  "cloudresourcemanager.v1.projects.list": (call) => {
    const { cloud, caller, query } = call;
    const filter = query.get("filter") ?? "";
    if (!["", "lifecycleState:ACTIVE"].includes(filter)) {
      throw invalid(`the sandbox does not know the filter ${filter}`, "filter");
    }
    const found = cloud
      .projects()
      .filter((one) => isAuthorized(cloud, caller, "resourcemanager.projects.get", `projects/${one.projectId}`))
      .map((one) => formatFirst(cloud, one))
      .filter(({ lifecycleState }) => filter === "" || lifecycleState === "ACTIVE");
    return pageOf(call, "projects", found, 1_000, (one) => one);
  },
};

/** Services work in active projects, and some only in those that somebody pays for. @throws GcpFault */
export function requireUsable(cloud: GcpCloud, project: Project, { host }: Pick<Api, "host">): void {
  const { state, isBillingDisabled = false } = settingsOf(cloud, project);
  if (state === "DELETE_REQUESTED" && host !== "cloudresourcemanager.googleapis.com") {
    throw refused(project, host, "CONSUMER_INVALID", `Project #${project.number} has been deleted.`);
  }
  if (!isBillingDisabled || !paidServices.includes(host)) return;
  const text = `This API method requires billing to be enabled. Please enable billing on project #${project.number} by visiting https://console.developers.google.com/billing/enable?project=${project.number} then retry. If you enabled billing for this project recently, wait a few minutes for the action to propagate to our systems and retry.`;
  throw refused(project, host, "BILLING_DISABLED", text);
}

const paidServices: readonly string[] = ["compute.googleapis.com", "container.googleapis.com", "dns.googleapis.com"];

function refused({ number }: Project, service: string, reason: string, message: string): GcpFault {
  return forbidden(message, [errorInfo(reason, { consumer: `projects/${number}`, service })]);
}

function format(cloud: GcpCloud, project: Project): Json {
  const { state = "ACTIVE", created } = settingsOf(cloud, project);
  return {
    name: `projects/${project.number}`,
    projectId: project.projectId,
    displayName: project.name,
    state,
    createTime: created,
    updateTime: created,
    etag: `W/"${Buffer.from(`${project.number} ${state}`).toString("hex").slice(0, 16)}"`,
  };
}

/** In version 1 of the API. */
function formatFirst(cloud: GcpCloud, project: Project): Json {
  const { state = "ACTIVE", created } = settingsOf(cloud, project);
  const { projectId, number, name } = project;
  return { projectId, projectNumber: number, name, lifecycleState: state, createTime: created };
}

function settingsOf(cloud: GcpCloud, project: Project): ProjectSettings & { readonly created: string } {
  return stateOf(cloud, project).settings.own ?? { created: cloud.now().toISOString() };
}

function stateOf(cloud: GcpCloud, { projectId }: Project): SettingsState {
  return cloud.slice<SettingsState>("projects", projectId, "global", () => ({
    settings: { own: { created: cloud.now().toISOString() } },
  }));
}

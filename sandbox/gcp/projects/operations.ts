import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { findProject } from "#sandbox/gcp/iam/state.ts";
import { changeProject, projectStates } from "#sandbox/gcp/projects/projects.ts";
import { disableService, enableServices } from "#sandbox/gcp/projects/services.ts";

/** Operations of the sandbox's command line on projects: what their owners do elsewhere. */
export function projectOperations(cloud: GcpCloud): OpenCloud["operations"] {
  return {
    /** `project` and its new `state`. */
    "project-state": ({ project, state = "" }) => {
      const known = projectStates.find((one) => one === state);
      if (known === undefined) throw new UnknownUsage(`the state "${state}": known are ${projectStates.join(", ")}`);
      changeProject(cloud, findProject(cloud, project), { state: known });
      return {};
    },
    /** `project`, and `enabled=false` for one that nobody pays for. */
    billing: ({ project, enabled = "true" }) => {
      changeProject(cloud, findProject(cloud, project), { isBillingDisabled: enabled === "false" });
      return {};
    },
    /** `project` and the `services` that work at once, all without them. */
    "enable-services": ({ project, services }) => {
      enableServices(cloud, findProject(cloud, project), services?.split(","));
      return {};
    },
    /** `project` and the `service` that no longer works. */
    "disable-service": ({ project, service = "" }) => {
      disableService(cloud, findProject(cloud, project), service);
      return {};
    },
  };
}

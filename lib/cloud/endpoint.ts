import { FleetError } from "#lib/errors.ts";

const loopback = ["127.0.0.1", "localhost", "[::1]"];

/** Whether the URL names this computer, where an emulator may listen. */
export function isLoopback(url: string): boolean {
  return loopback.includes(hostOf(url));
}

/** @param allowed of the variable that allows endpoints: host names, separated by commas */
export function isAllowed(url: string, allowed = ""): boolean {
  return allowed.split(",").some((host) => host.trim() !== "" && host.trim() === hostOf(url));
}

/** Without its port; empty for what is no URL. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

/** @param variable that allows the endpoint */
export function refuseEndpoint(message: string, url: string, hint: string, variable: string): FleetError {
  return new FleetError("EndpointRefused", message, {
    hint: `${hint}; if it is meant: export ${variable}=${hostOf(url) || "<host>"}`,
  });
}

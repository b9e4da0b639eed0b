import { FleetError } from "#lib/errors.ts";

/**
 * An emulator of AWS on this computer, if the environment names one. A stray endpoint in somebody's shell would send calls,
 * and what signs them, elsewhere.
 *
 * @throws FleetError EndpointRefused
 */
export function awsEndpointOf(variables: Readonly<Record<string, string>>): string | undefined {
  const given = Object.entries(variables).filter(
    ([name, value]) => name.startsWith("AWS_ENDPOINT_URL") && value !== "",
  );
  for (const [name, value] of given) {
    const isLocal = URL.canParse(value) && ["127.0.0.1", "localhost", "[::1]"].includes(new URL(value).hostname);
    if (isLocal) continue;
    throw new FleetError("EndpointRefused", `${name} sends calls for AWS to ${value}`, { hint: `unset ${name}` });
  }
  const { AWS_ENDPOINT_URL: endpoint = "" } = variables;
  const [single] = given.filter(([name]) => name !== "AWS_ENDPOINT_URL");
  if (endpoint === "" && single !== undefined) {
    throw new FleetError(
      "EndpointRefused",
      `${single[0]} sends calls of one service of AWS elsewhere than the others`,
      {
        hint: `unset ${single[0]}, or set AWS_ENDPOINT_URL for all of them`,
      },
    );
  }
  return endpoint === "" ? undefined : endpoint;
}

import { z } from "zod";
import { FleetError } from "#lib/errors.ts";
import { type Exec, lastLines } from "#lib/exec.ts";
import { refusedVariable } from "#lib/kubernetes/exec-info.ts";
import type { Endpoint, ExecPlugin } from "#lib/kubernetes/kubeconfig.ts";
import { type Lease, type Renewing, renewing } from "#lib/renewing.ts";

/** The identity of a request: a token, or a certificate with its key. */
export interface Credential {
  readonly token: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** Renew this long before expiry, so that a long call finishes with valid credentials. */
const renewEarlyMs = 30_000;
/** Covers a login to a cloud over a slow connection. */
const pluginTimeoutMs = 60_000;

const credentialSchema = z.object({
  apiVersion: z.string(),
  kind: z.literal("ExecCredential"),
  status: z.object({
    token: z.string().min(1).optional(),
    clientCertificateData: z.string().min(1).optional(),
    clientKeyData: z.string().min(1).optional(),
    expirationTimestamp: z.iso.datetime({ offset: true }).optional(),
  }),
});

export function execCredentials(plugin: ExecPlugin, endpoint: Endpoint, exec: Exec): Renewing<Credential> {
  let isRefused = false;
  const source = renewing(async () => {
    const lease = await runPlugin(plugin, endpoint, exec, isRefused);
    isRefused = false;
    return lease;
  }, renewEarlyMs);
  return {
    get: () => source.get(),
    forget(refused) {
      isRefused = true;
      source.forget(refused);
    },
  };
}

async function runPlugin(
  plugin: ExecPlugin,
  endpoint: Endpoint,
  exec: Exec,
  isRefused: boolean,
): Promise<Lease<Credential>> {
  const { command, apiVersion } = plugin;
  if (plugin.needsTerminal) throw failed(plugin, "it asks a person, and there is no terminal");
  const env = {
    ...plugin.env,
    KUBERNETES_EXEC_INFO: JSON.stringify(formatInfo(plugin, endpoint)),
    [refusedVariable]: isRefused ? "1" : "0",
  };
  const run = exec({ env, nothrow: true, timeout: pluginTimeoutMs });
  const result = await run`${command} ${plugin.args}`.catch((error: unknown) => {
    if (!(error instanceof FleetError) || error.code !== "ProgramMissing") throw error;
    throw failed(plugin, "it is not installed, or not in PATH", { hint: plugin.installHint });
  });
  // stdout may contain part of a secret: only stderr is shown.
  if (result.exitCode !== 0) {
    const said = lastLines({ ...result, stdout: "" });
    const hint = said.findLast((line) => line.startsWith("hint: "))?.slice("hint: ".length);
    const details = said.filter((line) => !line.startsWith("hint: "));
    throw failed(plugin, `it failed with exit code ${result.exitCode}`, { hint, details });
  }
  const parsed = credentialSchema.safeParse(tryParse(result.stdout));
  if (!parsed.success) throw failed(plugin, "what it printed is no ExecCredential");
  if (parsed.data.apiVersion !== apiVersion) {
    throw failed(plugin, `it printed version ${parsed.data.apiVersion}, and the kubeconfig says ${apiVersion}`);
  }
  const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = parsed.data.status;
  if (token === undefined && (certificate === undefined || key === undefined)) {
    throw failed(plugin, "it printed neither a token nor a certificate with its key");
  }
  const expiresMs = expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTimestamp);
  return { value: { token, certificate, key }, expiresMs };
}

function formatInfo({ apiVersion, provideClusterInfo }: ExecPlugin, { server, ca }: Endpoint): object {
  const cluster = {
    server,
    ...(ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") }),
    config: null,
  };
  return {
    kind: "ExecCredential",
    apiVersion,
    spec: { ...(provideClusterInfo ? { cluster } : {}), interactive: false },
  };
}

/** @param hint advice from the plugin itself */
function failed(
  { command }: ExecPlugin,
  why: string,
  { hint, details = [] }: { readonly hint?: string | undefined; readonly details?: readonly string[] } = {},
): FleetError {
  return new FleetError("CredentialPluginFailed", `${command} returned no credentials: ${why}`, {
    hint: hint ?? "run it by hand: the kubeconfig has its arguments under users[].user.exec",
    details,
  });
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

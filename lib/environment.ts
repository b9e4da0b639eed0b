/** The only module that reads the process environment; other modules get values as arguments. */

export interface Environment {
  /** All variables, passed to child processes, except those that Git sets for its hooks. */
  readonly variables: Readonly<Record<string, string>>;
  /** True in CI systems, which set CI. */
  readonly ci: boolean;
  /** Folder for files that runs write, instead of `clusters/`: variable CLUSTERS_DIRECTORY. */
  readonly stateDirectory: string | undefined;
  /** State folder of the sandbox whose variables are set, e.g. by `sandbox:env`: variable K8S_SANDBOX_STATE. */
  readonly sandboxFolder: string | undefined;
  /** File with another fleet: variable FLEET_FILE, overridden by `--fleet`. */
  readonly fleetFile: string | undefined;
  /** Delete without confirmation: variable MISE_YES, which `mise --yes` sets. */
  readonly yes: boolean;
  /** The runner that started this process; printed commands use the same one. */
  readonly runner: "mise" | "npx" | "bun";
  /** File or folder with Argo CD's manifest instead of the pinned one: variable ARGOCD_MANIFEST, overridden by `--argocd-manifest`. */
  readonly argocdManifest: string | undefined;
  /** File with the addresses of name servers: variable DNS_DIRECTORY. Undefined: addresses come from DNS, port 53. */
  readonly dnsDirectory: string | undefined;
  /** Disable caching of DNS answers: variable DNS_UNCACHED, which the sandbox sets. */
  readonly dnsUncached: boolean;
  /** Credentials with which clusters read a private repository; undefined when none is set. */
  readonly gitCredentials: GitCredentials | undefined;
}

/** Credentials of the repository that clusters read. Secret: stored only in clusters. */
export interface GitCredentials {
  /** Variable GITOPS_USERNAME. */
  readonly username: string | undefined;
  /** Variable GITOPS_PASSWORD: a password or a token, for https. */
  readonly password: string | undefined;
  /** Variable GITOPS_PASSWORD_FILE: a file that contains it. */
  readonly passwordFile: string | undefined;
  /** Variable GITOPS_SSH_KEY_FILE: a file with a private key, for ssh. */
  readonly sshKeyFile: string | undefined;
}

/**
 * Variables that bind programs to one repository: `git rev-parse --local-env-vars`, and the namespace. Git sets some for its hooks; with
 * them, our own git commands would use the repository of the hook instead of their folder.
 */
const repositoryVariables = new Set([
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_CONFIG",
  "GIT_CONFIG_COUNT",
  "GIT_CONFIG_PARAMETERS",
  "GIT_DIR",
  "GIT_GRAFT_FILE",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_INTERNAL_SUPER_PREFIX",
  "GIT_NAMESPACE",
  "GIT_NO_REPLACE_OBJECTS",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_QUARANTINE_PATH",
  "GIT_REPLACE_REF_BASE",
  "GIT_SHALLOW_FILE",
  "GIT_WORK_TREE",
]);

/** @param executable path of the running Bun: npx runs it from its cache, which is not in PATH */
export function readEnvironment(
  source: Readonly<Record<string, string | undefined>> = processVariables(),
  executable: string = process.execPath,
): Environment {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && !repositoryVariables.has(name)) variables[name] = value;
  }
  Object.assign(variables, keepLoopbackDirect(variables));
  const nonEmpty = (name: string): string | undefined => (variables[name] === "" ? undefined : variables[name]);
  const gitCredentials: GitCredentials = {
    username: nonEmpty("GITOPS_USERNAME"),
    password: nonEmpty("GITOPS_PASSWORD"),
    passwordFile: nonEmpty("GITOPS_PASSWORD_FILE"),
    sshKeyFile: nonEmpty("GITOPS_SSH_KEY_FILE"),
  };
  return {
    variables,
    ci: nonEmpty("CI") !== undefined && variables.CI !== "false",
    stateDirectory: nonEmpty("CLUSTERS_DIRECTORY"),
    sandboxFolder: nonEmpty("K8S_SANDBOX_STATE"),
    fleetFile: nonEmpty("FLEET_FILE"),
    yes: nonEmpty("MISE_YES") === "1" || nonEmpty("MISE_YES") === "true",
    runner:
      nonEmpty("MISE_TASK_NAME") !== undefined
        ? "mise"
        : variables.npm_command === "exec" || executable.includes("/_npx/")
          ? "npx"
          : "bun",
    argocdManifest: nonEmpty("ARGOCD_MANIFEST"),
    dnsDirectory: nonEmpty("DNS_DIRECTORY"),
    dnsUncached: nonEmpty("DNS_UNCACHED") !== undefined,
    gitCredentials: Object.values(gitCredentials).some((value) => value !== undefined) ? gitCredentials : undefined,
  };
}

/**
 * A proxy cannot reach servers on this computer and must not see their traffic. `fetch` and most programs use the proxy
 * for them unless NO_PROXY excludes them.
 */
function keepLoopbackDirect(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const hasProxy = Object.entries(variables).some(
    ([name, value]) => /^(https?|all)_proxy$/i.test(name) && value !== "",
  );
  if (!hasProxy) return {};
  // Programs differ in which spelling they prefer.
  const given = variables.no_proxy || variables.NO_PROXY || "";
  const hosts = given.split(",").map((host) => host.trim());
  const all = [...new Set([...hosts, ...ownHosts])].filter((host) => host !== "").join(",");
  return { NO_PROXY: all, no_proxy: all };
}

/** With the metadata servers of clouds, which hand out credentials over plain HTTP. */
const ownHosts = ["127.0.0.1", "localhost", "::1", "[::1]", "169.254.169.254", "metadata.google.internal"];

/** The same environment with more variables, e.g. those of the sandbox. */
export function withVariables(environment: Environment, added: Readonly<Record<string, string>>): Environment {
  return readEnvironment({ ...environment.variables, ...added });
}

/** Sets the variables in this process, for libraries that read them there. */
export function adoptEnvironment({ variables }: Environment): void {
  const own = processVariables() as Record<string, string | undefined>;
  for (const [name, value] of Object.entries(variables)) if (own[name] !== value) own[name] = value;
}

function processVariables(): Readonly<Record<string, string | undefined>> {
  // biome-ignore lint/style/noProcessEnv: the only module that may
  return process.env;
}

import { homedir } from "node:os";
import { join } from "node:path";

/** The one module of the sandbox that reads the environment: the fake programs get their state folder by it. */
export interface SandboxEnvironment {
  /** Variable K8S_SANDBOX_STATE, set by the wrappers in the state folder's `bin`. */
  readonly stateDirectory: string | undefined;
  /** The kubeconfig that kind and k3d edit when no file is named: KUBECONFIG, else ~/.kube/config. */
  readonly kubeconfig: string;
  /** Variable PATH. */
  readonly path: string;
}

export function readSandboxEnvironment(): SandboxEnvironment {
  // biome-ignore lint/style/noProcessEnv: programs that stand in for docker, kind and k3d read what those read
  const { K8S_SANDBOX_STATE, KUBECONFIG, PATH } = process.env;
  return {
    stateDirectory: K8S_SANDBOX_STATE === "" ? undefined : K8S_SANDBOX_STATE,
    kubeconfig: KUBECONFIG === undefined || KUBECONFIG === "" ? join(homedir(), ".kube", "config") : KUBECONFIG,
    path: PATH ?? "",
  };
}

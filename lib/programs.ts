/** The programs that this project runs, and how to install them. */

const hints: Readonly<Record<string, string>> = {
  docker: "install Docker (https://docs.docker.com/get-docker/), or try everything without it: add --sandbox",
  kind: "mise install kind, or see https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
  k3d: "mise install k3d, or see https://k3d.io/stable/#installation",
  kubectl: "mise install kubectl, or see https://kubernetes.io/docs/tasks/tools/",
  git: "install git (https://git-scm.com/downloads)",
};

export function installHint(program: string): string {
  return hints[program] ?? `install ${program} and put it in PATH`;
}

import type { ResourceChange, ResourceChangeDetail } from "@aws-sdk/client-cloudformation";
import { FleetError } from "#lib/errors.ts";

/** Resources that recreation doesn't restore, and what is lost with them. */
const stateful: Readonly<Record<string, string>> = {
  "AWS::EKS::Cluster": "all that runs in the cluster is lost, and its address changes",
  "AWS::EC2::VPC": "everything in the network has to move with it, the cluster too",
  "AWS::EC2::Subnet": "the cluster is bound to its subnets",
  "AWS::EC2::EIP": "others may have let this address in",
  "AWS::KMS::Key": "what was encrypted with the key can't be read any more",
  "AWS::IAM::Role": "trust and access entries name a role by its inner id: a new one of the same name is another",
  "AWS::IAM::OIDCProvider":
    "all roles of the account that trust it, also those of other projects, reject every token until it is back",
  "AWS::Route53::HostedZone":
    "its records are lost, and the new one has other name servers than those it is delegated to",
  "AWS::Logs::LogGroup": "the logs are lost",
  "AWS::S3::Bucket": "the objects are lost",
  "AWS::DynamoDB::Table": "the data is lost",
  "AWS::EFS::FileSystem": "the data is lost",
  "AWS::RDS::DBInstance": "the data is lost",
  "AWS::RDS::DBCluster": "the data is lost",
};

/** @throws FleetError ReplacementRequired when something of value would be replaced or removed */
export function refuseReplacement(subject: string, changes: readonly ResourceChange[]): void {
  const lost = changes.flatMap((change) => {
    const loss = stateful[change.ResourceType ?? ""];
    const fate = fateOf(change, changes);
    return loss === undefined || fate === undefined ? [] : [{ change, fate, loss }];
  });
  if (lost.length === 0) return;
  const names = lost.map(({ change }) => change.LogicalResourceId).join(", ");
  throw new FleetError("ReplacementRequired", `${subject}: would be replaced or removed: ${names}`, {
    hint: "change the fleet or the template back, or run again with --allow-replacement and lose what is named",
    details: lost.map(({ change, fate, loss }) => `${formatChange(change)} ${fate}: ${loss}`),
  });
}

/** The fate of a resource that can't be kept; undefined if it is kept. */
function fateOf(change: ResourceChange, all: readonly ResourceChange[]): string | undefined {
  if (change.Action === "Remove") return change.PolicyAction === "Retain" ? undefined : "would be removed";
  if (change.Replacement === "True") return "would be replaced";
  if (change.Replacement === "Conditional" && mayBeReplaced(change, all)) return "may be replaced";
  return undefined;
}

/**
 * CloudFormation reports `Conditional` for everything that uses an attribute of a changed resource, because it doesn't know
 * the new value. The attributes of a resource that is kept (its ARN, its id) don't change.
 */
function mayBeReplaced({ Details = [] }: ResourceChange, all: readonly ResourceChange[]): boolean {
  const recreating = Details.filter(({ Target }) => Target?.RequiresRecreation !== "Never");
  if (recreating.length === 0) return true;
  return recreating.some((detail) => !(detail.Evaluation === "Dynamic" && comesOfWhatStays(detail, all)));
}

function comesOfWhatStays({ CausingEntity = "" }: ResourceChangeDetail, all: readonly ResourceChange[]): boolean {
  const [name] = CausingEntity.split(".");
  const cause = all.find(({ LogicalResourceId }) => LogicalResourceId === name);
  return cause?.Action === "Modify" && cause.Replacement === "False";
}

/** `Cluster (AWS::EKS::Cluster), Version`: a resource and its changed property. */
export function formatChange({ LogicalResourceId = "", ResourceType = "", Details = [] }: ResourceChange): string {
  const fields = new Set(Details.map(({ Target }) => Target?.Name ?? Target?.Attribute ?? "").filter(Boolean));
  return `${[`${LogicalResourceId} (${ResourceType})`, ...fields].join(", ")}`;
}

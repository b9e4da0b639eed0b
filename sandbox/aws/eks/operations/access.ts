import {
  associateAccessPolicy,
  createAccessEntry,
  deleteAccessEntry,
  describeAccessEntry,
  disassociateAccessPolicy,
  listAccessEntries,
  listAssociatedAccessPolicies,
  updateAccessEntry,
} from "#sandbox/aws/eks/access-entries.ts";
import { knownPolicies } from "#sandbox/aws/eks/access-policies.ts";
import {
  createPodIdentity,
  deletePodIdentity,
  describePodIdentity,
  listPodIdentities,
  updatePodIdentity,
} from "#sandbox/aws/eks/pod-identities.ts";
import { type Asked, allowToPass, operation, page, tagsContext } from "#sandbox/aws/eks/rest.ts";
import { arnOf, placeOf } from "#sandbox/aws/eks/state.ts";

const podService = "pods.eks.amazonaws.com";

export const accessOperations = [
  operation("GET /access-policies", (asked) => {
    asked.allow("eks:ListAccessPolicies", "*");
    const { items, more } = page(asked, knownPolicies);
    return { accessPolicies: items, ...more };
  }),
  operation("POST /clusters/*/access-entries", ({ cloud, account, region, part, body, allow, clusterArn }) => {
    allow("eks:CreateAccessEntry", clusterArn, tagsContext(body));
    return { accessEntry: createAccessEntry(cloud, account, region, part(0), body) };
  }),
  operation("GET /clusters/*/access-entries", (asked) => {
    const { cloud, account, region, part, query } = asked;
    asked.allow("eks:ListAccessEntries", asked.clusterArn);
    const policy = query("associatedPolicyArn");
    const has = (arn: string) =>
      listAssociatedAccessPolicies(cloud, account, region, part(0), arn).some((one) => one.policyArn === policy);
    const all = listAccessEntries(cloud, account, region, part(0));
    const { items, more } = page(asked, policy === undefined ? all : all.filter(has));
    return { accessEntries: items, ...more };
  }),
  operation("GET /clusters/*/access-entries/*", (asked) => {
    asked.allow("eks:DescribeAccessEntry", entryArn(asked));
    return { accessEntry: describeAccessEntry(asked.cloud, asked.account, asked.region, asked.part(0), asked.part(1)) };
  }),
  operation("POST /clusters/*/access-entries/*", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:UpdateAccessEntry", entryArn(asked));
    return { accessEntry: updateAccessEntry(cloud, account, region, part(0), part(1), body) };
  }),
  operation("DELETE /clusters/*/access-entries/*", (asked) => {
    asked.allow("eks:DeleteAccessEntry", entryArn(asked));
    deleteAccessEntry(asked.cloud, asked.account, asked.region, asked.part(0), asked.part(1));
    return {};
  }),
  operation("POST /clusters/*/access-entries/*/access-policies", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:AssociateAccessPolicy", entryArn(asked), {
      "eks:policyArn": typeof body.policyArn === "string" ? body.policyArn : "",
    });
    const associatedAccessPolicy = associateAccessPolicy(cloud, account, region, part(0), part(1), body);
    return { clusterName: part(0), principalArn: part(1), associatedAccessPolicy };
  }),
  operation("GET /clusters/*/access-entries/*/access-policies", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:ListAssociatedAccessPolicies", entryArn(asked));
    const { items, more } = page(asked, listAssociatedAccessPolicies(cloud, account, region, part(0), part(1)));
    return { clusterName: part(0), principalArn: part(1), associatedAccessPolicies: items, ...more };
  }),
  operation("DELETE /clusters/*/access-entries/*/access-policies/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DisassociateAccessPolicy", entryArn(asked), { "eks:policyArn": part(2) });
    disassociateAccessPolicy(cloud, account, region, part(0), part(1), part(2));
    return {};
  }),
  operation("POST /clusters/*/pod-identity-associations", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:CreatePodIdentityAssociation", asked.clusterArn, tagsContext(body));
    allowToPass(asked, body.roleArn, podService);
    return { association: createPodIdentity(cloud, account, region, part(0), body) };
  }),
  operation("GET /clusters/*/pod-identity-associations", (asked) => {
    const { cloud, account, region, part, query } = asked;
    asked.allow("eks:ListPodIdentityAssociations", asked.clusterArn);
    const fits = (wanted: string | undefined, found: string) => wanted === undefined || wanted === found;
    const found = listPodIdentities(cloud, account, region, part(0)).filter(
      (one) => fits(query("namespace"), one.namespace) && fits(query("serviceAccount"), one.serviceAccount),
    );
    const { items, more } = page(asked, found);
    const associations = items.map(({ clusterName, namespace, serviceAccount, associationArn, associationId }) => ({
      clusterName,
      namespace,
      serviceAccount,
      associationArn,
      associationId,
    }));
    return { associations, ...more };
  }),
  operation("GET /clusters/*/pod-identity-associations/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DescribePodIdentityAssociation", podIdentityArn(asked));
    return { association: describePodIdentity(cloud, account, region, part(0), part(1)) };
  }),
  operation("POST /clusters/*/pod-identity-associations/*", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:UpdatePodIdentityAssociation", podIdentityArn(asked));
    allowToPass(asked, body.roleArn, podService);
    return { association: updatePodIdentity(cloud, account, region, part(0), part(1), body) };
  }),
  operation("DELETE /clusters/*/pod-identity-associations/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DeletePodIdentityAssociation", podIdentityArn(asked));
    return { association: deletePodIdentity(cloud, account, region, part(0), part(1)) };
  }),
];

/** ARN of the entry that is asked for; one like it when there is none, so that a denial comes before "not found". */
function entryArn({ cloud, account, region, part }: Asked): string {
  const [name, principal] = [part(0), part(1)];
  const record = placeOf(cloud, account, region).state.clusters[name]?.accessEntries[principal];
  if (record !== undefined) return record.entry.accessEntryArn;
  const [, owner = account, kind = "role", path = ""] = /^arn:aws:iam::(\d+):(\w+)\/(.*)$/.exec(principal) ?? [];
  return arnOf({ account, region }, "access-entry", `${name}/${kind}/${owner}/${path.split("/").at(-1)}/none`);
}

function podIdentityArn(asked: Asked): string {
  return arnOf(asked, "podidentityassociation", `${asked.part(0)}/${asked.part(1)}`);
}

#!/usr/bin/env bash
# The AWS part of a fleet by calls of `aws`, as scripts of this kind go: aws-fleet.sh sequential|background. May be run again.
# It does less than the task: it proves neither accounts nor delegations, doesn't wait for Route 53, and tries no kubeconfig.
# Profiles: one per account for its owner, management-role, and <account>-role. Variables:
#   TEMPLATES DOMAIN PRIMARY_DOMAIN K8S_DOMAIN EXTERNAL_ID USER_ARN OIDC_PROVIDER_ARN SUBJECTS REPOSITORY_ID KUBECONFIGS
#   MANAGEMENT   name:role ARN
#   READ_ONLY_ROLE  ARN of the management account's other role
#   ACCOUNTS     name:role ARN:name of CloudFormation's role (IAM's), one a word
#   CLUSTERS     FQDN:account:region:parameters as Key=value joined by ";", one a word
set -euo pipefail

home_region=us-east-1
project=k8s-multicluster-gitops

# deploy PROFILE REGION STACK TEMPLATE [argument of `aws cloudformation deploy`]...
deploy() {
  aws --profile "$1" --region "$2" cloudformation deploy --stack-name "$3" --template-file "$TEMPLATES/$4" \
    --no-fail-on-empty-changeset "${@:5}"
  aws --profile "$1" --region "$2" cloudformation update-termination-protection --stack-name "$3" \
    --enable-termination-protection --output text
}

# output PROFILE REGION STACK KEY
output() {
  aws --profile "$1" --region "$2" cloudformation describe-stacks --stack-name "$3" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$4'].OutputValue"
}

management() {
  local name=${MANAGEMENT%%:*} role=${MANAGEMENT#*:} roles readers
  if ! aws --profile "$name" iam get-open-id-connect-provider --open-id-connect-provider-arn "$OIDC_PROVIDER_ARN" >/dev/null 2>&1; then
    aws --profile "$name" iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com \
      --client-id-list sts.amazonaws.com --tags "Key=project,Value=$project" "Key=fleet,Value=$DOMAIN" "Key=account,Value=$name"
  fi
  roles=$(for account in $ACCOUNTS; do
    account=${account#*:}
    echo "${account%:*}"
  done | paste -sd,)
  readers=${roles//-iam-role/-read-only-iam-role}
  deploy "$name" $home_region $project-route53-gh-action-iam-role-oidc route53-gh-action-iam-role-oidc.yml \
    --capabilities CAPABILITY_NAMED_IAM --tags project=$project "fleet=$DOMAIN" "account=$name" --parameter-overrides \
    "PrimaryDomain=$PRIMARY_DOMAIN" "K8sDomain=$K8S_DOMAIN" "ManagementIamRoleName=${role##*/}" \
    "ReadOnlyIamRoleName=${READ_ONLY_ROLE##*/}" "UserArn=$USER_ARN" "TenantReadOnlyIamRoleArns=$readers" \
    "OidcProviderArn=$OIDC_PROVIDER_ARN" "SubjectClaimFilters=$SUBJECTS" "RepositoryId=$REPOSITORY_ID" "TenantIamRoleArns=$roles"
}

# account NAME:ROLE:SERVICE_ROLE
account() {
  local name=${1%%:*} service=${1##*:} role=${1#*:} reader
  role=${role%:*}
  reader=${role##*/} reader=${reader%iam-role}read-only-iam-role
  deploy "$name" $home_region $project-allow-mgmt-iam-role-to-assume-tenant-iam-role \
    allow-mgmt-iam-role-to-assume-tenant-iam-role.yml \
    --capabilities CAPABILITY_NAMED_IAM --tags project=$project "fleet=$DOMAIN" "account=$name" --parameter-overrides \
    "ManagementIamRoleArn=${MANAGEMENT#*:}" "ReadOnlyManagementIamRoleArn=$READ_ONLY_ROLE" \
    "ReadOnlyIamRoleName=$reader" "TenantIamRoleName=${role##*/}" "TenantIamRolePolicyName=${role##*/}-policy" \
    "ExternalId=$EXTERNAL_ID" "CloudFormationIamRoleName=$service" "K8sDomain=$K8S_DOMAIN"
}

# cluster FQDN:ACCOUNT:REGION:PARAMETERS PARENT_ZONE_ID
cluster() {
  local fqdn account region pairs profile name zone servers role service
  IFS=: read -r fqdn account region pairs <<<"$1"
  profile=$account-role name=${fqdn//./-}
  zone=$(aws --profile "$profile" route53 list-hosted-zones-by-name --dns-name "$fqdn" --max-items 1 --output text \
    --query "HostedZones[?Name=='$fqdn.'].Id")
  if [ -z "$zone" ]; then
    zone=$(aws --profile "$profile" route53 create-hosted-zone --name "$fqdn" --caller-reference "$project-$fqdn-$(date +%s)" \
      --hosted-zone-config "Comment=made by $project for $DOMAIN" --query HostedZone.Id --output text)
    aws --profile "$profile" route53 change-tags-for-resource --resource-type hostedzone --resource-id "${zone##*/}" \
      --add-tags "Key=project,Value=$project" "Key=fleet,Value=$DOMAIN" "Key=cluster,Value=$fqdn"
  fi
  servers=$(aws --profile "$profile" route53 get-hosted-zone --id "$zone" --query 'DelegationSet.NameServers' --output text)
  # shellcheck disable=SC2086 # words
  aws --profile management-role route53 change-resource-record-sets --hosted-zone-id "$2" --output text --change-batch "$(
    printf '{"Changes":[{"Action":"UPSERT","ResourceRecordSet":{"Name":"%s","Type":"NS","TTL":300,"ResourceRecords":[%s]}}]}' \
      "$fqdn" "$(printf '{"Value":"%s"}\n' $servers | paste -sd,)"
  )"
  role=$(output "$profile" $home_region $project-allow-mgmt-iam-role-to-assume-tenant-iam-role TenantIamRoleArn)
  service=$(output "$profile" $home_region $project-allow-mgmt-iam-role-to-assume-tenant-iam-role CloudFormationIamRoleArn)
  # shellcheck disable=SC2086 # words
  deploy "$profile" "$region" "$name-eks" eks-cluster.yml --capabilities CAPABILITY_IAM --role-arn "$service" \
    --tags project=$project "fleet=$DOMAIN" "cluster=$fqdn" --parameter-overrides ${pairs//;/ } "ClusterName=$name" \
    "ClusterFqdn=$fqdn" "AdminRoleArn=$role" "CloudFormationIamRoleArn=$service" "HostedZoneId=${zone##*/}"
  aws --profile "$profile" --region "$region" eks update-kubeconfig --name "$name" --alias "$fqdn" --kubeconfig "$KUBECONFIGS/$fqdn"
}

management
for one in $ACCOUNTS; do account "$one"; done
parent=$(output "${MANAGEMENT%%:*}" $home_region $project-route53-gh-action-iam-role-oidc K8sZoneId)
if [ "$1" = background ]; then
  jobs=()
  for one in $CLUSTERS; do
    cluster "$one" "$parent" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
else
  for one in $CLUSTERS; do cluster "$one" "$parent"; done
fi

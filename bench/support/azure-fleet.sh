#!/usr/bin/env bash
# The Azure part of a fleet by calls of `az`, as scripts of this kind go: azure-fleet.sh sequential|background. May be run again.
# It does less than the task: it proves neither subscriptions nor delegations, repairs nothing that exists, and tries no kubeconfig.
# az is signed in. Roles are assigned by object id, so that Microsoft Graph isn't asked. Variables:
#   DOMAIN PRIMARY_DOMAIN K8S_DOMAIN HOME_REGION KUBECONFIGS
#   MANAGEMENT   name:subscription
#   ACCOUNTS     name:subscription, one a word
#   CLUSTERS     FQDN:subscription:region, one a word
#   CALLER       object id of who is signed in
#   SUBJECTS     of GitHub's jobs, one a word
#   ROLES        folder of the custom roles: delegations.json, and SUBSCRIPTION.json for clusters
#   CONDITION    of those who may let others into clusters
#   KUBERNETES RANGES POD_CIDR SERVICE_CIDR DNS_SERVICE_IP NODE_COUNT NODE_SIZE
set -euo pipefail
shopt -s inherit_errexit

project=k8s-multicluster-gitops
hub=${MANAGEMENT#*:}

# create WORD... -- [argument of create only]...: unless it exists
create() {
  local what=()
  while [ "$1" != -- ]; do
    what+=("$1")
    shift
  done
  az "${what[@]/@/show}" --output none 2>/dev/null || az "${what[@]/@/create}" --output none "${@:2}"
}

# zone SUBSCRIPTION GROUP NAME TAG=VALUE TTL [PARENT]: delegated in a parent, with this TTL
zone() {
  local at=(--subscription "$1" --resource-group "$2" --name "$3") parent=()
  if az network dns zone show "${at[@]}" --output none 2>/dev/null; then return; fi
  if [ $# -gt 5 ]; then
    parent=(--parent-name "/subscriptions/$hub/resourceGroups/$project/providers/Microsoft.Network/dnszones/$6")
  fi
  az network dns zone create "${at[@]}" --tags "project=$project" "fleet=$DOMAIN" "$4" "${parent[@]}" --output none
  if [ $# -gt 5 ]; then
    az network dns record-set ns update --subscription "$hub" --resource-group $project --zone-name "$6" \
      --name "${3%".$6"}" --set "TTL=$5" --output none
  fi
}

# grant ROLE SCOPE OBJECT_ID [argument]...: under a name that is always the same, or az would ask Graph about what exists
grant() {
  local name
  name=$(printf '%s\n' "${@:1:3}" | sha1sum | sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/\1-\2-\3-\4-\5/')
  az role assignment create --name "$name" --role "$1" --scope "$2" --assignee-object-id "$3" \
    --assignee-principal-type ServicePrincipal "${@:4}" --output none
}

# trust SUBSCRIPTION GROUP IDENTITY NAME ISSUER SUBJECT
trust() {
  create identity federated-credential @ --subscription "$1" --resource-group "$2" --identity-name "$3" --name "$4" -- \
    --issuer "$5" --subject "$6" --audiences api://AzureADTokenExchange
}

# Prints the object id of the jobs' identity.
management() {
  local name=${MANAGEMENT%%:*} group=/subscriptions/$hub/resourceGroups/$project number=0 jobs
  create group @ --subscription "$hub" --name $project -- --location "$HOME_REGION" \
    --tags "project=$project" "fleet=$DOMAIN" "account=$name"
  zone "$hub" $project "$PRIMARY_DOMAIN" "account=$name" 86400
  zone "$hub" $project "$K8S_DOMAIN" "account=$name" 86400 "$PRIMARY_DOMAIN"
  create identity @ --subscription "$hub" --resource-group $project --name $project -- \
    --location "$HOME_REGION" --tags "project=$project" "fleet=$DOMAIN" "account=$name"
  for subject in $SUBJECTS; do
    number=$((number + 1))
    trust "$hub" $project $project "jobs-$number" https://token.actions.githubusercontent.com "$subject"
  done
  # Also creates it, under an id that is always the same.
  az role definition update --subscription "$hub" --role-definition "$ROLES/delegations.json" --output none
  jobs=$(az identity show --subscription "$hub" --resource-group $project --name $project \
    --query principalId --output tsv)
  grant "$(role "$ROLES/delegations.json")" "$group/providers/Microsoft.Network/dnszones/$K8S_DOMAIN" "$jobs"
  grant Reader "$group" "$jobs"
  echo "$jobs"
}

# role FILE: id of the role that it describes
role() {
  sed -n 's/.*"id": "\(.*\)".*/\1/p' "$1"
}

# account SUBSCRIPTION JOBS
account() {
  local scope=/subscriptions/$1
  az role definition update --subscription "$1" --role-definition "$ROLES/$1.json" --output none
  grant "$(role "$ROLES/$1.json")" "$scope" "$2" --condition "$CONDITION" --condition-version 2.0
}

# cluster FQDN:SUBSCRIPTION:REGION JOBS
cluster() {
  local fqdn subscription region name at tags id issuer workloads
  IFS=: read -r fqdn subscription region <<<"$1"
  name=${fqdn//./-} at=(--subscription "$subscription" --resource-group "$fqdn")
  tags=(--tags "project=$project" "fleet=$DOMAIN" "cluster=$fqdn")
  create group @ --subscription "$subscription" --name "$fqdn" -- --location "$region" "${tags[@]}"
  zone "$subscription" "$fqdn" "$fqdn" "cluster=$fqdn" 300 "$K8S_DOMAIN"
  create identity @ "${at[@]}" --name "$name-dns" -- --location "$region" "${tags[@]}"
  create aks @ "${at[@]}" --name "$name" -- --location "$region" "${tags[@]}" --tier standard \
    --kubernetes-version "$KUBERNETES" --dns-name-prefix "$name" --node-resource-group "$name-nodes" \
    --enable-aad --enable-azure-rbac --disable-local-accounts --enable-oidc-issuer --enable-workload-identity \
    --api-server-authorized-ip-ranges "$RANGES" --network-plugin azure --network-plugin-mode overlay \
    --network-dataplane cilium --network-policy cilium --pod-cidr "$POD_CIDR" --service-cidr "$SERVICE_CIDR" \
    --dns-service-ip "$DNS_SERVICE_IP" --nodepool-name system --node-count "$NODE_COUNT" --node-vm-size "$NODE_SIZE" \
    --node-provisioning-mode Auto --auto-upgrade-channel none --node-os-upgrade-channel NodeImage --no-ssh-key
  read -r id issuer <<<"$(az aks show "${at[@]}" --name "$name" --query "join(' ', [id, oidcIssuerProfile.issuerUrl])" --output tsv)"
  for writer in cert-manager external-dns; do
    trust "$subscription" "$fqdn" "$name-dns" "$writer" "$issuer" "system:serviceaccount:$writer:$writer"
  done
  workloads=$(az identity show "${at[@]}" --name "$name-dns" --query principalId --output tsv)
  grant "DNS Zone Contributor" \
    "/subscriptions/$subscription/resourceGroups/$fqdn/providers/Microsoft.Network/dnszones/$fqdn" "$workloads"
  for admin in "$2" "$CALLER"; do grant "Azure Kubernetes Service RBAC Cluster Admin" "$id" "$admin"; done
  az aks get-credentials "${at[@]}" --name "$name" --context "$fqdn" --file "$KUBECONFIGS/$fqdn" --overwrite-existing --output none
}

jobs=$(management)
for one in $ACCOUNTS; do account "${one#*:}" "$jobs"; done
if [ "$1" = background ]; then
  running=()
  for one in $CLUSTERS; do
    cluster "$one" "$jobs" &
    running+=($!)
  done
  for one in "${running[@]}"; do wait "$one"; done
else
  for one in $CLUSTERS; do cluster "$one" "$jobs"; done
fi

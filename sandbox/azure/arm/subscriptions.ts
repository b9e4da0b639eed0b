import { ArmFault, type Json, type Kind, type Listing } from "#sandbox/azure/arm/kind.ts";
import type { AzureCloud, Subscription } from "#sandbox/azure/cloud.ts";
import { hasPassed, timeAfter } from "#sandbox/cloud/cloud-base.ts";

/** As the owner of a subscription sets it: by not paying, for example. */
export type SubscriptionState = "Enabled" | "Warned" | "Disabled";

interface Settings {
  readonly state?: SubscriptionState;
  /** When the registration of a provider has ended or will end, by namespace in lower case; null: not registered. */
  readonly registered?: Readonly<Record<string, string | null>>;
}

interface SettingsState {
  readonly settings: Record<string, Settings>;
}

/** Of Azure's time: minutes in the real one. */
const registrationMs = 120_000;
/** Resource Manager's own, which need no registration. */
const builtIn: readonly string[] = ["microsoft.authorization", "microsoft.resources"];

/** @throws ArmFault */
export function findSubscription(cloud: AzureCloud, id: string): Subscription {
  const found = cloud.subscriptions().find(({ subscriptionId }) => subscriptionId.toLowerCase() === id.toLowerCase());
  if (found === undefined) {
    throw new ArmFault(404, "SubscriptionNotFound", `The subscription '${id}' could not be found.`);
  }
  return found;
}

export function formatSubscription(cloud: AzureCloud, { subscriptionId, tenantId, name }: Subscription): Json {
  return {
    id: `/subscriptions/${subscriptionId}`,
    authorizationSource: "RoleBased",
    managedByTenants: [],
    subscriptionId,
    tenantId,
    displayName: name,
    state: settingsOf(cloud, subscriptionId).state ?? "Enabled",
    subscriptionPolicies: {
      locationPlacementId: "Public_2014-09-01",
      quotaId: "PayAsYouGo_2014-09-01",
      spendingLimit: "Off",
    },
  };
}

export function formatTenant({ tenantId }: Subscription): Json {
  return { id: `/tenants/${tenantId}`, tenantId, tenantCategory: "Home", displayName: "sandbox" };
}

export function setSubscriptionState(cloud: AzureCloud, id: string, state: SubscriptionState): void {
  change(cloud, findSubscription(cloud, id).subscriptionId, { state });
}

/** @throws ArmFault for a write to a disabled subscription */
export function requireWritable(cloud: AzureCloud, subscription: string): void {
  if (settingsOf(cloud, subscription).state !== "Disabled") return;
  throw new ArmFault(
    409,
    "ReadOnlyDisabledSubscription",
    `The subscription '${subscription}' is disabled and therefore marked as read only. You cannot perform any write actions on this subscription until it is re-enabled.`,
  );
}

/** @throws ArmFault for a provider that the subscription has not registered */
export function requireRegistered(cloud: AzureCloud, subscription: string, namespace: string): void {
  if (registrationOf(cloud, subscription, namespace) === "Registered") return;
  throw new ArmFault(
    409,
    "MissingSubscriptionRegistration",
    `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`,
    { more: { details: [{ code: "MissingSubscriptionRegistration", target: namespace, message: "not registered" }] } },
  );
}

/** Providers are registered from the start; `unregister` takes that back. @param action `register`, `unregister` or "" */
export function answerProviders(
  cloud: AzureCloud,
  types: readonly (Kind | Listing)[],
  {
    subscription,
    namespace,
    action,
  }: { readonly subscription: string; readonly namespace: string; readonly action: string },
): Json {
  const namespaces = [...new Set(types.map(({ type }) => type.split("/")[0] ?? ""))];
  const format = (one: string): Json => formatProvider(cloud, types, subscription, one);
  if (namespace === "") return { value: namespaces.map(format) };
  const found = namespaces.find((one) => one.toLowerCase() === namespace.toLowerCase());
  if (found === undefined) {
    throw new ArmFault(404, "InvalidResourceNamespace", `The resource namespace '${namespace}' is invalid.`);
  }
  const { registered = {} } = settingsOf(cloud, subscription);
  const end = timeAfter(cloud, registrationMs);
  const isRegistered = registrationOf(cloud, subscription, found) !== "NotRegistered";
  if (action === "unregister" || (action === "register" && !isRegistered)) {
    const value = action === "register" ? end : null;
    change(cloud, subscription, { registered: { ...registered, [found.toLowerCase()]: value } });
  }
  return format(found);
}

function formatProvider(
  cloud: AzureCloud,
  types: readonly (Kind | Listing)[],
  subscription: string,
  namespace: string,
): Json {
  const own = types.filter(({ type }) => type.startsWith(`${namespace}/`));
  return {
    id: `/subscriptions/${subscription}/providers/${namespace}`,
    namespace,
    registrationPolicy: "RegistrationRequired",
    registrationState: registrationOf(cloud, subscription, namespace),
    resourceTypes: own.map(({ type, versions }) => ({
      resourceType: type.slice(namespace.length + 1),
      locations: [],
      apiVersions: [...versions].sort().reverse(),
    })),
  };
}

function registrationOf(cloud: AzureCloud, subscription: string, namespace: string): string {
  const name = namespace.toLowerCase();
  const end = settingsOf(cloud, subscription).registered?.[name];
  if (end === undefined || builtIn.includes(name)) return "Registered";
  if (end === null) return "NotRegistered";
  return hasPassed(cloud, end) ? "Registered" : "Registering";
}

function stateOf(cloud: AzureCloud, subscription: string): SettingsState["settings"] {
  const initial = (): SettingsState => ({ settings: {} });
  return cloud.slice("arm-subscriptions", subscription.toLowerCase(), "global", initial).settings;
}

function settingsOf(cloud: AzureCloud, subscription: string): Settings {
  return stateOf(cloud, subscription).own ?? {};
}

function change(cloud: AzureCloud, subscription: string, changes: Settings): void {
  const settings = stateOf(cloud, subscription);
  settings.own = { ...settings.own, ...changes };
  cloud.save();
}

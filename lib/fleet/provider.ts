import type { z } from "zod";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Account, Cluster, Fleet } from "#lib/fleet/types.ts";

/** Compiles only with exactly the keys of the type. */
export type KeysOf<Entry> = Readonly<Record<keyof Entry, true>>;

/** The static description of a provider: data and pure functions. */
export interface ProviderFacts<A extends Account = Account, C extends Cluster = Cluster> {
  /** Key in the fleet and value of `--provider`: `aws`. */
  readonly name: C["provider"];
  /** `AWS`. */
  readonly title: string;
  /** Its Kubernetes product: `EKS`. */
  readonly product: string;
  /** The same in names of tasks, `create-eks-all`. */
  readonly taskWord: string;
  /** A cloud has accounts, regions and zones. */
  readonly place: "cloud" | "computer";
  /** Headline of its rows in views, and prefix of its lanes. Local providers share one. */
  readonly group: string;
  /** Of the `logos` collection, for its zones in diagrams: https://icon-sets.iconify.design/logos */
  readonly icon?: string;
  /** Allowed keys of its entries; `nested` has those of objects inside a cluster, by key. */
  readonly keys: {
    readonly account?: KeysOf<A>;
    readonly cluster: KeysOf<C>;
    readonly nested?: Readonly<Record<string, Readonly<Record<string, true>>>>;
  };
  /** Regions, as spelled by the cloud. @default none */
  readonly regions?: readonly string[];
  /** Default address ranges of a cluster. @default assigned by the cloud */
  readonly ranges?: { readonly pods: string; readonly services: string };
  /** Supported Kubernetes versions. @default every version that this project is tested with */
  readonly versions?: {
    readonly offered: readonly string[];
    /** Why other versions are rejected. */
    refusal(version: string): string;
    /** Remarks about a supported version. */
    describe(version: string): string;
  };
  /** Checks of its entries; a check shared by several providers runs once. */
  readonly checks: readonly ((fleet: Fleet) => readonly Fault[])[];
  /** Its own error codes. @default none */
  readonly errorCodes?: readonly string[];
  /** What the sandbox emulates of it, in the sandbox's own words. @default its title */
  readonly emulated?: string;
  /** Tasks for resources shared by an account's clusters. @default none */
  readonly accountTasks?: readonly AccountTask[];
  /** Loads zod. */
  schema(): Promise<EntrySchema>;
  /** The cloud's id of the account. */
  accountId?(account: A): string;
  /** Whether the account's id is a placeholder. */
  isPlaceholder?(account: A): boolean;
  /** Default version, `major.minor`; undefined if it depends on the cluster's image. */
  kubernetes(cluster: C): string | undefined;
}

export interface EntrySchema {
  readonly account?: z.core.$ZodTypeDiscriminable;
  readonly cluster: z.core.$ZodTypeDiscriminable;
}

/** A task for resources shared by an account's clusters, run with the account's credentials. */
export interface AccountTask {
  /** Path below tasks/ without its ending; with `:` for `/` it is the task's name. */
  readonly path: string;
  readonly description: string;
  readonly verb: "create" | "delete";
  /** The management account, or any account that has clusters. */
  readonly of: "management" | "tenants";
}

/**
 * The tasks that create and delete the same.
 *
 * @param path after `create/` and `delete/`
 * @param what as their descriptions name it after their verb
 */
export function accountTasks(of: AccountTask["of"], path: string, what: string): readonly AccountTask[] {
  return [
    { path: `create/${path}`, description: `Create ${what}`, verb: "create", of },
    { path: `delete/${path}`, description: `Delete ${what}`, verb: "delete", of },
  ];
}

/** The providers of a fleet, by name, in display order. */
export type Providers<P extends ProviderFacts = ProviderFacts> = ReadonlyMap<string, P>;

/** The fleet is validated: all of its providers are known. */
export function factsOf<P extends ProviderFacts>(providers: Providers<P>, { provider }: { provider: string }): P {
  const found = providers.get(provider);
  if (found === undefined) throw new Error(`unknown provider ${provider}`);
  return found;
}

/** The cloud's id of an account. */
export function accountId(account: Account, providers: Providers): string {
  return factsOf(providers, account).accountId?.(account) ?? "";
}

/** `major.minor`; undefined only for a node image without a version in its tag. */
export function kubernetesOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.kubernetes ?? factsOf(providers, cluster).kubernetes(cluster);
}

/** Range of pod addresses; undefined if the cloud assigns it. */
export function podCidrOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.podCidr ?? factsOf(providers, cluster).ranges?.pods;
}

/** Range of service addresses; undefined if the cloud assigns it. */
export function serviceCidrOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.serviceCidr ?? factsOf(providers, cluster).ranges?.services;
}

/** Accounts with placeholder ids; commands that would call a real cloud reject them. */
export function placeholders({ accounts }: Pick<Fleet, "accounts">, providers: Providers): readonly Account[] {
  return accounts.filter((account) => factsOf(providers, account).isPlaceholder?.(account) === true);
}

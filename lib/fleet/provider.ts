import type { z } from "zod";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Account, Cluster, Fleet } from "#lib/fleet/types.ts";

/** Compiles only with every key of the type and no other. */
export type KeysOf<Entry> = Readonly<Record<keyof Entry, true>>;

/** Everything about a provider that is known without asking it: data and pure functions. */
export interface ProviderFacts<A extends Account = Account, C extends Cluster = Cluster> {
  /** Key in the fleet and value of `--provider`: `aws`. */
  readonly name: C["provider"];
  /** `AWS`. */
  readonly title: string;
  /** What it calls its clusters: `EKS`. */
  readonly product: string;
  /** The same in names of tasks, `create-eks-all`. */
  readonly taskWord: string;
  /** A cloud has accounts, regions and zones. */
  readonly place: "cloud" | "computer";
  /** Heads its rows in views, and its work has lanes of its own. Providers on this computer share one. */
  readonly group: string;
  /** Of the `logos` collection, for its zones in diagrams: https://icon-sets.iconify.design/logos */
  readonly icon?: string;
  /** Keys that its entries may have; `nested` those of objects inside of a cluster, by their key. */
  readonly keys: {
    readonly account?: KeysOf<A>;
    readonly cluster: KeysOf<C>;
    readonly nested?: Readonly<Record<string, Readonly<Record<string, true>>>>;
  };
  /** Regions as the cloud spells them. @default none */
  readonly regions?: readonly string[];
  /** Ranges that a cluster has where its entry says nothing. @default only the cloud knows */
  readonly ranges?: { readonly pods: string; readonly services: string };
  /** Kubernetes versions that it offers. @default every version that this project is tested with */
  readonly versions?: {
    readonly offered: readonly string[];
    /** Why another version is refused. */
    refusal(version: string): string;
    /** An offered version with what to know about it. */
    describe(version: string): string;
  };
  /** Checks of its entries; a check that several providers name runs once. */
  readonly checks: readonly ((fleet: Fleet) => readonly Fault[])[];
  /** Codes of errors that only it has. @default none */
  readonly errorCodes?: readonly string[];
  /** What the sandbox emulates of it, in the sandbox's own words. @default its title */
  readonly emulated?: string;
  /** Tasks for what an account's clusters share. @default none */
  readonly accountTasks?: readonly AccountTask[];
  /** Loads zod. */
  schema(): Promise<EntrySchema>;
  /** Id by which the cloud knows the account. */
  accountId?(account: A): string;
  /** Whether the account's id stands for one of yours. */
  isPlaceholder?(account: A): boolean;
  /** `major.minor` where the entry says nothing; undefined where only the cluster's image knows. */
  kubernetes(cluster: C): string | undefined;
}

export interface EntrySchema {
  readonly account?: z.core.$ZodTypeDiscriminable;
  readonly cluster: z.core.$ZodTypeDiscriminable;
}

/** A task for what the clusters of an account share, run with credentials of the account. */
export interface AccountTask {
  /** Path below tasks/ without its ending; with `:` for `/` it is the task's name. */
  readonly path: string;
  readonly description: string;
  readonly verb: "create" | "delete";
  /** The management account, or any account that has clusters. */
  readonly of: "management" | "tenants";
}

/** The providers of a fleet, by name and in the order in which they are shown. */
export type Providers<P extends ProviderFacts = ProviderFacts> = ReadonlyMap<string, P>;

/** The fleet was checked: each of its providers is known. */
export function factsOf<P extends ProviderFacts>(providers: Providers<P>, { provider }: { provider: string }): P {
  const found = providers.get(provider);
  if (found === undefined) throw new Error(`unknown provider ${provider}`);
  return found;
}

/** Id by which the cloud knows an account. */
export function accountId(account: Account, providers: Providers): string {
  return factsOf(providers, account).accountId?.(account) ?? "";
}

/** `major.minor`; undefined only for a node image whose tag names no version. */
export function kubernetesOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.kubernetes ?? factsOf(providers, cluster).kubernetes(cluster);
}

/** Range of pod addresses; undefined while only the cloud can know it. */
export function podCidrOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.podCidr ?? factsOf(providers, cluster).ranges?.pods;
}

/** Range of service addresses; undefined while only the cloud can know it. */
export function serviceCidrOf(cluster: Cluster, providers: Providers): string | undefined {
  return cluster.serviceCidr ?? factsOf(providers, cluster).ranges?.services;
}

/** Accounts whose ids stand for yours; commands that would call a real cloud refuse them. */
export function placeholders({ accounts }: Pick<Fleet, "accounts">, providers: Providers): readonly Account[] {
  return accounts.filter((account) => factsOf(providers, account).isPlaceholder?.(account) === true);
}

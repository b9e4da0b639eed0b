/** A policy, as IAM keeps it once its grammar has been found right. */
export interface Policy {
  /** Variables count in policies of 2012 only. */
  readonly version: "2008-10-17" | "2012-10-17";
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: Selection;
  /** Of identity policies. */
  readonly resources: Selection | undefined;
  /** Of trust policies. */
  readonly principals: PrincipalSelection | undefined;
  readonly conditions: readonly Condition[];
}

/** Texts that are meant, or all but those. */
export interface Selection {
  readonly except: boolean;
  readonly texts: readonly string[];
}

export interface PrincipalSelection {
  readonly except: boolean;
  readonly principals: readonly Principal[];
}

export interface Principal {
  readonly kind: "AWS" | "Service" | "Federated";
  /** An ARN, an account, a unique id, the name of a service, or `*`. */
  readonly name: string;
}

/** One operator on one key: `{ "StringEquals": { "sts:ExternalId": ["a"] } }`. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

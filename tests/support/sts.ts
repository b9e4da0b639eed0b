/** STS on this computer that lets everybody into every role; it knows callers by their keys. */
export interface Sts {
  readonly endpoint: string;
  /** Every call, as action and name of the role. */
  readonly calls: string[];
  /** Milliseconds that sessions live. */
  lifetimeMs: number;
  /** ARN that the caller with a session of a role is told to be. */
  arnOf: (role: string) => string;
  stop(): Promise<void>;
}

/** Of the sessions that it gives. */
export const stsSecret = "a-secret-key-of-a-session";

/** @param base account of whoever comes with other keys than it gave */
export function openSts(base: string): Sts {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = new URLSearchParams(await request.text());
      const [action, role] = [body.get("Action") ?? "", body.get("RoleArn") ?? ""];
      sts.calls.push([action, role.split("/").at(-1)].filter(Boolean).join(" "));
      if (action === "GetCallerIdentity") {
        // The key of a session says which role it is of; it is part of what each call is signed with.
        const key = /Credential=([^/]+)/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
        const of = Buffer.from(key, "hex").toString();
        const arn = of.startsWith("arn:") ? sts.arnOf(of) : `arn:aws:iam::${base}:user/aws-cli`;
        return answer(action, `<Account>${arn.split(":")[4]}</Account><Arn>${arn}</Arn><UserId>x</UserId>`);
      }
      const expires = new Date(Date.now() + sts.lifetimeMs).toISOString();
      const keys = `<AccessKeyId>${Buffer.from(role).toString("hex")}</AccessKeyId><SecretAccessKey>${stsSecret}</SecretAccessKey>`;
      return answer(
        action,
        `<Credentials>${keys}<SessionToken>session/+=</SessionToken><Expiration>${expires}</Expiration></Credentials>`,
      );
    },
  });
  const sts: Sts = {
    endpoint: `http://127.0.0.1:${server.port}`,
    calls: [],
    lifetimeMs: 3_600_000,
    arnOf: sessionOf,
    stop: () => server.stop(true),
  };
  return sts;
}

export function sessionOf(role: string): string {
  return `${role.replace(":iam:", ":sts:").replace(/:role\/(?:.*\/)?/, ":assumed-role/")}/somebody`;
}

function answer(action: string, result: string): Response {
  const text = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result></${action}Response>`;
  return new Response(text, { headers: { "content-type": "text/xml" } });
}

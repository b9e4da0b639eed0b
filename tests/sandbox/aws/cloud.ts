import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IAM } from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import type { Service } from "#sandbox/aws/cloud.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamService } from "#sandbox/aws/iam/service.ts";
import { type KeptCloud, openCloud } from "#sandbox/aws/state.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { paceOf } from "#sandbox/pace.ts";

export const management = "123456789012";
export const tenant = "210987654321";

/** What a client signs with. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A cloud behind its endpoint, with the clients that people use. */
export interface TestCloud {
  readonly cloud: KeptCloud;
  readonly server: HttpServer;
  readonly path: string;
  /** Moves the cloud's clock; that of its clients stays. */
  advance(ms: number): void;
  /** @param keys an account for its administrator's */
  sts(keys: Keys | string): STS;
  iam(keys: Keys | string): IAM;
  close(): Promise<void>;
}

export async function openTestCloud(more: (cloud: KeptCloud) => readonly Service[] = () => []): Promise<TestCloud> {
  const folder = await mkdtemp(join(tmpdir(), "aws-"));
  const path = join(folder, "aws.json");
  let aheadMs = 0;
  const cloud = openCloud({ path, pace: paceOf(() => 1_000_000), now: () => new Date(Date.now() + aheadMs) });
  const server = await openHttpServer({
    api: () => awsApi(cloud, [stsService(cloud), iamService(cloud), ...more(cloud)]),
  });
  const clients: { destroy(): void }[] = [];

  function keep<Client extends { destroy(): void }>(client: Client): Client {
    clients.push(client);
    return client;
  }

  function optionsFor(keys: Keys | string): {
    readonly region: string;
    readonly endpoint: string;
    readonly credentials: Keys;
    readonly maxAttempts: number;
  } {
    const credentials = typeof keys === "string" ? administratorKeys(keys) : keys;
    return { region: "us-east-1", endpoint: server.endpoint, credentials, maxAttempts: 1 };
  }

  return {
    cloud,
    server,
    path,
    advance: (ms) => {
      aheadMs += ms;
    },
    sts: (keys) => keep(new STS(optionsFor(keys))),
    iam: (keys) => keep(new IAM(optionsFor(keys))),
    async close() {
      await server.stop();
      for (const client of clients) client.destroy();
      cloud.flush();
      await rm(folder, { recursive: true });
    },
  };
}

/** Keys of an answer of STS. */
export function keysOf(
  credentials: {
    readonly AccessKeyId?: string | undefined;
    readonly SecretAccessKey?: string | undefined;
    readonly SessionToken?: string | undefined;
  } = {},
): Keys {
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = credentials;
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

/** Name and message of what a call is refused with; fails when it isn't refused. */
export async function refusalOf(call: Promise<unknown>): Promise<{ readonly name: string; readonly message: string }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return { name: error.name, message: error.message };
    throw error;
  }
  throw new Error("the call was not refused");
}

/** A policy document of some statements. */
export function policyOf(...statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

import { FleetError } from "#lib/errors.ts";
import { findNetworkFailure, UnsentRequest } from "#lib/network-failure.ts";

/** AWS rejects signatures that differ more from its own clock, Entra assertions. */
const toleratedSkewMs = 5 * 60_000;

/** Pauses between attempts: short outages are bridged, and a missing network is reported immediately. */
const unsentPausesMs = [100, 200, 400];

/** The answer of a proxy, a login page or a firewall: clouds answer programs in XML and JSON, never in HTML. */
export class ForeignAnswer extends Error {
  constructor(cloud: string, { status, headers }: Response) {
    super(`the answer is not from ${cloud}: HTTP ${status}, ${headers.get("content-type") ?? ""}`);
    this.name = "ForeignAnswer";
  }
}

/**
 * `fetch` for clients of a cloud. Refuses answers that its clients would take for empty ones, and a wrong clock.
 *
 * @param cloud its name in messages: `AWS`
 * @param ca PEM; certificates are verified against these authorities alone. Undefined: this computer's
 * @throws ForeignAnswer, UnsentRequest, FleetError ClockSkewed
 */
export function cloudFetch(cloud: string, ca: string | undefined): typeof fetch {
  const call = async (
    request: Parameters<typeof fetch>[0],
    init: Parameters<typeof fetch>[1] = {},
  ): Promise<Response> => {
    const response = await send(() => {
      // A body is read once.
      const copy: Parameters<typeof fetch>[0] = request instanceof Request ? new Request(request) : request;
      return fetch(copy, ca === undefined ? init : { ...init, tls: { ca } });
    });
    refuseForeign(cloud, response);
    refuseSkew(cloud, response, Date.now());
    return response;
  };
  return Object.assign(call, { preconnect: fetch.preconnect });
}

/** @throws UnsentRequest, and what fetch throws */
async function send(call: () => Promise<Response>): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const failure = findNetworkFailure(error);
      if (failure?.unsent !== true) throw error;
      const pauseMs = unsentPausesMs[attempt];
      if (!failure.transient || pauseMs === undefined) throw new UnsentRequest(failure);
      await Bun.sleep(pauseMs);
    }
  }
}

function refuseForeign(cloud: string, response: Response): void {
  // Load balancers return 503 in HTML: clients retry such calls without reading the body.
  if (response.status >= 500) return;
  if (/html/i.test(response.headers.get("content-type") ?? "")) throw new ForeignAnswer(cloud, response);
}

/** AWS's SDK adapts its signatures to a wrong clock. Tokens of clusters, certificates and the ends of sessions go by the clock as it is. */
function refuseSkew(cloud: string, { headers }: Response, now: number): void {
  const served = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(served) || Math.abs(now - served) <= toleratedSkewMs) return;
  const minutes = Math.round(Math.abs(now - served) / 60_000);
  throw new FleetError(
    "ClockSkewed",
    `this computer's clock is ${minutes} minutes ${now > served ? "ahead of" : "behind"} ${cloud}'s`,
    {
      hint: "set the clock, for example by timedatectl set-ntp true: signatures, tokens and certificates depend on it",
    },
  );
}

import { FleetError } from "#lib/errors.ts";
import { findNetworkFailure, UnsentRequest } from "#lib/network-failure.ts";

/** AWS rejects signatures that differ more from its own clock. */
const toleratedSkewMs = 5 * 60_000;

/** Pauses between attempts: short outages are bridged, and a missing network is reported immediately. */
const unsentPausesMs = [100, 200, 400];

/** The answer of a proxy, a login page or a firewall: AWS's services answer in XML and JSON, never for people. */
export class ForeignAnswer extends Error {
  constructor({ status, headers }: Response) {
    super(`the answer is not from AWS: HTTP ${status}, ${headers.get("content-type") ?? ""}`);
    this.name = "ForeignAnswer";
  }
}

/**
 * `fetch` for clients of AWS, which refuses what they would take for an empty answer, and what a wrong clock makes of all others.
 *
 * @param ca PEM; certificates are verified against these authorities alone. Undefined: this computer's
 * @throws ForeignAnswer, UnsentRequest, FleetError ClockSkewed
 */
export function awsFetch(ca: string | undefined): typeof fetch {
  const call = async (request: Parameters<typeof fetch>[0]): Promise<Response> => {
    const response = await send(() => {
      // A body is read once.
      const copy: Parameters<typeof fetch>[0] = request instanceof Request ? new Request(request) : request;
      return fetch(copy, ca === undefined ? {} : { tls: { ca } });
    });
    refuseForeign(response);
    refuseSkew(response, Date.now());
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

function refuseForeign(response: Response): void {
  // AWS's load balancers return 503 in HTML: clients retry such calls without reading the body.
  if (response.status >= 500) return;
  if (/html/i.test(response.headers.get("content-type") ?? "")) throw new ForeignAnswer(response);
}

/** The SDK adapts its signatures to a wrong clock. Tokens of clusters, certificates and the ends of sessions go by the clock as it is. */
function refuseSkew({ headers }: Response, now: number): void {
  const served = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(served) || Math.abs(now - served) <= toleratedSkewMs) return;
  const minutes = Math.round(Math.abs(now - served) / 60_000);
  throw new FleetError(
    "ClockSkewed",
    `this computer's clock is ${minutes} minutes ${now > served ? "ahead of" : "behind"} AWS's`,
    {
      hint: "set the clock, for example by timedatectl set-ntp true: signatures, tokens and certificates depend on it",
    },
  );
}

import { askWith } from "#lib/cloud/ask.ts";
import { googleErrors } from "#lib/gcp/explain.ts";

/** Makes a call to Google. @throws FleetError with a code of GCP, QuotaExceeded, SessionExpired, SignInRefused, ZoneNotEmpty */
export const ask = askWith(googleErrors);

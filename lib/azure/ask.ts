import { azureErrors } from "#lib/azure/explain.ts";
import { askWith } from "#lib/cloud/ask.ts";

/** Makes a call to Azure. @throws FleetError with a code of Azure, QuotaExceeded, SessionExpired, WrongAccount */
export const ask = askWith(azureErrors);

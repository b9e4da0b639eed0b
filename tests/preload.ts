/** Runs before every test file: no test may reach anything but this machine. */
const realFetch = globalThis.fetch;

const guarded = (input: Parameters<typeof fetch>[0], init?: Parameters<typeof fetch>[1]): Promise<Response> => {
  const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
  if (!["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) {
    throw new Error(`a test asked for ${url.origin}: tests reach loopback only`);
  }
  return realFetch(input, init);
};

globalThis.fetch = Object.assign(guarded, { preconnect: realFetch.preconnect });

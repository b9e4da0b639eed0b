/** An error as the SDK's clients throw it. */
export function awsError(name: string, message = name, status = 400): Error {
  return Object.assign(new Error(message), {
    name,
    $fault: status < 500 ? "client" : "server",
    $metadata: { httpStatusCode: status, requestId: "request-1" },
  });
}

type Answers = Readonly<Record<string, (input: never) => unknown>>;

/** Failures that a test has asked for, by the name of the call: each is thrown once, before the call does anything. */
export type Failures = Map<string, Error[]>;

/**
 * A client of the SDK that answers what it knows, writes down what it is asked, and refuses the rest.
 *
 * @param calls gets the name of each call
 */
export function fakeClient<Client>(answers: Answers, calls: string[], failures: Failures): Client {
  return new Proxy(Object.create(null) as object, {
    get(_target, name) {
      // Nothing that is awaited may look like a promise.
      if (typeof name !== "string" || name === "then") return undefined;
      return async (input: unknown, options: { readonly abortSignal?: AbortSignal } = {}) => {
        options.abortSignal?.throwIfAborted();
        calls.push(name);
        const failure = failures.get(name)?.shift();
        if (failure !== undefined) throw failure;
        const answer = answers[name];
        if (answer === undefined) throw new Error(`the fake knows no ${name}`);
        return answer(structuredClone(input) as never);
      };
    },
  }) as Client;
}

/** The metadata servers of a machine in Google Cloud, in AWS, and of one that hands out a token to be exchanged. */
export interface Machine {
  /** With its port. */
  readonly host: string;
  readonly asked: string[];
  /** Of Google's service account. */
  email: string;
  /** Of all answers of Google's. */
  status: number;
  /** Header of Google's answers. */
  flavor: string;
  close(): Promise<void>;
}

export function openMachine(): Machine {
  const listener = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  const machine: Machine = {
    host: `127.0.0.1:${listener.port}`,
    asked: [],
    email: "machine@x.iam.gserviceaccount.com",
    status: 200,
    flavor: "Google",
    close: () => listener.stop(true),
  };
  return machine;

  function answer(request: Request): Response {
    const { pathname, search } = new URL(request.url);
    machine.asked.push(`${request.method} ${pathname}${search}`);
    if (pathname.startsWith("/computeMetadata/")) return answerOfGoogle(request, pathname);
    if (pathname.startsWith("/latest/")) return answerOfAws(request, pathname);
    if (request.headers.get("metadata") !== "True") return new Response("no header", { status: 400 });
    const token = "subject-of-the-machine";
    return pathname.endsWith(".json") ? Response.json({ access_token: token }) : new Response(token);
  }

  /** https://cloud.google.com/compute/docs/metadata/querying-metadata */
  function answerOfGoogle(request: Request, pathname: string): Response {
    const { status, flavor, email } = machine;
    if (request.headers.get("metadata-flavor") !== "Google") return new Response("no header", { status: 403 });
    const headers = flavor === "" ? {} : { "metadata-flavor": flavor };
    const token = { access_token: "ya29.of-the-machine", expires_in: 3_599, token_type: "Bearer" };
    const text = pathname.endsWith("/email") ? email : JSON.stringify(token);
    return new Response(text, { status, headers });
  }

  /** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
  function answerOfAws(request: Request, pathname: string): Response {
    if (request.method === "PUT") return new Response("session");
    if (request.headers.get("x-aws-ec2-metadata-token") !== "session") return new Response("", { status: 401 });
    if (pathname.endsWith("/availability-zone")) return new Response("eu-west-1b");
    if (pathname.endsWith("/security-credentials")) return new Response("role");
    return Response.json({ AccessKeyId: "ASIAEXAMPLE", SecretAccessKey: "secret-of-the-role", Token: "session-token" });
  }
}

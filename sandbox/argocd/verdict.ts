/** What the sandbox doesn't know, though the real Argo CD might. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** What the real Argo CD fails at as well, in its words where they are short. */
export class Failed extends Error {
  override readonly name = "Failed";
}

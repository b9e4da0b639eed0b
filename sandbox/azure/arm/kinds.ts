import type { Kind, Listing } from "#sandbox/azure/arm/kind.ts";

/** All types of resources that the sandbox has. */
export const kinds: readonly Kind[] = [];

export const listings: readonly Listing[] = [];

/** Letters of the availability zones that `Fn::GetAZs` gives, where they are not just a, b and c. */
const letters: Readonly<Record<string, string>> = {
  "us-east-1": "abcdef",
  "us-west-1": "ab",
  "us-west-2": "abcd",
  "ap-northeast-1": "acd",
  "ap-northeast-2": "abcd",
  "ca-central-1": "abd",
};

/** Availability zones of a region, as an account without a default VPC sees them. */
export function zonesOf(region: string): readonly string[] {
  return [...(letters[region] ?? "abc")].map((letter) => `${region}${letter}`);
}

/** Numbers in the ids of those zones, in the same order, where they are not 1, 2, 3. Of one account; another one has them otherwise. */
const numbers: Readonly<Record<string, string>> = {
  // One of them is a zone that EKS does without; which letter leads there differs from account to account.
  "us-east-1": "124356",
  "us-west-1": "13",
  "ap-northeast-1": "124",
  "ca-central-1": "124",
};

/** `use1` of `us-east-1`, `apne2` of `ap-northeast-2`. */
function abbreviate(region: string): string {
  const [area = "", direction = "", number = ""] = region.split("-");
  const initials = [...direction.matchAll(/north|south|east|west|central/g)].map(([word]) => word[0] ?? "");
  return `${area}${initials.join("")}${number}`;
}

/** Ids by name: unlike letters they are the same in every account. */
export function zoneIdsOf(region: string): ReadonlyMap<string, string> {
  const digits = numbers[region] ?? "12345678";
  return new Map(zonesOf(region).map((zone, index) => [zone, `${abbreviate(region)}-az${digits[index]}`]));
}

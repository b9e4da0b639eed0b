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

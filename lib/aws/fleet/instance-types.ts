import { formatGuess } from "#lib/nearest.ts";

/**
 * Families of EC2 without accelerators, which need images of their own: series, then generations with their attributes. A `g` in
 * the attributes is an Arm processor, and the template chooses the image by it. From the service model of botocore 1.43.62,
 * 2026-11-26. https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
 */
const families: Readonly<Record<string, string>> = {
  c: "1 3 4 5 5a 5ad 5d 5n 6a 6g 6gd 6gn 6i 6id 6in 7a 7g 7gd 7gn 7i 7i-flex 8a 8g 8gb 8gd 8gn 8i 8i-flex 8ib 8id 8in 8ine 9g 9gd",
  d: "2 3 3en",
  h: "1",
  hpc: "6a 6id 7a 7g 8a",
  i: "2 3 3en 4g 4i 7i 7ie 8g 8ge",
  im: "4gn",
  is: "4gen",
  m: "1 2 3 4 5 5a 5ad 5d 5dn 5n 5zn 6a 6g 6gd 6i 6id 6idn 6in 7a 7g 7gd 7i 7i-flex 8a 8azn 8g 8gb 8gd 8gn 8i 8i-flex 8ib 8id 8idb 8idn 8in 8ine 9g 9gd",
  r: "3 4 5 5a 5ad 5b 5d 5dn 5n 6a 6g 6gd 6i 6id 6idn 6in 7a 7g 7gd 7i 7iz 8a 8g 8gb 8gd 8gn 8i 8i-flex 8ib 8id 8idb 8idn 8in 9g 9gd",
  t: "1 2 3 3a 4g",
  x: "1 1e 2gd 2idn 2iedn 2iezn 8aedz 8g 8i",
  z: "1d",
};

const size = /^(?:nano|micro|small|medium|large|\d{0,3}xlarge|metal|metal-\d{1,3}xl)$/;

/** Why EC2 has no such type, and a way on; undefined for one that it may have. */
export function tryInstanceTypeFault(type: string): { readonly why: string; readonly hint: string } | undefined {
  const [family = "", ...rest] = type.split(".");
  const known = Object.entries(families).flatMap(([series, list]) => list.split(" ").map((one) => `${series}${one}`));
  if (!known.includes(family)) {
    return {
      why: `no family "${family}" for clusters`,
      hint: `${formatGuess(family, known)}a type is such as m7g.large`,
    };
  }
  if (rest.length === 1 && size.test(rest[0] ?? "")) return undefined;
  return { why: `no size "${rest.join(".")}"`, hint: `write a size of ${family} such as ${family}.large` };
}

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  answerFault,
  answerQuery,
  integerAt,
  listAt,
  parseQuery,
  textAt,
  textsAt,
} from "#sandbox/aws/protocol/query.ts";
import { formatXml } from "#sandbox/aws/protocol/xml.ts";

describe("a query request", () => {
  test("becomes lists and structures again", () => {
    const { action, input } = parseQuery(
      "Action=TagRole&Version=2010-05-08&RoleName=one&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.1.Key=a&Tags.member.1.Value=",
    );
    expect(action).toBe("TagRole");
    expect(input).toEqual({
      RoleName: "one",
      Tags: [
        { Key: "a", Value: "" },
        { Key: "b", Value: "2" },
      ],
    });
  });

  test("may have plain lists, empty lists, and more than nine items in order", () => {
    const many = Array.from({ length: 12 }, (_, index) => `Names.member.${index + 1}=n${index + 1}`).join("&");
    const { input } = parseQuery(`Action=A&${many}&Empty=`);
    expect(textsAt(input, "Names")).toEqual(Array.from({ length: 12 }, (_, index) => `n${index + 1}`));
    expect(listAt(input, "Empty")).toEqual([]);
  });

  test("may come in the URL, plus signs and all", () => {
    const { action, input } = parseQuery("", new URL("http://127.0.0.1/?Action=GetRole&RoleName=a+b%2Bc"));
    expect(action).toBe("GetRole");
    expect(textAt(input, "RoleName")).toBe("a b+c");
  });

  test.each(["A=1&A=2", "A=1&A.member.1=2", "A.member.1=2&A=1", "A.member.x=1"])(
    "is refused when it contradicts itself: %s",
    (body) => {
      expect(() => parseQuery(body)).toThrow(AwsFault);
    },
  );

  test("is refused without what is needed, and with words for numbers", () => {
    const { input } = parseQuery("Action=A&Size=many");
    expect(() => textAt(input, "RoleName")).toThrow(/Value null at 'roleName'/);
    expect(() => integerAt(input, "Size")).toThrow(/Size is no whole number: many/);
  });
});

describe("an answer", () => {
  test("wraps its result as the query protocol has it", async () => {
    const response = answerQuery("GetRole", "https://iam/", { Role: { Tags: [{ Key: "a" }], Path: "/" } }, "id-1");
    expect(response.headers.get("content-type")).toBe("text/xml");
    expect(await response.text()).toBe(
      '<GetRoleResponse xmlns="https://iam/"><GetRoleResult><Role><Tags><member><Key>a</Key></member></Tags><Path>/</Path></Role></GetRoleResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetRoleResponse>',
    );
  });

  test("has no result when there is nothing to say", async () => {
    expect(await answerQuery("TagRole", "https://iam/", undefined, "id-1").text()).not.toContain("TagRoleResult");
  });

  test("says whose fault it is", async () => {
    const sender = answerFault(new AwsFault("NoSuchEntity", "no <role>", 404), "id-1");
    expect([sender.status, await sender.text()]).toEqual([
      404,
      "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;role&gt;</Message></Error><RequestId>id-1</RequestId></ErrorResponse>",
    ]);
    expect(await answerFault(new AwsFault("ServiceFailure", "x", 500), "id-1").text()).toContain(
      "<Type>Receiver</Type>",
    );
  });

  test("names the items of lists as each service does, and leaves out what is undefined", () => {
    const item = (list: string) => (list === "HostedZones" ? "HostedZone" : "member");
    expect(formatXml("R", { HostedZones: [{ Id: "1", Note: undefined }], Empty: [], On: true }, { item })).toBe(
      "<R><HostedZones><HostedZone><Id>1</Id></HostedZone></HostedZones><Empty></Empty><On>true</On></R>",
    );
  });

  test("is read back as it was said, whatever the text", () => {
    const parser = new XMLParser({ trimValues: false, parseTagValue: false });
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme-ascii" }), (text) => {
        expect(parser.parse(formatXml("R", { Text: `[${text}]` }))).toEqual({ R: { Text: `[${text}]` } });
      }),
    );
  });
});

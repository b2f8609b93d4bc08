import { deepEqual, equal } from "node:assert/strict";
import { at, entries, parseXml, textAt } from "./xml.ts";

const answer = `<?xml version="1.0"?><ListUsersResponse xmlns="x"><ListUsersResult><Users><member><UserName>a</UserName><Tags/></member>
<member><UserName>b &amp; c</UserName><Tags><member><Key>k</Key><Value></Value></member></Tags></member></Users></ListUsersResult></ListUsersResponse>`;

describe("answers of IAM", () => {
  it("are lists, texts and members by name", () => {
    const users = entries(at(parseXml(answer), "ListUsersResult", "Users"));
    deepEqual(
      users.map((user) => textAt(user, "UserName")),
      ["a", "b & c"],
    );
    deepEqual(entries(at(users[1], "Tags")), [{ Key: "k", Value: "" }]);
  });

  it("has nothing at a path that is not there", () => {
    equal(at(parseXml(answer), "ListUsersResult", "Roles"), undefined);
    deepEqual(entries(at(parseXml(answer), "Nobody")), []);
    equal(textAt(parseXml(answer), "ListUsersResult", "Users", "x"), "");
  });
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { NameListReader, TooManyNames, type NameList } from "./name-list.ts";

/** The text in pieces that end at these places. */
const piecesOf = (text: string, cuts: readonly number[]): readonly string[] => {
  const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => text.slice(from, at[index]));
};

const streamed = (pieces: readonly string[], prefix = "", most = 1000): NameList => {
  const reader = new NameListReader(prefix, most);
  for (const piece of pieces) reader.push(piece);
  return reader.end();
};

/** The same of a whole text, by JSON.parse. */
const whole = (text: string, prefix = ""): NameList => {
  const member = (of: unknown, key: string): unknown =>
    typeof of === "object" && of !== null && !Array.isArray(of) && Object.hasOwn(of, key)
      ? (of as Record<string, unknown>)[key]
      : undefined;
  const answer = JSON.parse(text) as unknown;
  const keys = member(member(answer, "data"), "keys");
  const warnings = member(answer, "warnings") ?? [];
  const areNames = Array.isArray(keys) && keys.every((each): each is string => typeof each === "string");
  return {
    keys: areNames ? keys.filter((name) => name.startsWith(prefix)) : undefined,
    warned: !Array.isArray(warnings) || warnings.length > 0,
  };
};

const outcome = (read: () => NameList): NameList | "broken" => {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof SyntaxError, String(error));
    return "broken";
  }
};

const names = fc.array(fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("keyturn.a.b")));
const likeVault = fc.record(
  {
    request_id: fc.string(),
    data: fc.oneof(fc.record({ keys: names, key_info: fc.jsonValue() }, { requiredKeys: [] }), fc.jsonValue()),
    warnings: fc.oneof(fc.constant(null), fc.constant([]), fc.array(fc.string()), fc.jsonValue()),
    auth: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const cuts = fc.array(fc.nat());

describe("NameListReader", () => {
  it("reads what JSON.parse reads, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(
        fc.oneof(likeVault, fc.jsonValue()),
        fc.constantFrom(0, 1, "\t"),
        cuts,
        fc.constantFrom("", "k", "keyturn."),
        (value, space, at, prefix) => {
          const text = JSON.stringify(value, undefined, space);
          assert.deepEqual(streamed(piecesOf(text, at), prefix), whole(text, prefix));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("refuses what JSON.parse refuses: a text that is cut, or has a character too many, too few or another", () => {
    const mark = fc.constantFrom("", ...'{}[],:"\\ \n0-1.e+tnu\u0001/x'.split(""));
    fc.assert(
      fc.property(likeVault, fc.nat(), fc.nat(2), mark, cuts, (value, place, gone, put, at) => {
        const good = JSON.stringify(value);
        const from = place % (good.length + 1);
        const text = `${good.slice(0, from)}${put}${good.slice(from + gone)}`;
        assert.deepEqual(
          outcome(() => streamed(piecesOf(text, at))),
          outcome(() => whole(text)),
          text,
        );
        const cut = good.slice(0, from);
        assert.deepEqual(
          outcome(() => streamed([cut])),
          from === good.length ? whole(good) : "broken",
        );
      }),
      { numRuns: 2000 },
    );
  });

  it("takes the last of equal keys, and not keys that stand elsewhere", () => {
    for (const text of [
      '{"data":{"keys":["a"]},"data":{"keys":["b"],"keys":["c"]}}',
      '{"data":{"keys":["a"]},"data":{}}',
      '{"data":{"keys":["a",1]},"data":{"keys":["b"]}}',
      '{"data":{"key_info":{"keys":["x"],"data":{"keys":["y"]}},"keys":["a"]},"keys":["z"]}',
      '[{"data":{"keys":["a"]}}]',
      '{"warnings":["x"],"warnings":[],"data":{"keys":[]}}',
      '{"w\\u0061rnings":["x"],"d\\u0061ta":{"keys":["\\u0061"]}}',
    ]) {
      assert.deepEqual(streamed(Array.from(text)), whole(text), text);
    }
  });

  it("bounds names, also those that it does not keep, and the length of one token and the depth", () => {
    const text = JSON.stringify({ data: { keys: ["a", "b", "c"] } });
    assert.deepEqual(streamed([text], "x", 3).keys, []);
    assert.throws(() => streamed([text], "x", 2), TooManyNames);
    const long = new NameListReader("", 10);
    assert.throws(() => {
      for (let piece = 0; piece < 3; piece += 1) long.push(`"${"x".repeat(40_000)}`.slice(piece === 0 ? 0 : 1));
    }, SyntaxError);
    assert.throws(() => streamed(["[".repeat(65)]), SyntaxError);
  });
});

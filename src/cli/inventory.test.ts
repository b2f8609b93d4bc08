import assert from "node:assert/strict";
import { inventory, type Found } from "../domain/inventory/inventory.ts";
import { age, columns } from "./columns.ts";
import { inventoryCommand, inventoryExit } from "./inventory-command.ts";
import { inventoryText } from "./inventory-text.ts";

const NOW = new Date("2026-11-24T12:00:00Z");
const FOUND: Found = {
  clusterName: "prod",
  namespaces: [],
  unread: [],
  identities: [
    {
      namespace: "payments",
      name: "billing",
      uid: "u1",
      predecessors: [],
      team: "payments",
      contact: "p@example.com",
      purpose: "Exports invoices",
      state: "Active",
      ready: "True",
      accounts: [
        { name: "lake", target: "aws-user/111122223333/lake", state: "Active" },
        { name: "old", target: "aws-user/111122223333/old", state: "Cut" },
      ],
      oldestCredentialAt: "2026-10-14T12:00:00Z",
      credentials: 1,
      undecided: 0,
      expiresAt: "2027-06-30T00:00:00Z",
    },
  ],
  owners: [],
  marks: [
    {
      connection: "aws",
      marks: [{ kind: "AwsUser", id: "aws-user/111122223333/gone", owner: "prod/payments/gone\u001b[2J" }],
    },
  ],
  users: [],
  unreached: [{ place: "ProviderConnection vault", reason: "Vault cannot be reached." }],
};

describe("npm run inventory", () => {
  it("shows identities, what nobody owns, and where it could not look", () => {
    const lines = inventoryText(inventory(FOUND, NOW), "table").split("\n");
    assert.match(
      lines.find((line) => line.startsWith("payments    billing")) ?? "",
      /lake,old\(Cut\)\s+41d\s+2027-06-30T00:00:00Z/,
    );
    assert.ok(lines.some((line) => /^aws +AwsUser +aws-user\/111122223333\/gone +prod\/payments\/gone/.test(line)));
    assert.ok(lines.includes("ProviderConnection vault: Vault cannot be reached."));
  });

  it("prints nothing that steers a terminal", () => {
    for (const form of ["table", "wide", "json", "yaml"] as const) {
      assert.ok(!inventoryText(inventory(FOUND, NOW), form).includes("\u001b"), form);
    }
  });

  it("answers in JSON what it knows, whole", () => {
    const picture = inventory(FOUND, NOW);
    assert.deepEqual(JSON.parse(inventoryText(picture, "json")), JSON.parse(JSON.stringify(picture)));
  });

  it("says so where there is nothing", () => {
    const nothing: Found = { ...FOUND, identities: [], marks: [], unreached: [] };
    assert.equal(inventoryText(inventory(nothing, NOW), "wide").match(/^none$/gm)?.length, 3);
  });

  describe("ends with", () => {
    const one = [{} as never];
    const cases: readonly [number, string, boolean, Parameters<typeof inventoryExit>[0]][] = [
      [0, "nothing found", true, { unowned: [], unknownCredentials: [], unreached: [] }],
      [0, "something found that was not asked about", false, { unowned: one, unknownCredentials: one, unreached: [] }],
      [1, "something unowned", true, { unowned: one, unknownCredentials: [], unreached: [] }],
      [
        1,
        "a key that nobody knows, although it could not look everywhere",
        true,
        { unowned: [], unknownCredentials: one, unreached: one },
      ],
      [3, "a place where it could not look", true, { unowned: [], unknownCredentials: [], unreached: one }],
      [3, "a place where it could not look, unasked", false, { unowned: one, unknownCredentials: [], unreached: one }],
    ];
    for (const [code, title, check, picture] of cases) {
      it(`${code}: ${title}`, () => assert.equal(inventoryExit(picture, check), code));
    }
  });

  describe("takes its own flags and leaves the operator's", () => {
    const cases: readonly [string, object][] = [
      ["", { form: "table", check: false, rest: [] }],
      ["-o json --check", { form: "json", check: true, rest: [] }],
      ["-ojson", { form: "json", check: false, rest: [] }],
      ["--output=wide --kubeconfig /k", { form: "wide", check: false, rest: ["--kubeconfig", "/k"] }],
      [
        "--kubeconfig=/k -o wide --cluster-name prod",
        { form: "wide", check: false, rest: ["--kubeconfig=/k", "--cluster-name", "prod"] },
      ],
      ["--check --watch-namespace payments", { form: "table", check: true, rest: ["--watch-namespace", "payments"] }],
    ];
    for (const [line, expected] of cases) {
      it(line === "" ? "without any" : line, () => {
        const { help, ...command } = inventoryCommand(line.split(" ").filter((word) => word !== ""));
        assert.equal(help, false);
        assert.deepEqual(command, expected);
      });
    }

    it("and refuses a form that it does not know", () => {
      assert.throws(() => inventoryCommand(["-o", "xml"]), /--output/);
    });
  });

  it("lines columns up by their widest cell", () => {
    assert.equal(
      columns(
        ["A", "B"],
        [
          ["long", "x"],
          ["s", ""],
        ],
      ),
      "A      B\nlong   x\ns\n",
    );
  });

  it("gives ages in units that fit", () => {
    assert.deepEqual([5, 60, 3599, 7200, 11_520, 47 * 3600, 48 * 3600, 41 * 86_400].map(age), [
      "5s",
      "1m",
      "59m",
      "2h",
      "3h12m",
      "47h",
      "2d",
      "41d",
    ]);
  });
});

import { deepEqual, equal } from "node:assert/strict";
import { rememberedTenancy, shareOf, type Tenancy } from "./shares.ts";

const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): Tenancy => ({
  metadata: { name, uid: name, resourceVersion: "1", labels },
});

const seen = (...all: readonly Tenancy[]) => ({
  get: ({ name }: { readonly name: string }) =>
    all.map(rememberedTenancy("example.com/team")).find(({ metadata }) => metadata.name === name),
});

describe("shares of turns", () => {
  it("are the namespaces', where no label is named", () => {
    equal(shareOf("payments", undefined), "payments");
    equal(shareOf("", undefined), "");
  });

  it("are one for all namespaces with the same value of the label", () => {
    const label = "example.com/team";
    const namespaces = seen(
      namespace("a", { [label]: "billing" }),
      namespace("b", { [label]: "billing" }),
      namespace("billing"),
      namespace("empty", { [label]: "" }),
    );
    equal(shareOf("a", namespaces), shareOf("b", namespaces));
    deepEqual(
      ["a", "billing", "empty", "unknown"].map((name) => shareOf(name, namespaces)),
      ["=billing", "billing", "empty", "unknown"],
    );
  });
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { edits, isEdited, isOpened } from "./edits.ts";
import { isHeld } from "./held.ts";
import { namespaces } from "./place.ts";
import { states } from "./states.ts";

describe("the states that an upgrade is tried in", () => {
  const names = states.map(({ name }) => name);

  it("are at least as many as are asked for, each with a name of its own", () => {
    equal(new Set(names).size, names.length);
    ok(names.length >= 15);
    ok(names.length * namespaces.length >= 60);
  });

  it("are edited by names that mean nothing else", () => {
    for (const { of } of edits) ok(names.includes(of), of);
    const edited = names.filter((name) => isEdited(`payments/kubernetes/Secret/${name}-aws`));
    deepEqual(edited.sort(), edits.map(({ of }) => of).sort());
    equal(isEdited("media/kubernetes/Secret/rotated-aws"), false);
    equal(isEdited("payments/pod/rotated-6f5d8-x2x"), true);
    equal(isOpened("keyturn.payments.suspended.secrets secret id"), true);
    equal(isOpened("keyturn.media.suspended.secrets secret id"), false);
    equal(isOpened("payments/rotated-aws access key …ABCDEF"), false);
  });

  it("are held by names that mean nothing else", () => {
    deepEqual(names.filter((name) => isHeld(`payments/${name}`)).sort(), ["key-under-hold", "under-hold"]);
    deepEqual(
      names.filter((name) => isEdited(`payments/${name}`) && isHeld(`payments/${name}`)),
      [],
    );
    equal(isHeld("keyturn.payments.under-hold.secrets secret id"), true);
    equal(isHeld("media/key-under-hold-aws access key …ABCDEF"), false);
  });
});

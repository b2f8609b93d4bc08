import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bundledPackages, cycloneDx, isAllowed, licenceList, packageFolders } from "./sbom.ts";
import type { BundledPackage } from "./sbom.ts";

const one: BundledPackage = {
  name: "@scope/a",
  version: "1.2.3",
  license: "(MIT OR Apache-2.0)",
  texts: ["Permission is granted.\n"],
  integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
};

describe("the list of parts", () => {
  it("finds the package of each bundled file once, nested ones too", () => {
    deepStrictEqual(
      packageFolders([
        "src/main.ts",
        "node_modules/a/lib/x.js",
        "node_modules/a/y.js",
        "node_modules/@s/b/z.js",
        "node_modules/a/node_modules/c/i.js",
      ]),
      ["node_modules/@s/b", "node_modules/a", "node_modules/a/node_modules/c"],
    );
  });

  it("names each package with version, licence, address and digest, and depends on nothing that changes", () => {
    const own = { name: "keyturn", version: "0.0.1", license: "Apache-2.0" };
    const text = cycloneDx(own, [one, { ...one, name: "b", license: "ISC" }]);
    strictEqual(cycloneDx(own, [one, { ...one, name: "b", license: "ISC" }]), text);
    const bom = JSON.parse(text) as {
      bomFormat: string;
      specVersion: string;
      serialNumber?: string;
      metadata: { timestamp?: string; component: { name: string } };
      components: Record<string, unknown>[];
      dependencies: { ref: string; dependsOn?: string[] }[];
    };
    deepStrictEqual([bom.bomFormat, bom.specVersion, bom.metadata.component.name], ["CycloneDX", "1.6", "keyturn"]);
    deepStrictEqual([bom.serialNumber, bom.metadata.timestamp], [undefined, undefined]);
    deepStrictEqual(
      bom.components
        .map(({ group, name, purl, licenses, hashes }) => ({ group, name, purl, licenses, hashes }))
        .sort((a, b) => String(b.name).localeCompare(String(a.name))),
      [
        {
          group: undefined,
          name: "b",
          purl: "pkg:npm/b@1.2.3",
          licenses: [{ license: { id: "ISC" } }],
          hashes: [{ alg: "SHA-512", content: Buffer.alloc(64, 7).toString("hex") }],
        },
        {
          group: "@scope",
          name: "a",
          purl: "pkg:npm/%40scope/a@1.2.3",
          licenses: [{ expression: "(MIT OR Apache-2.0)" }],
          hashes: [{ alg: "SHA-512", content: Buffer.alloc(64, 7).toString("hex") }],
        },
      ],
    );
    deepStrictEqual(bom.dependencies.find(({ ref }) => ref === "keyturn")?.dependsOn?.length, 2);
  });

  it("takes one of a choice of licences, and all where all hold", () => {
    for (const [license, is] of [
      ["MIT", true],
      ["(MIT OR GPL-3.0-only)", true],
      ["MIT AND GPL-3.0-only", false],
      ["GPL-3.0-only", false],
      ["", false],
    ] as const)
      strictEqual(isAllowed(license), is, license);
  });

  it("has every text", () => {
    const list = licenceList([one]);
    ok(list.includes("@scope/a 1.2.3: (MIT OR Apache-2.0)\n") && list.includes("Permission is granted."));
  });

  describe("is refused", () => {
    const made = async (manifest: object, files: Readonly<Record<string, string>>, locked: object): Promise<string> => {
      const root = await mkdtemp(join(tmpdir(), "keyturn-sbom-"));
      const all = {
        "package-lock.json": JSON.stringify({ packages: { "node_modules/a": locked } }),
        "node_modules/a/package.json": JSON.stringify({ name: "a", version: "1.0.0", ...manifest }),
        ...files,
      };
      for (const [path, text] of Object.entries(all)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
      return root;
    };
    const cases: readonly (readonly [string, object, Readonly<Record<string, string>>, object, RegExp | undefined])[] =
      [
        [
          "no",
          { license: "MIT" },
          { "node_modules/a/LICENSE": "x" },
          { version: "1.0.0", integrity: "sha512-AA==" },
          undefined,
        ],
        [
          "for a licence that nobody has allowed",
          { license: "GPL-3.0-only" },
          { "node_modules/a/LICENSE": "x" },
          { version: "1.0.0", integrity: "s" },
          /licence GPL-3.0-only/,
        ],
        [
          "for no licence",
          {},
          { "node_modules/a/LICENSE": "x" },
          { version: "1.0.0", integrity: "s" },
          /licence unknown/,
        ],
        ["for no text", { license: "ISC" }, {}, { version: "1.0.0", integrity: "s" }, /no licence file/],
        [
          "for a package that is not the locked one",
          { license: "MIT" },
          { "node_modules/a/LICENSE": "x" },
          { version: "1.0.1", integrity: "s" },
          /not in package-lock/,
        ],
      ];
    for (const [title, manifest, files, locked, problem] of cases)
      it(title === "no" ? "for nothing when all is known" : title, async () => {
        const root = await made(manifest, files, locked);
        try {
          const found = bundledPackages(root, ["node_modules/a"]);
          if (problem === undefined) strictEqual((await found).length, 1);
          else await rejects(found, problem);
        } finally {
          await rm(root, { recursive: true, force: true });
        }
      });
  });
});

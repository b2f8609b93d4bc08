import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";

/** A package of which some file went into a bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX identifier or expression, as its package.json has it. */
  readonly license: string;
  /** Text of its licence files, and of its NOTICE. */
  readonly texts: readonly string[];
  /** Subresource integrity of the package as published, from package-lock.json. */
  readonly integrity: string;
}

/** Licences that may be part of the image. Another one is a decision of a person's, and goes in here with it. */
const ALLOWED = ["Apache-2.0", "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "Unlicense"];

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
}

/** Folders of packages below node_modules, from the paths of bundled files. */
export const packageFolders = (inputs: readonly string[]): readonly string[] => {
  const folders = inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
};

/** What is known of the packages in those folders. Throws when a licence is missing or not among the allowed ones. */
export const bundledPackages = async (root: string, folders: readonly string[]): Promise<readonly BundledPackage[]> => {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const packages = await Promise.all(folders.map((folder) => bundledPackage(root, folder, lock.packages[folder])));
  const problems = packages.flatMap(({ name, version, license, texts, integrity }) => [
    ...(isAllowed(license) ? [] : [`${name} ${version} has the licence ${license || "unknown"}`]),
    ...(texts.length > 0 ? [] : [`${name} ${version} has no licence file`]),
    ...(integrity === "" ? [`${name} ${version} is not in package-lock.json`] : []),
  ]);
  if (problems.length > 0) throw new Error(`These packages cannot go into the image:\n${problems.join("\n")}`);
  return packages;
};

/** Of an expression `A OR B` one is enough; of `A AND B` both are needed. */
export const isAllowed = (license: string): boolean =>
  license
    .replace(/^\((.*)\)$/, "$1")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((one) => ALLOWED.includes(one.trim())));

interface Named {
  readonly type?: string;
}

interface PackageJson {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; or a list of which one may be chosen, as it was written before npm had expressions. */
  readonly license?: string | Named | readonly Named[];
  readonly licenses?: readonly Named[];
}

/** What is no identifier of SPDX's own is left out of a choice. */
const licenceOf = ({ license, licenses = [] }: PackageJson): string => {
  if (typeof license === "string") return license;
  const choice = [license ?? licenses].flat() as readonly Named[];
  return choice
    .map(({ type = "" }) => type)
    .filter((type) => !type.includes(" "))
    .join(" OR ");
};

const bundledPackage = async (
  root: string,
  folder: string,
  locked: LockedPackage | undefined,
): Promise<BundledPackage> => {
  const read = (file: string): Promise<string> => readFile(join(root, folder, file), "utf8");
  const stated = JSON.parse(await read("package.json")) as PackageJson;
  const { name, version } = stated;
  const license = licenceOf(stated);
  const files = (await readdir(join(root, folder)))
    .filter((file) => /^((un)?licen[cs]e|copying|notice)/i.test(file))
    .sort();
  const texts = await Promise.all(files.map(read));
  // Some packages of a monorepo are published without the file; package.json and the README say the licence.
  const said = texts.length > 0 ? texts : SPDX_TEXTS[license] === undefined ? [] : [SPDX_TEXTS[license]];
  return {
    name,
    version,
    license,
    texts: said,
    integrity: locked?.version === version ? (locked.integrity ?? "") : "",
  };
};

/** For packages that name their licence without its text. */
const SPDX_TEXTS: Readonly<Record<string, string>> = {
  "Apache-2.0": "Licensed under the Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0).\n",
  MIT: "Licensed under the MIT License (https://opensource.org/license/mit).\n",
};

/** A CycloneDX document in JSON. Nothing in it depends on when or where it is made. */
export const cycloneDx = (
  application: { readonly name: string; readonly version: string; readonly license: string },
  packages: readonly BundledPackage[],
): string => {
  const bom = new Models.Bom();
  const main = new Models.Component(Enums.ComponentType.Application, application.name, {
    version: application.version,
    bomRef: application.name,
    licenses: new Models.LicenseRepository([new Models.SpdxLicense(application.license)]),
  });
  bom.metadata.component = main;
  for (const one of packages) {
    const [group, name = one.name] = one.name.startsWith("@") ? one.name.split("/") : [undefined, one.name];
    const component = new Models.Component(Enums.ComponentType.Library, name, {
      ...(group === undefined ? {} : { group }),
      version: one.version,
      bomRef: `${one.name}@${one.version}`,
      purl: purlOf(one),
      scope: Enums.ComponentScope.Required,
      licenses: new Models.LicenseRepository([
        / (OR|AND) /.test(one.license)
          ? new Models.LicenseExpression(one.license)
          : new Models.SpdxLicense(one.license),
      ]),
    });
    const [algorithm, digest] = one.integrity.split("-");
    if (algorithm === "sha512" && digest !== undefined)
      component.hashes.set(Enums.HashAlgorithm["SHA-512"], Buffer.from(digest, "base64").toString("hex"));
    bom.components.add(component);
    main.dependencies.add(component.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
};

/** https://github.com/package-url/purl-spec: the scope's @ is escaped. */
const purlOf = ({ name, version }: BundledPackage): string => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** Name, version and licence of each package, and then the texts. */
export const licenceList = (packages: readonly BundledPackage[]): string =>
  [
    "Packages of others that are part of this program, with their licences.\n",
    ...packages.map(({ name, version, license }) => `${name} ${version}: ${license}\n`),
    ...packages.map(
      ({ name, version, license, texts }) =>
        `\n${"=".repeat(80)}\n${name} ${version} (${license})\n${"=".repeat(80)}\n\n${texts.join("\n")}`,
    ),
  ].join("");

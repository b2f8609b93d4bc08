import tseslint from "typescript-eslint";

/**
 * The direction of imports (docs/adr/0002): a folder may import itself and the folders named here, nothing else of src/.
 * `kernel ← api ← domain ← {cluster, providers, stores, audit, telemetry} ← reconcilers ← compose ← main`; engine: kernel only.
 */
const mayImport = {
  kernel: [],
  api: ["kernel"],
  domain: ["kernel", "api"],
  engine: ["kernel"],
  cluster: ["kernel", "api", "domain"],
  providers: ["kernel", "api", "domain"],
  stores: ["kernel", "api", "domain", "cluster", "providers"],
  audit: ["kernel", "api", "domain"],
  telemetry: ["kernel", "api", "domain", "engine"],
  reconcilers: ["kernel", "api", "domain", "engine", "cluster", "providers", "stores", "audit", "telemetry"],
  cli: ["kernel", "api", "domain", "cluster", "providers", "stores", "audit", "telemetry"],
};
const folders = Object.keys(mayImport);
const direction = (folder) => ({
  group: [
    ...folders.filter((name) => name !== folder && !mayImport[folder].includes(name)).map((name) => `**/${name}/**`),
    "**/compose.ts",
    "**/connect.ts",
    "**/main.ts",
  ],
  message: `src/${folder} may import only ${[folder, ...mayImport[folder]].join(", ")} (docs/adr/0002).`,
});

/** A module that talks to the outside has one door; everything else goes through that door. */
const oneDoor = [
  { group: ["@aws-sdk/*"], message: "An SDK is imported only in its sdk.ts." },
  { group: ["node-vault"], message: "node-vault is imported only in providers/vault/sdk.ts." },
  { group: ["@kubernetes/client-node"], message: "client-node is imported only in src/cluster/." },
  { group: ["prom-client"], message: "prom-client is imported only in src/telemetry/." },
  { group: ["winston"], message: "winston is imported only in src/telemetry/." },
  {
    group: ["fs", "node:fs", "node:fs/promises"],
    message: "Files are read and written only in src/audit/ and by main and terminal.",
  },
];
/** The rule on imports for files of one folder, which may open these doors. */
const imports = (folder, ...doors) => ({
  "no-restricted-imports": [
    "error",
    {
      patterns: [
        ...(folder === undefined ? [] : [direction(folder)]),
        ...oneDoor.filter((door) => !doors.includes(door.group[0])),
      ],
    },
  ],
});
const everyDoor = oneDoor.map((door) => door.group[0]);
const doorsOf = { cluster: ["@kubernetes/client-node"], telemetry: ["prom-client", "winston"], audit: ["fs"] };

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "src/api/v1alpha1/generated/", "e2e/**/*.mjs", "config/samples"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "no-restricted-globals": [
        "error",
        { name: "setTimeout", message: "Time only through the clock." },
        { name: "setInterval", message: "Time only through the clock." },
      ],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "Time only through the clock." },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Time only through the clock." },
        { selector: "TSEnumDeclaration", message: "Unions, not enums." },
        { selector: "ExportDefaultDeclaration", message: "Named exports only." },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      ...imports(),
    },
  },
  ...folders.map((folder) => ({ files: [`src/${folder}/**`], rules: imports(folder, ...(doorsOf[folder] ?? [])) })),
  { files: ["src/providers/**/sdk.ts"], rules: imports("providers", "@aws-sdk/*", "node-vault") },
  { files: ["src/main.ts", "src/compose.ts", "src/connect.ts", "src/terminal.ts"], rules: imports(undefined, "fs") },
  ...folders.map((folder) => ({ files: [`src/${folder}/**/*.test.ts`], rules: imports(folder, ...everyDoor) })),
  { files: ["src/*.test.ts", "e2e/**", "scripts/**"], rules: imports(undefined, ...everyDoor) },
  {
    files: ["**/*.test.ts", "e2e/**", "scripts/**", "src/kernel/clock.ts"],
    rules: {
      "no-restricted-globals": "off",
      "no-restricted-properties": "off",
      "no-restricted-syntax": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
  {
    files: ["eslint.config.js"],
    ...tseslint.configs.disableTypeChecked,
    rules: { ...tseslint.configs.disableTypeChecked.rules, "no-restricted-syntax": "off" },
  },
);

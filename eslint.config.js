import tseslint from "typescript-eslint";
import importX from "eslint-plugin-import-x";

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
const zones = Object.entries(mayImport).map(([folder, allowed]) => ({
  target: `./src/${folder}`,
  from: "./src",
  except: [folder, ...allowed].map((name) => `./${name}`),
  message: `src/${folder} may import only ${[folder, ...allowed].join(", ")} (docs/adr/0002).`,
}));

/** A module that talks to the outside has one door; everything else goes through that door. */
const oneDoor = [
  { group: ["@aws-sdk/*"], message: "An SDK is imported only in its sdk.ts." },
  { group: ["node-vault"], message: "node-vault is imported only in providers/vault/sdk.ts." },
  { group: ["@kubernetes/client-node"], message: "client-node is imported only in src/cluster/." },
  { group: ["prom-client"], message: "prom-client is imported only in src/telemetry/." },
  { group: ["winston"], message: "winston is imported only in src/telemetry/." },
  {
    group: ["fs", "node:fs", "node:fs/promises"],
    message: "Files are read and written only in src/audit/ and by main.",
  },
];
const doorsExcept = (...names) => ({
  "no-restricted-imports": ["error", { patterns: oneDoor.filter((door) => !names.includes(door.group[0])) }],
});

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "src/api/v1alpha1/generated/", "e2e/**/*.mjs"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { "import-x": importX },
    settings: {
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
      "import-x/resolver": { node: { extensions: [".ts", ".js"] } },
    },
    rules: {
      "import-x/no-restricted-paths": ["error", { zones }],
      "import-x/no-default-export": "error",
      "import-x/no-cycle": "error",
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
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      ...doorsExcept(),
    },
  },
  { files: ["src/**/sdk.ts"], rules: doorsExcept("@aws-sdk/*", "node-vault") },
  { files: ["src/cluster/**"], rules: doorsExcept("@kubernetes/client-node") },
  { files: ["src/telemetry/**"], rules: doorsExcept("prom-client", "winston") },
  { files: ["src/audit/**", "src/main.ts", "src/compose.ts"], rules: doorsExcept("fs") },
  {
    files: ["**/*.test.ts", "e2e/**", "scripts/**", "src/kernel/clock.ts"],
    rules: {
      ...doorsExcept(...oneDoor.map((door) => door.group[0])),
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
    rules: { ...tseslint.configs.disableTypeChecked.rules, "import-x/no-default-export": "off" },
  },
);
export { folders };

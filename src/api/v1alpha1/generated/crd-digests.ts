// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "fb3993cb5b123ab0a7a82433610f86c6",
  "secretrotations.keyturn.dev": "65904e4de9d9cb8f17a53723a44cb397",
  "serviceaccountlifecycles.keyturn.dev": "f149c412af47af715593bc7c09b447ba",
};

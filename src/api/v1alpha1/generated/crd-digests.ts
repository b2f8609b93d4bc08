// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "fb3993cb5b123ab0a7a82433610f86c6",
  "secretrotations.keyturn.dev": "71d39a6dcf1c4567c4c2ec44ebead5f9",
  "serviceaccountlifecycles.keyturn.dev": "3d3d030bb1435889fb69df74b85dfd00",
};

// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "fb3993cb5b123ab0a7a82433610f86c6",
  "secretrotations.keyturn.dev": "7108b7645850145f0b3fb5e5f02fe619",
  "serviceaccountlifecycles.keyturn.dev": "3300b91e6ad3404301f01260de440a9d",
};

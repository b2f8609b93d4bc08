// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "2ebd74ffed6b19eca1eefd4d23ab365d",
  "providerconnections.keyturn.dev": "fb3993cb5b123ab0a7a82433610f86c6",
  "secretrotations.keyturn.dev": "65904e4de9d9cb8f17a53723a44cb397",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

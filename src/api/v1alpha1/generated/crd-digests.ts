// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "ab56e3c037833a66b4ec4ccfd5fe0c0d",
  "providerconnections.keyturn.dev": "8387fd39a49314189ee02c60b0d1ecc8",
  "secretrotations.keyturn.dev": "37effc8616d8dde580dc7d73976c7678",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

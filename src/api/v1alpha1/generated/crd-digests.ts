// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "449505de8e42fbfa3feb4a11d2f16c24",
  "providerconnections.keyturn.dev": "428d0091bc6c30cb9670d74c5d8f5dc2",
  "secretrotations.keyturn.dev": "8a6a78ac257c2a18cc20f97a922fd259",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

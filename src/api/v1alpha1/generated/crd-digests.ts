// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "449505de8e42fbfa3feb4a11d2f16c24",
  "providerconnections.keyturn.dev": "428d0091bc6c30cb9670d74c5d8f5dc2",
  "secretrotations.keyturn.dev": "2a3d721c17fb88e80976560f99827610",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

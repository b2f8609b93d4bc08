// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "3b4e0cab7fd4b49be00bdb5166e668f6",
  "providerconnections.keyturn.dev": "e51a21f6cf5a20a1fe7158b99a4af2c0",
  "secretrotations.keyturn.dev": "bf8ad04aa3bee71f8f869568a927e00d",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

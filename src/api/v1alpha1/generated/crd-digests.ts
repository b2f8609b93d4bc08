// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "ab56e3c037833a66b4ec4ccfd5fe0c0d",
  "providerconnections.keyturn.dev": "d97d7da0defabc90762d6b897084fc62",
  "secretrotations.keyturn.dev": "702a62c78112bfd27779e03b42d25baa",
  "serviceaccountlifecycles.keyturn.dev": "42408b2d14c705c4fc210b9cebf88f89",
};

// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "f55a06588549a2fa411d6852a09f4381",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "76f5d4e162e0770b39c6cb8c42d5c6f4",
  "serviceaccountlifecycles.keyturn.dev": "86c146fe5de2881413ccaced06f47f8c",
};

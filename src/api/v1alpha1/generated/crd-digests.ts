// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "f55a06588549a2fa411d6852a09f4381",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "959cf528eb2d9f22972386c5f59b8e1a",
  "serviceaccountlifecycles.keyturn.dev": "c825cfb37e48170d2dd3df444bb918ea",
};

// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "959cf528eb2d9f22972386c5f59b8e1a",
  "serviceaccountlifecycles.keyturn.dev": "886394545b26f653418c1990b714ede7",
};

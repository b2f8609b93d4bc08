// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "71d39a6dcf1c4567c4c2ec44ebead5f9",
  "serviceaccountlifecycles.keyturn.dev": "0a0441b38f68bfbb2991c3b1737b703b",
};

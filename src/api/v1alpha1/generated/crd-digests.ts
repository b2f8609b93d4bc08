// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "76f5d4e162e0770b39c6cb8c42d5c6f4",
  "serviceaccountlifecycles.keyturn.dev": "51cb985ad26b75d6ab417558d5acde94",
};

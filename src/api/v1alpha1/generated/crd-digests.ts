// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "0ddca333119912e2b39fc352eeb557fd",
  "serviceaccountlifecycles.keyturn.dev": "d4dd0251ee9e964d586d7226bd55f855",
};

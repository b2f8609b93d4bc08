// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "b180bfe784e17f4ea3489d6166dda6d7",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "65904e4de9d9cb8f17a53723a44cb397",
  "serviceaccountlifecycles.keyturn.dev": "05fa3ca2c896b2310130910ca093642c",
};

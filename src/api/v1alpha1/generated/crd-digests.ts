// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "identityholds.keyturn.dev": "89ab01d44dd110138ab0164d14662a6b",
  "orphanedcredentials.keyturn.dev": "8c8ae2a4ee2f3b86fa28d610b29100e0",
  "providerconnections.keyturn.dev": "4a6b0f1c7f747672fe06428c7f00d878",
  "secretrotations.keyturn.dev": "2c1f472b5bd668473380a4d063b906cb",
  "serviceaccountlifecycles.keyturn.dev": "4105e5f4a25fc3e96898cc4c3e493b73",
};

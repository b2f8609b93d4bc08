// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "identityholds.keyturn.dev": "9137e720c34e3b4a78189220ac22a656",
  "orphanedcredentials.keyturn.dev": "e46604313044c834c785d46019cc331b",
  "providerconnections.keyturn.dev": "4a6b0f1c7f747672fe06428c7f00d878",
  "secretrotations.keyturn.dev": "2c1f472b5bd668473380a4d063b906cb",
  "serviceaccountlifecycles.keyturn.dev": "5572af483684c83872f06d2f4e2db606",
};

// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "identityholds.keyturn.dev": "9137e720c34e3b4a78189220ac22a656",
  "orphanedcredentials.keyturn.dev": "246d9e19232378b99bac1fb7fdaaf873",
  "providerconnections.keyturn.dev": "02f09bcb736b93a1b7e95fdadcab00f2",
  "secretrotations.keyturn.dev": "5019834168b3f6c73acbe5b3beda1999",
  "serviceaccountlifecycles.keyturn.dev": "5572af483684c83872f06d2f4e2db606",
};

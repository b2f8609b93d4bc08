// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "da46d2b9d1d55943f0f0049d6c14dceb",
  "providerconnections.keyturn.dev": "4a6b0f1c7f747672fe06428c7f00d878",
  "secretrotations.keyturn.dev": "959cf528eb2d9f22972386c5f59b8e1a",
  "serviceaccountlifecycles.keyturn.dev": "31118052f7725167d7b0439255d4e784",
};

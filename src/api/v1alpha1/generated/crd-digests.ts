// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "76809aa0aac3a45f930f9c0c1be5ce02",
  "providerconnections.keyturn.dev": "6f659053a33275ea40ccca93953f1377",
  "secretrotations.keyturn.dev": "65904e4de9d9cb8f17a53723a44cb397",
  "serviceaccountlifecycles.keyturn.dev": "d82785d912a46a4327798b7c2e58548f",
};

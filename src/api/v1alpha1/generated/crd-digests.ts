// Made from crds/ by `npm run generate`; do not edit.
export const CRD_DIGESTS: Readonly<Record<string, string>> = {
  "orphanedcredentials.keyturn.dev": "e19d873a5e33f0118fd01da4ebfca05e",
  "providerconnections.keyturn.dev": "361c7a3beaed15e098ea91e914761907",
  "secretrotations.keyturn.dev": "76f5d4e162e0770b39c6cb8c42d5c6f4",
  "serviceaccountlifecycles.keyturn.dev": "af4223cf2430ecbde2c6e5549edf3b03",
};

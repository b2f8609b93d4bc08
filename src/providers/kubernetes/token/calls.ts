/** What is needed of kube-apiserver beside KubernetesCalls to make and to try tokens of ServiceAccounts. Compose builds it from the ClusterClient. */
export interface TokenCalls {
  /** A token of the ServiceAccount that ends with the Secret that it is bound to. No audiences: kube-apiserver's own. */
  requestToken(
    serviceAccount: { readonly namespace: string; readonly name: string },
    wish: {
      readonly audiences: readonly string[];
      readonly expirationSeconds: number;
      readonly boundTo: { readonly name: string; readonly uid: string };
    },
  ): Promise<string>;
  /** kube-apiserver's own verdict. */
  reviewToken(
    token: string,
    audiences: readonly string[],
  ): Promise<{ readonly authenticated: boolean; readonly username?: string }>;
}

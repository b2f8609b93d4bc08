// Made from crds/ by `npm run generate`; do not edit.
import type { ResourceMeta } from "../meta.ts";

/**
 * One connection to a provider (an AWS account, a Vault, this cluster), how the operator logs in to it, and which namespaces may use it.
 */
export interface ProviderConnection {
  readonly apiVersion: "keyturn.dev/v1alpha1";
  readonly kind: "ProviderConnection";
  readonly metadata: ResourceMeta;
  /**
   * The wanted state. Nothing here is filled in by the server; an absent field means the default that its description names.
   */
  readonly spec: {
    /**
     * What all resources together may ask of the provider through this connection. Beyond it calls wait their turn, which goes round between namespaces, or are tried again; a quarter is kept for calls that end access. A provider that does not answer, or asks to be called less often, is left alone for a while by all of them. A database or hook target that does not answer is left alone by its own namespace only.
     */
    readonly budget?: {
      /**
       * 1 to 1000; absent means 50 for aws, 200 elsewhere.
       */
      readonly requestsPerSecond?: number;
      /**
       * So many at once before that. 1 to 2000; absent means twice requestsPerSecond.
       */
      readonly burst?: number;
    };
    /**
     * Allowed: an identity that is deleted with deletion.policy Retain and has no end keeps its accounts here, which have no owner from then on. Absent means that they are cut and kept (Disable).
     */
    readonly retain?: "Allowed";
    /**
     * Which namespaces may use this connection.
     */
    readonly allowedNamespaces: {
      /**
       * Listed: those in names. All: every namespace.
       */
      readonly mode: "Listed" | "All";
      /**
       * Names of namespaces.
       */
      readonly names?: ReadonlyArray<string>;
    };
    /**
     * What may be given to ServiceAccountLifecycles, and in which namespaces. Nothing may be given that no grant names.
     */
    readonly grants?: ReadonlyArray<{
      /**
       * Name of the grant within this connection.
       */
      readonly name: string;
      /**
       * Namespaces that it holds in, of those that may use the connection at all. Absent means all of these.
       */
      readonly namespaces?: ReadonlyArray<string>;
      /**
       * Kubernetes roles.
       */
      readonly roles?: ReadonlyArray<{
        readonly kind: "Role" | "ClusterRole";
        readonly name: string;
        /**
         * Namespace: it may be bound in the identity's namespace. Cluster: also in the whole cluster. Absent means Namespace.
         */
        readonly scope?: "Namespace" | "Cluster";
      }>;
      /**
       * ARNs of AWS managed policies, or names of Vault policies; a \* at the end stands for any rest.
       */
      readonly policies?: ReadonlyArray<string>;
      /**
       * IAM groups; a \* at the end stands for any rest.
       */
      readonly groups?: ReadonlyArray<string>;
      /**
       * Actions that inline policies may allow; each allowed action must be covered by one of these (s3:Get\*, sqs:\*).
       */
      readonly inlineActions?: ReadonlyArray<string>;
      /**
       * ARN of the managed policy that every IAM identity under this grant is bounded by.
       */
      readonly permissionsBoundary?: string;
    }>;
    /**
     * This cluster. It has no settings; its grants say which roles may be bound in which namespaces.
     */
    readonly kubernetes?: Readonly<Record<string, never>>;
    /**
     * A service of yours that makes, tries and ends credentials, or writes them to places, by four verbs over HTTPS (docs/reference/hook.md).
     */
    readonly hook?: {
      /**
       * A Job in the operator's namespace, run once for each request, for where nothing may listen. Slower than url. The operator needs the Role keyturn-hook-jobs.
       */
      readonly job?: {
        /**
         * What runs; it must not need to be root.
         */
        readonly image: string;
        /**
         * Absent means the image's own.
         */
        readonly command?: ReadonlyArray<string>;
        /**
         * A ServiceAccount of the operator's namespace, whose token the run gets. Absent means none.
         */
        readonly serviceAccountName?: string;
        /**
         * How long a run may take, 1s to 100s. Absent means "1m".
         */
        readonly timeout?: string;
      };
      /**
       * Where requests are sent, over https, without query. No redirect is followed. Required unless job is there.
       */
      readonly url?: string;
      /**
       * The authorities that its certificate is trusted by (PEM). Absent means those of the operator's image.
       */
      readonly caBundle?: string;
      /**
       * A Secret in the operator's namespace. Its key signingKey, 32 characters at least, signs every request.
       */
      readonly signingSecretRef: {
        /**
         * Name of the Secret.
         */
        readonly name: string;
      };
      /**
       * Whether it may lie in a private network or on loopback. Absent means false. Link-local addresses, where clouds hand out credentials, are never called.
       */
      readonly allowPrivateAddresses?: boolean;
    };
    /**
     * One AWS account.
     */
    readonly aws?: {
      /**
       * Region of the STS endpoint and of request signatures.
       */
      readonly region: string;
      /**
       * The account that the operator must find itself in after login. Immutable.
       */
      readonly accountId: string;
      /**
       * Begins and ends with "/". Only IAM users and roles whose path is this, then the namespace's name and "/", are ever touched. Absent means "/keyturn/".
       */
      readonly pathPrefix?: string;
      /**
       * Where IAM and STS are reached instead of AWS's own endpoints.
       */
      readonly endpoint?: string;
      /**
       * Certificates (PEM) that the server's certificate must chain to. Absent means the runtime's own list.
       */
      readonly caBundle?: string;
      /**
       * The OIDC provider of this cluster in the account. Absent means that IAM roles cannot be made here.
       */
      readonly webIdentity?: {
        /**
         * Issuer of this cluster's ServiceAccount tokens, as the OIDC provider of the account names it.
         */
        readonly issuer: string;
      };
      /**
       * How the operator itself logs in.
       */
      readonly login: {
        /**
         * The AWS SDK's default chain (web identity, instance or container role, environment).
         */
        readonly defaultChain?: Readonly<Record<string, never>>;
        /**
         * A Secret in the operator's namespace with the keys accessKeyId and secretAccessKey.
         */
        readonly secretRef?: {
          readonly name: string;
        };
      };
      /**
       * A managed policy of accountId that denies every action on every resource; it cuts a leaver as permissions boundary or attachment where the inline policy is refused. It is read before it is used, and not used when it lets anything through. Change it only while no identity is cut. Absent means AWS's own AWSDenyAll.
       */
      readonly denyPolicyArn?: string;
      /**
       * A role of accountId that is assumed after login.
       */
      readonly assumeRole?: {
        readonly roleArn: string;
        readonly externalId?: string;
      };
    };
    /**
     * One Vault (or OpenBao) server or namespace.
     */
    readonly vault?: {
      /**
       * Where Vault is reached.
       */
      readonly address: string;
      /**
       * Certificates (PEM) that the server's certificate must chain to. Absent means the runtime's own list.
       */
      readonly caBundle?: string;
      /**
       * Vault namespace. Absent means none.
       */
      readonly namespace?: string;
      /**
       * The KV v2 store that deliveries are written to.
       */
      readonly kv?: {
        /**
         * Mount path of the store. Absent means "kv".
         */
        readonly mount?: string;
        /**
         * Path below which each namespace has a path of its own. Absent means "keyturn".
         */
        readonly pathPrefix?: string;
      };
      /**
       * The PKI engine that certificates come from. Its roles are named `<namePrefix>.<namespace>.<role>`.
       */
      readonly pki?: {
        /**
         * Mount path of the engine. Absent means "pki".
         */
        readonly mount?: string;
      };
      /**
       * The database engine that passwords come from. Its static roles are named `<namePrefix>.<namespace>.<role>`.
       */
      readonly databases?: {
        /**
         * Mount path of the engine. Absent means "database".
         */
        readonly mount?: string;
        /**
         * The database servers, so that the operator can log in with a new password and end the sessions of an old one. PostgreSQL, under TLS.
         */
        readonly servers?: ReadonlyArray<{
          /**
           * What Vault calls it (`<mount>/config/<name>`).
           */
          readonly name: string;
          /**
           * Host name or address; its certificate must be for it.
           */
          readonly host: string;
          /**
           * Absent means 5432.
           */
          readonly port?: number;
          /**
           * The database that logins are tried with.
           */
          readonly database: string;
          /**
           * The authorities that its certificate is trusted by (PEM). Absent means those of the operator's image.
           */
          readonly caBundle?: string;
        }>;
      };
      /**
       * Where accounts of ServiceAccountLifecycles are made. Absent means the defaults below.
       */
      readonly identities?: {
        /**
         * Begins the name of every entity, login role and PKI role. Absent means "keyturn".
         */
        readonly namePrefix?: string;
        /**
         * Mount path of the approle method. Absent means "approle".
         */
        readonly appRoleMount?: string;
        /**
         * Mount path of the jwt method that trusts this cluster's ServiceAccount tokens. Absent means "jwt".
         */
        readonly jwtMount?: string;
      };
      /**
       * How the operator itself logs in.
       */
      readonly login: {
        /**
         * The jwt auth method, with a short-lived token of the operator's ServiceAccount.
         */
        readonly jwt: {
          /**
           * Mount path of the auth method. Absent means "jwt".
           */
          readonly mount?: string;
          /**
           * Role of the auth method.
           */
          readonly role: string;
          /**
           * Audience of the token. Absent means "vault".
           */
          readonly audience?: string;
        };
      };
    };
  };
  /**
   * Written by the operator alone.
   */
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: ReadonlyArray<{
      readonly type: string;
      readonly status: "True" | "False" | "Unknown";
      readonly reason: string;
      readonly message: string;
      readonly lastTransitionTime: string;
      readonly observedGeneration?: number;
    }>;
  };
}

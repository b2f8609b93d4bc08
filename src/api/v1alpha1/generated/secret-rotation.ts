// Made from crds/ by `npm run generate`; do not edit.
import type { ResourceMeta } from "../meta.ts";

/**
 * One credential of a machine. Who issues it, where it is delivered, who depends on it, when and how it rotates.
 */
export interface SecretRotation {
  readonly apiVersion: "keyturn.dev/v1alpha1";
  readonly kind: "SecretRotation";
  readonly metadata: ResourceMeta;
  /**
   * The wanted state. Nothing here is filled in by the server; an absent field means the default that its description names.
   */
  readonly spec: {
    /**
     * The ServiceAccountLifecycle that this credential belongs to. May be set once, later; never changed or removed.
     */
    readonly identityRef?: {
      /**
       * Name of the ServiceAccountLifecycle in this namespace.
       */
      readonly name: string;
    };
    /**
     * Who issues the credential. Exactly one member; which one cannot be changed.
     */
    readonly source: {
      /**
       * An access key of an IAM user: of an account of the identity (accountRef), or of a user that exists already and carries the tag keyturn.dev/owner (connectionRef and userName).
       */
      readonly awsAccessKey?: {
        /**
         * An account of the ServiceAccountLifecycle that identityRef names; it must be an AWS user. Immutable. Absent means connectionRef and userName.
         */
        readonly accountRef?: {
          /**
           * Name of the account in spec.accounts of the ServiceAccountLifecycle.
           */
          readonly name: string;
        };
        /**
         * The ProviderConnection (kind aws) through which the key is issued. Immutable. Required unless accountRef is there.
         */
        readonly connectionRef?: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Name (not ARN, not path) of the IAM user. Immutable. Required unless accountRef is there.
         */
        readonly userName?: string;
        /**
         * Whether every access key of this user is Keyturn's to manage. Absent means true: a key that appears while a rotation is open is taken for Keyturn's own and disabled. False: such a key is reported, never touched.
         */
        readonly exclusive?: boolean;
      };
      /**
       * A database user's password, changed by Vault's database engine. Two users take turns, so that the one in use works until everybody has the other one; sessions of the one before are ended when it is retired.
       */
      readonly vaultDatabase?: {
        /**
         * The ProviderConnection (kind vault) through which it is changed. Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Short name of the static roles. In Vault they are called `<namePrefix>.<namespace>.<role>.a` and `.b`, or without the letter with users Single, so that a namespace reaches its own only. Immutable.
         */
        readonly role: string;
        /**
         * Alternating: two users take turns. Single: one user, whose password is changed while it is in use. Absent means Alternating. Immutable.
         */
        readonly users?: "Alternating" | "Single";
        /**
         * With users Single, logins fail from the change of the password until everybody has the new one, and there is no going back. Says that this is accepted.
         */
        readonly acceptsOutage?: boolean;
      };
      /**
       * A value that is made here by rules and handed to the system that checks it by a hook. Exactly one of password, token, sshKey.
       */
      readonly generated?: {
        /**
         * The ProviderConnection (kind hook). Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * What the hook knows the holder by. The hook is told this namespace with it, so that a namespace reaches its own only. Immutable.
         */
        readonly target: string;
        /**
         * How many may live at once, 2 to 10. Absent means 2.
         */
        readonly slots?: number;
        /**
         * Counted: who is refused too often is locked out there, so that at most two logins are refused in 15 minutes. Free: nobody counts. Absent means Counted.
         */
        readonly refusals?: "Counted" | "Free";
        /**
         * A password. An empty object means all defaults.
         */
        readonly password?: {
          /**
           * 12 to 256. Absent means 32.
           */
          readonly length?: number;
          /**
           * What it is made of, at least one of each: Lower, Upper, Digits, Symbols (-_.~!\*+=). Absent means Lower, Upper and Digits.
           */
          readonly characters?: ReadonlyArray<"Lower" | "Upper" | "Digits" | "Symbols">;
        };
        /**
         * Random bytes as base64url behind a prefix. An empty object means all defaults.
         */
        readonly token?: {
          /**
           * 16 to 128. Absent means 32.
           */
          readonly bytes?: number;
          /**
           * What it begins with, so that scanners know it. Absent means nothing.
           */
          readonly prefix?: string;
        };
        /**
         * An SSH key pair in OpenSSH's format; the hook is handed the public key. An empty object means all defaults.
         */
        readonly sshKey?: {
          /**
           * Absent means Ed25519.
           */
          readonly algorithm?: "Ed25519" | "RSA-4096";
        };
      };
      /**
       * A credential that a hook makes, tries and ends by its four verbs (docs/reference/hook.md).
       */
      readonly hook?: {
        /**
         * The ProviderConnection (kind hook). Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * What the hook knows the holder by. The hook is told this namespace with it, so that a namespace reaches its own only. Immutable.
         */
        readonly target: string;
        /**
         * How many may live at once, 2 to 10. Absent means 2.
         */
        readonly slots?: number;
        /**
         * Counted: who is refused too often is locked out there, so that at most two logins are refused in 15 minutes. Free: nobody counts. Absent means Counted.
         */
        readonly refusals?: "Counted" | "Free";
        /**
         * The fields that its credentials have; also the keys that they are delivered under.
         */
        readonly fields: ReadonlyArray<string>;
      };
      /**
       * A token of a ServiceAccount of this namespace, for consumers outside the cluster. It ends by itself, and before that when the empty Secret is deleted that it is bound to. The operator needs the ClusterRole keyturn-token-issuer in the namespace.
       */
      readonly kubernetesToken?: {
        /**
         * The ProviderConnection (kind kubernetes) that lets this namespace have tokens. Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Name of the ServiceAccount. Its annotation keyturn.dev/token-for must name this resource (names of this namespace, with commas between), or it belongs to the identity that identityRef names. Immutable.
         */
        readonly serviceAccountName: string;
        /**
         * Whom the token is for. Absent means kube-apiserver itself.
         */
        readonly audiences?: ReadonlyArray<string>;
        /**
         * How long it is good, at least 10m; the server may give less. Absent means "24h". It is replaced with a third of its life left.
         */
        readonly ttl?: string;
      };
      /**
       * A secret id of an AppRole in Vault. Its metadata carries the rotation that made it; only its accessor is on record.
       */
      readonly vaultAppRole?: {
        /**
         * The ProviderConnection (kind vault) through which it is made. Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Short name of the AppRole. In Vault it is called `<namePrefix>.<namespace>.<role>`, so that a namespace reaches its own only; the AppRole of an identity's account is `<identity>.<account>` here. Immutable.
         */
        readonly role: string;
      };
      /**
       * A certificate from a role of Vault's PKI engine. The private key is made by the operator and is nowhere but where it is delivered.
       */
      readonly vaultPKI?: {
        /**
         * The ProviderConnection (kind vault) through which it is signed. Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Short name of the role. In Vault it is called `<namePrefix>.<namespace>.<role>`, so that a namespace reaches its own roles only. Immutable.
         */
        readonly role: string;
        /**
         * Common name of the subject. Absent means none.
         */
        readonly commonName?: string;
        /**
         * DNS names that the certificate is for.
         */
        readonly dnsNames?: ReadonlyArray<string>;
        /**
         * IP addresses that the certificate is for.
         */
        readonly ipAddresses?: ReadonlyArray<string>;
        /**
         * URIs that the certificate is for, such as spiffe://cluster/ns/payments/sa/web.
         */
        readonly uris?: ReadonlyArray<string>;
        /**
         * Lifetime to ask for; the role may grant less, and what was granted counts. A change holds from the next renewal on. 1m to 43800h; absent means what the role says.
         */
        readonly ttl?: string;
        /**
         * The key that is made for each certificate anew. Absent means algorithm ECDSA-P256.
         */
        readonly privateKey?: {
          /**
           * Kind and size of the key.
           */
          readonly algorithm: "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-3072" | "RSA-4096" | "Ed25519";
        };
        /**
         * How long before its end the certificate is renewed. 1m to 8760h; as long as the whole life or longer means a third of it. Absent means renewBeforePercentage.
         */
        readonly renewBefore?: string;
        /**
         * Renewed with this part of its actual lifetime left. 5 to 95; absent means 33 unless renewBefore is there.
         */
        readonly renewBeforePercentage?: number;
        /**
         * What becomes of the serial at retirement. Absent means mode OnRetirement.
         */
        readonly revocation?: {
          /**
           * OnRetirement: revoked after the overlap, and when this resource is deleted. Never: left to expire; for short lives, and for roles with no_store.
           */
          readonly mode: "OnRetirement" | "Never";
        };
      };
    };
    /**
     * Where the credential is written.
     */
    readonly deliver: ReadonlyArray<{
      /**
       * Name of the delivery within this resource.
       */
      readonly name: string;
      /**
       * A Secret in this namespace, created and owned by Keyturn. One that exists already and is not Keyturn's is a Conflict, unless it is adopted.
       */
      readonly kubernetesSecret?: {
        /**
         * Name of the Secret.
         */
        readonly name: string;
        /**
         * Opaque; TLS (kubernetes.io/tls, with the keys tls.crt and tls.key); BasicAuth (kubernetes.io/basic-auth, with the keys username and password); SSHAuth (kubernetes.io/ssh-auth, with the key ssh-privatekey); DockerConfig (kubernetes.io/dockerconfigjson, made of the values and registry). A Secret that has another type is deleted and made anew only by people. Absent means TLS for vaultPKI, SSHAuth for an SSH key, else Opaque.
         */
        readonly type?: "Opaque" | "TLS" | "BasicAuth" | "SSHAuth" | "DockerConfig";
        /**
         * For type DockerConfig, the registry that the credential opens.
         */
        readonly registry?: {
          /**
           * As images name it, for example ghcr.io.
           */
          readonly server: string;
          /**
           * Absent means the credential's own user name.
           */
          readonly username?: string;
        };
        /**
         * How the values are laid out. Absent means mode Keys.
         */
        readonly format?: {
          /**
           * Keys: each value under a key of its own. Env: the same, where an absent key name is the field's in capitals (ACCESS_KEY_ID), for envFrom. JSON, Dotenv: all values in one text.
           */
          readonly mode: "Keys" | "Env" | "JSON" | "Dotenv";
          /**
           * Key that holds the text of JSON or Dotenv. Absent means credential.json or credential.env.
           */
          readonly key?: string;
        };
        /**
         * Whether the value before stands beside the new one, for those who have to accept both: under the same keys with -previous behind them (_PREVIOUS with format Env), for as long as it is alive. Absent means false.
         */
        readonly includePrevious?: boolean;
        /**
         * Labels of the Secret besides Keyturn's own. One that is taken out here is taken off there; those of others stay.
         */
        readonly labels?: Readonly<Record<string, string>>;
        /**
         * Annotations of the Secret besides Keyturn's own, in the same way.
         */
        readonly annotations?: Readonly<Record<string, string>>;
        /**
         * Key names inside, for the fields that the source's credentials have; an absent one is as its description says.
         */
        readonly keys?: {
          /**
           * Key that holds the access key id. Absent means accessKeyId.
           */
          readonly accessKeyId?: string;
          /**
           * Key that holds the secret access key. Absent means secretAccessKey.
           */
          readonly secretAccessKey?: string;
          /**
           * Key that holds the role id. Absent means roleId.
           */
          readonly roleId?: string;
          /**
           * Key that holds the secret id. Absent means secretId.
           */
          readonly secretId?: string;
          /**
           * Key that holds the user name. Absent means username.
           */
          readonly username?: string;
          /**
           * Key that holds the password. Absent means password.
           */
          readonly password?: string;
          /**
           * Key that holds the token. Absent means token.
           */
          readonly token?: string;
          /**
           * Key that holds the certificate and its intermediates (PEM). Absent means tls.crt.
           */
          readonly certificate?: string;
          /**
           * Key that holds the private key. Absent means tls.key, or ssh-privatekey for an SSH key.
           */
          readonly privateKey?: string;
          /**
           * Key that holds the public key. Absent means ssh-publickey.
           */
          readonly publicKey?: string;
          /**
           * Key that holds the certificate of the authority (PEM). Absent means ca.crt.
           */
          readonly caCertificate?: string;
        };
      };
      /**
       * A path in a Vault KV v2 store, below the connection's prefix and this namespace's name.
       */
      readonly vaultKV?: {
        /**
         * The ProviderConnection (kind vault).
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Path below `<mount>/<pathPrefix>/<namespace>/`; at most eight segments, without data/ or metadata/.
         */
        readonly path: string;
        /**
         * Key names inside, for the fields that the source's credentials have; an absent one is as its description says.
         */
        readonly keys?: {
          /**
           * Key that holds the access key id. Absent means accessKeyId.
           */
          readonly accessKeyId?: string;
          /**
           * Key that holds the secret access key. Absent means secretAccessKey.
           */
          readonly secretAccessKey?: string;
          /**
           * Key that holds the role id. Absent means roleId.
           */
          readonly roleId?: string;
          /**
           * Key that holds the secret id. Absent means secretId.
           */
          readonly secretId?: string;
          /**
           * Key that holds the user name. Absent means username.
           */
          readonly username?: string;
          /**
           * Key that holds the password. Absent means password.
           */
          readonly password?: string;
          /**
           * Key that holds the token. Absent means token.
           */
          readonly token?: string;
          /**
           * Key that holds the certificate and its intermediates (PEM). Absent means tls.crt.
           */
          readonly certificate?: string;
          /**
           * Key that holds the private key. Absent means tls.key, or ssh-privatekey for an SSH key.
           */
          readonly privateKey?: string;
          /**
           * Key that holds the public key. Absent means ssh-publickey.
           */
          readonly publicKey?: string;
          /**
           * Key that holds the certificate of the authority (PEM). Absent means ca.crt.
           */
          readonly caCertificate?: string;
        };
      };
      /**
       * A place that a hook writes to and says what stands there (docs/reference/hook.md).
       */
      readonly hook?: {
        /**
         * The ProviderConnection (kind hook).
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * What the hook knows the place by. It is told this namespace with it.
         */
        readonly place: string;
      };
    }>;
    /**
     * Who uses the credential and must be moved to each new version before the old one is retired. An empty list says that nothing depends on it.
     */
    readonly dependents: ReadonlyArray<{
      /**
       * Name of the dependent within this resource; part of the annotation `confirmed.keyturn.dev/<name>`.
       */
      readonly name: string;
      /**
       * A workload in this namespace. A CronJob takes up a new version with its next run; runs that have begun are waited for.
       */
      readonly workload?: {
        readonly kind: "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob";
        readonly name: string;
      };
      /**
       * How the workload takes up a new version. Absent means mode Rollout.
       */
      readonly restart?: {
        /**
         * Rollout: by a pod template annotation with the version. None: it reloads by itself; its health is still watched.
         */
        readonly mode: "Rollout" | "None";
      };
      /**
       * A user of the credential outside the cluster.
       */
      readonly external?: {
        /**
         * Annotation: somebody sets `confirmed.keyturn.dev/<name>` to status.current.version.
         */
        readonly confirm: "Annotation";
      };
      /**
       * Dependents move in ascending order; equal ones together. Absent means 0.
       */
      readonly order?: number;
      /**
       * How long the dependent may take to move before the rotation goes back. 1s to 720h; absent means 10m.
       */
      readonly timeout?: string;
    }>;
    /**
     * When the credential rotates by itself. Absent means only on request. Loss, leak, expiry and keyturn.dev/rotate-at do not wait for it.
     */
    readonly schedule?: {
      /**
       * Time between issuing one version and the next. 10m to 43800h. Required unless cron is there.
       */
      readonly every?: string;
      /**
       * Five fields: minute, hour, day of month, month, day of week. A time that the clock leaves out is the first one that there is; one that it repeats counts once.
       */
      readonly cron?: string;
      /**
       * Name of the cron's time zone in the IANA database, such as Europe/Berlin. Absent means UTC.
       */
      readonly timeZone?: string;
      /**
       * When a scheduled rotation may begin. With Allow windows only inside of one; never inside a Deny window.
       */
      readonly windows?: ReadonlyArray<{
        /**
         * Five fields: minute, hour, day of month, month, day of week. A time that the clock leaves out is the first one that there is; one that it repeats counts once.
         */
        readonly cron: string;
        /**
         * Name of the cron's time zone in the IANA database, such as Europe/Berlin. Absent means UTC.
         */
        readonly timeZone?: string;
        /**
         * How long the window stays open from each of the cron's times on. 1m to 168h.
         */
        readonly duration: string;
        /**
         * Allow: rotations begin inside such windows only. Deny: none begins inside. Absent means Allow.
         */
        readonly mode?: "Allow" | "Deny";
      }>;
      /**
       * Spreads resources with the same schedule, by their UID: up to so much earlier than every, or later than cron and the beginning of a window. 0s to 168h; absent means a twentieth of every, or 0s with cron.
       */
      readonly jitter?: string;
    };
    /**
     * How a new version is proven to work before anybody gets it.
     */
    readonly verify?: {
      /**
       * Login: real logins, and a wrong one that must be refused. None: for targets that the operator cannot reach. Absent means Login.
       */
      readonly mode?: "Login" | "None";
      /**
       * Logins that must succeed in a row. Absent means 3.
       */
      readonly successes?: number;
      /**
       * Time between the first and the last of them, at least. 0s to 1h; absent means 15s.
       */
      readonly soak?: string;
    };
    /**
     * How the version before goes. Each duration counts from the end of the step before it.
     */
    readonly retire?: {
      /**
       * Time in which both versions work after the last dependent has moved. 1s to 8760h; absent means 24h.
       */
      readonly overlap?: string;
      /**
       * Time from the end of the overlap to disabling. 0s to 8760h; absent means 0s.
       */
      readonly disableAfter?: string;
      /**
       * Time from disabling to deleting. 0s to 8760h; absent means 168h.
       */
      readonly deleteAfter?: string;
      /**
       * Disable only when the provider says that the version was not used for this long. 1s to 8760h; absent means that last use is not asked.
       */
      readonly requireUnusedFor?: string;
    };
    /**
     * What is done with a credential that the annotation keyturn.dev/leaked names. RotateFirst: a new one is in use before the leaked one dies. RevokeFirst: it dies at once, whatever stops working. Absent means RotateFirst.
     */
    readonly onLeak?: "RotateFirst" | "RevokeFirst";
    /**
     * How long the target may refuse a new spec before it counts as failed. 1s to 24h; absent means 10m.
     */
    readonly progressDeadline?: string;
    /**
     * What becomes of the credential when this resource is deleted.
     */
    readonly deletion?: {
      /**
       * Delete: disabled at once, deleted after holdFor. Disable: disabled, kept. Retain: untouched. Absent means Delete.
       */
      readonly policy?: "Delete" | "Disable" | "Retain";
      /**
       * Time from disabling to deleting, in which the deletion can be undone. 0s to 8760h; absent means 24h.
       */
      readonly holdFor?: string;
      /**
       * How long disabling is tried before onTimeout applies. 1s to 720h; absent means 1h.
       */
      readonly timeout?: string;
      /**
       * HandOver: the ledger goes on and the finalizer is released. Block: the finalizer stays. Absent means HandOver.
       */
      readonly onTimeout?: "HandOver" | "Block";
    };
    /**
     * What happens with a Secret and an access key that exist already. Absent means mode Never.
     */
    readonly adoption?: {
      /**
       * Never: such a Secret is a Conflict. IfAnnotated: a Secret that says so itself (annotation keyturn.dev/adopt: <namespace>/<name>) is taken over with the access key in it, and stays untouched until the first rotation.
       */
      readonly mode: "Never" | "IfAnnotated";
    };
    /**
     * What happens when a spec fails.
     */
    readonly rollback?: {
      /**
       * Effective: the last known good stays in force, the spec is left alone. RewriteSpec: spec is written back too, once, unless Git owns the object. None: only reported. Absent means Effective.
       */
      readonly mode?: "Effective" | "RewriteSpec" | "None";
    };
  };
  /**
   * What the operator remembers and observes; written by the operator alone. Holds no secret and nothing derived from one.
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
    /**
     * Names of the IdentityHolds that hold this resource; absent when there is none.
     */
    readonly holds?: ReadonlyArray<string>;
    /**
     * Counts every credential ever made for this target; only grows.
     */
    readonly sequence?: number;
    /**
     * A version that is, or was, in use.
     */
    readonly current?: {
      readonly version: string;
      /**
       * The provider's public id of the credential.
       */
      readonly id: string;
      readonly issuedAt: string;
      /**
       * When it ends by itself, by the provider's word.
       */
      readonly expiresAt?: string;
      readonly verifiedAt?: string;
      readonly publishedAt?: string;
      readonly resuming?: boolean;
      /**
       * It was said to have leaked: it is replaced at once, and never published again.
       */
      readonly leaked?: boolean;
      /**
       * It existed before and is not Keyturn's until the first rotation has replaced it.
       */
      readonly adopted?: boolean;
    };
    /**
     * Whose credentials these are, as it was found out last; needed when the identity is gone.
     */
    readonly target?: {
      /**
       * The ProviderConnection.
       */
      readonly connection: string;
      readonly userName?: string;
      /**
       * The target as it is claimed.
       */
      readonly claim: string;
    };
    /**
     * UID of the ServiceAccountLifecycle as it was seen last.
     */
    readonly identityUid?: string;
    /**
     * Its identity is not Active, or was not and the current credential has not logged in since.
     */
    readonly suspension?: {
      readonly reason: "IdentitySuspended" | "IdentityDecommissioned";
      readonly since: string;
      /**
       * Since when the identity is Active again.
       */
      readonly resumedAt?: string;
      /**
       * The current credential does not log in any more; a new one is issued.
       */
      readonly refused?: boolean;
    };
    /**
     * Deliveries that were there before the adopted credential in use was taken over.
     */
    readonly adoptedPlaces?: ReadonlyArray<string>;
    /**
     * The failed generation that rollback.mode RewriteSpec was about last.
     */
    readonly rewrittenGeneration?: number;
    /**
     * The open rotation and its write-ahead intent.
     */
    readonly rotation?: {
      readonly id: string;
      readonly version: string;
      readonly trigger: "FirstIssue" | "Scheduled" | "Requested" | "Lost" | "Resumed" | "Leaked";
      readonly openedAt: string;
      readonly providerTime: string;
      readonly knownIds: ReadonlyArray<string>;
      readonly issuer: string;
      /**
       * The spec that it works for.
       */
      readonly specHash?: string;
      readonly attempt: number;
      readonly direction: "Forward" | "Back";
      readonly because?: string;
      readonly credential?: {
        readonly id: string;
        readonly issuedAt: string;
        readonly expiresAt?: string;
      };
      readonly previousKept?: "Kept" | "Unavailable";
      readonly verification?: {
        readonly successes: number;
        readonly firstSuccessAt?: string;
        readonly refusals: number;
        readonly lastTryAt?: string;
        readonly firstRefusalAt?: string;
        readonly wrongRefused: boolean;
        readonly verifiedAt?: string;
      };
      readonly publishedAt?: string;
      /**
       * A version that is, or was, in use.
       */
      readonly previous?: {
        readonly version: string;
        /**
         * The provider's public id of the credential.
         */
        readonly id: string;
        readonly issuedAt: string;
        /**
         * When it ends by itself, by the provider's word.
         */
        readonly expiresAt?: string;
        readonly verifiedAt?: string;
        readonly publishedAt?: string;
        readonly resuming?: boolean;
        /**
         * It was said to have leaked: it is replaced at once, and never published again.
         */
        readonly leaked?: boolean;
        /**
         * It existed before and is not Keyturn's until the first rotation has replaced it.
         */
        readonly adopted?: boolean;
      };
      readonly dependents?: ReadonlyArray<{
        readonly name: string;
        readonly startedAt?: string;
        /**
         * Since when people hold its roll-out. Its time-out stands still meanwhile.
         */
        readonly heldAt?: string;
        readonly doneAt?: string;
        readonly graceSeconds?: number;
      }>;
    };
    /**
     * Logins that were, or may have been, refused lately, where the target locks out who is refused too often. At most two in 15 minutes.
     */
    readonly refusedLogins?: ReadonlyArray<{
      readonly id: string;
      readonly at: string;
      /**
       * The process that may try.
       */
      readonly by: string;
      /**
       * The version that it is about.
       */
      readonly about: string;
      readonly spent?: boolean;
    }>;
    /**
     * The last closed intents, newest first.
     */
    readonly closedIntents?: ReadonlyArray<{
      readonly id: string;
      readonly version: string;
      readonly openedAt: string;
      readonly closedAt: string;
      readonly providerTime: string;
      readonly knownIds: ReadonlyArray<string>;
      readonly result: "Succeeded" | "RolledBack" | "Abandoned";
    }>;
    /**
     * Credentials of ours that must go. With 8 of them nothing more is issued; what an end adds still finds room.
     */
    readonly pendingRevocations?: ReadonlyArray<{
      readonly version: string;
      readonly id: string;
      readonly why: "Superseded" | "Rejected" | "Stray";
      /**
       * No overlap and no soak for this one.
       */
      readonly leaked?: boolean;
      /**
       * From then on it is dead by itself.
       */
      readonly expiresAt?: string;
      readonly since: string;
      readonly graceSeconds: number;
      readonly overlapSeconds: number;
      readonly disabledAt?: string;
      readonly deletedAt?: string;
    }>;
    /**
     * What is delivered now.
     */
    readonly deliveries?: ReadonlyArray<{
      readonly name: string;
      readonly version: string;
      readonly target: string;
      readonly place: {
        readonly kubernetesSecret?: {
          readonly name: string;
          readonly type?: "Opaque" | "TLS" | "BasicAuth" | "SSHAuth" | "DockerConfig";
          readonly keys?: Readonly<Record<string, string>>;
        };
        readonly vaultKV?: {
          readonly connectionRef: {
            readonly name: string;
          };
          readonly path: string;
          readonly keys?: Readonly<Record<string, string>>;
        };
        readonly hook?: {
          readonly connectionRef: {
            readonly name: string;
          };
          readonly place: string;
        };
      };
      readonly digest: string;
    }>;
    /**
     * The last spec that was wholly applied and verified.
     */
    readonly lastKnownGood?: {
      readonly generation: number;
      readonly specHash: string;
      /**
       * The whole spec as JSON text.
       */
      readonly spec: string;
    };
    /**
     * The spec that has failed and is not tried again until it changes or a retry is asked for.
     */
    readonly quarantine?: {
      readonly specHash: string;
      readonly connectionGeneration: number;
      readonly generation: number;
      readonly reason: string;
      readonly message: string;
    };
    /**
     * Back-off that survives a restart.
     */
    readonly failures?: {
      readonly count: number;
      readonly reason: string;
      readonly message: string;
      /**
       * Id of the credential that it is about; another one is not held up.
       */
      readonly about?: string;
      readonly since: string;
      readonly nextAttemptTime: string;
    };
    /**
     * Back-off that survives a restart.
     */
    readonly revocationFailures?: {
      readonly count: number;
      readonly reason: string;
      readonly message: string;
      /**
       * Id of the credential that it is about; another one is not held up.
       */
      readonly about?: string;
      readonly since: string;
      readonly nextAttemptTime: string;
    };
    readonly lastRotationTime?: string;
    /**
     * Why then: spec.schedule, the opening of a window, the end of the credential, or keyturn.dev/rotate-at.
     */
    readonly nextRotationReason?: "Every" | "Cron" | "Window" | "Expiry" | "Requested";
    readonly nextRotationTime?: string;
    /**
     * Value of the annotation keyturn.dev/rotate-at that was acted on.
     */
    readonly lastHandledRotateAt?: string;
    readonly lastHandledLeak?: string;
    /**
     * When lost or leaked credentials were replaced last, newest first; a fourth in a day waits.
     */
    readonly replacedAt?: ReadonlyArray<string>;
    /**
     * Value of the annotation keyturn.dev/retry that was acted on.
     */
    readonly lastHandledRetry?: string;
    /**
     * Ended versions, newest first; for people.
     */
    readonly history?: ReadonlyArray<{
      readonly version: string;
      readonly id: string;
      readonly issuedAt?: string;
      readonly endedAt: string;
      readonly end: "Revoked" | "RolledBack" | "Abandoned" | "Stray";
      readonly proof?: "ProvenByLogin" | "ProvenByListing" | "ProvenByAuthority" | "Expired";
    }>;
    /**
     * One line that says what is going on now.
     */
    readonly activity?: string;
    /**
     * UIDs of resources of the same name that this one took over from.
     */
    readonly predecessors?: ReadonlyArray<string>;
  };
}

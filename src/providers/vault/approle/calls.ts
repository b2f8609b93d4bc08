import { OperatorError } from "../../../kernel/errors.ts";
import { dataIn, record, textIn } from "../answers.ts";
import { isPlainPath } from "../config.ts";
import { rolePath, type LoginRolePlace, type RawClient } from "../identity/calls.ts";

/** A secret id as it is made: the one time that Vault shows its value. */
export interface MadeSecretId {
  readonly accessor: string;
  readonly secretId: string;
  /** 0 where it does not end by itself. */
  readonly ttlSeconds: number;
}

/** Making and trying secret ids of an AppRole; IdentityCalls lists, looks up and destroys them. */
export interface AppRoleCalls {
  make(place: LoginRolePlace, metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<MadeSecretId>;
  /** One login; its token is given back at once. False: refused. Never throws for a refusal, so that nobody repeats it. */
  logIn(
    mount: string,
    login: { readonly roleId: string; readonly secretId: string },
    signal: AbortSignal,
  ): Promise<boolean>;
}

/** `clientFor`: under the operator's token; `clientWith`: under another one, or none. */
export const appRoleCalls = (
  clientFor: (operation: string, signal: AbortSignal) => RawClient,
  clientWith: (operation: string, token: string | undefined, signal: AbortSignal) => RawClient,
): AppRoleCalls => ({
  async make(place, metadata, signal) {
    const operation = "making of a secret id";
    const path = `${rolePath(place)}/secret-id`;
    const data = dataIn(
      await clientFor(operation, signal).write(path, { metadata: JSON.stringify(metadata) }),
      operation,
    );
    const ttl = data["secret_id_ttl"];
    return {
      accessor: textIn(data, "secret_id_accessor", operation),
      secretId: textIn(data, "secret_id", operation),
      ttlSeconds: typeof ttl === "number" && ttl > 0 ? ttl : 0,
    };
  },
  async logIn(mount, { roleId, secretId }, signal) {
    if (!isPlainPath(mount)) throw badName();
    const body = { role_id: roleId, secret_id: secretId };
    const answer = await clientWith("login with a secret id", undefined, signal)
      .write(`auth/${mount}/login`, body)
      .catch((thrown: unknown) => {
        if (isRefused(thrown)) return undefined;
        throw thrown;
      });
    if (answer === undefined) return false;
    const token = record(record(answer)["auth"])["client_token"];
    if (typeof token === "string" && token !== "") {
      const given = clientWith("token revocation", token, signal).write("auth/token/revoke-self", {});
      await given.catch(() => undefined);
    }
    return true;
  },
});

/** 400: wrong role id or secret id; 403: locked out, or from an address that it is not for. */
const isRefused = (thrown: unknown): boolean =>
  thrown instanceof OperatorError && (thrown.status === 400 || thrown.status === 401 || thrown.status === 403);

const badName = (): OperatorError =>
  new OperatorError("InvalidSpec", {
    publicMessage: "The name of an AppRole or of its mount is not of plain segments.",
  });

import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { awsError } from "./errors.ts";

const sdkError = (name: string, status: number, more: object = {}) =>
  Object.assign(new Error("the server's own words with AKIASECRET"), {
    name,
    $metadata: { httpStatusCode: status },
    ...more,
  });

describe("awsError", () => {
  const rows: readonly [string, unknown, string, boolean][] = [
    ["NoSuchEntityException 404", sdkError("NoSuchEntityException", 404), "NotFound", false],
    ["LimitExceededException 409", sdkError("LimitExceededException", 409), "QuotaExceeded", false],
    ["Throttling 400", sdkError("Throttling", 400), "Throttled", false],
    ["ThrottlingException 400", sdkError("ThrottlingException", 400), "Throttled", false],
    ["TooManyRequestsException 429", sdkError("TooManyRequestsException", 429), "Throttled", false],
    ["RequestLimitExceeded 503 without a table", sdkError("RequestLimitExceeded", 503), "Unavailable", true],
    ["any 429", sdkError("Whatever", 429), "Throttled", false],
    ["AccessDenied 403", sdkError("AccessDenied", 403), "PermissionDenied", false],
    ["AccessDeniedException 403", sdkError("AccessDeniedException", 403), "PermissionDenied", false],
    ["InvalidClientTokenId 403", sdkError("InvalidClientTokenId", 403), "Unauthenticated", false],
    ["SignatureDoesNotMatch 403", sdkError("SignatureDoesNotMatch", 403), "Unauthenticated", false],
    ["ExpiredTokenException 403", sdkError("ExpiredTokenException", 403), "Unauthenticated", false],
    ["a code in the member Code", sdkError("Error", 404, { Code: "NoSuchEntity" }), "NotFound", false],
    ["ConcurrentModificationException 409", sdkError("ConcurrentModificationException", 409), "Unavailable", true],
    ["DeleteConflictException 409", sdkError("DeleteConflictException", 409), "InUse", false],
    ["MalformedPolicyDocumentException 400", sdkError("MalformedPolicyDocumentException", 400), "InvalidSpec", false],
    ["PolicyNotAttachableException 400", sdkError("PolicyNotAttachableException", 400), "InvalidSpec", false],
    ["InternalFailure 500", sdkError("InternalFailure", 500), "Unavailable", true],
    ["a redirect", sdkError("Unknown", 302), "Unavailable", true],
    ["a time-out", Object.assign(new Error(), { name: "TimeoutError" }), "Timeout", true],
    ["ETIMEDOUT", Object.assign(new Error(), { code: "ETIMEDOUT" }), "Timeout", true],
    ["an abort", Object.assign(new Error(), { name: "AbortError" }), "Aborted", true],
    ["a cut connection", Object.assign(new Error(), { code: "ECONNRESET" }), "Unavailable", true],
    ["a refused connection", Object.assign(new Error(), { code: "ECONNREFUSED" }), "Unavailable", false],
    ["a parser's error", new SyntaxError("x"), "Unavailable", true],
    ["no credentials", Object.assign(new Error(), { name: "CredentialsProviderError" }), "Unauthenticated", false],
    ["an unknown 400", sdkError("SomethingNew", 400), "Unknown", false],
    ["nothing at all", undefined, "Unavailable", true],
  ];
  for (const [what, thrown, code, ambiguous] of rows) {
    it(`makes ${code}${ambiguous ? ", ambiguous," : ""} of ${what}`, () => {
      const error = awsError(thrown, "CreateAccessKey");
      assert.equal(error.code, code);
      assert.equal(error.ambiguous, ambiguous);
      assert.match(error.publicMessage, /^AWS CreateAccessKey /);
      assert.equal(JSON.stringify([error.publicMessage, error.message, error.stack]).includes("AKIASECRET"), false);
    });
  }

  it("takes a garbled answer for Unavailable whatever its status says", () => {
    for (const status of [200, 302, 404]) {
      assert.equal(awsError(undefined, "GetUser", { status, garbage: true }).code, "Unavailable");
    }
  });

  it("reads Retry-After in seconds and as a date, and drops rubbish", () => {
    const wait = (retryAfter: string) =>
      awsError(sdkError("Throttling", 429), "GetUser", {
        status: 429,
        retryAfter,
        date: "Thu, 01 Jan 2026 00:00:00 GMT",
      }).retryAfterMs;
    assert.equal(wait("7"), 7000);
    assert.equal(wait("Thu, 01 Jan 2026 00:00:30 GMT"), 30_000);
    assert.equal(wait("soon"), undefined);
    assert.equal(wait("99999999"), 3_600_000);
  });

  const conflicts: readonly (readonly [said: string, inTheWay: string | undefined])[] = [
    ["Cannot delete entity, must delete login profile first.", "a console password"],
    ["Cannot delete entity, must delete MFA device first.", "an MFA device"],
    ["Cannot delete entity, must delete access keys first.", "an access key"],
    ["Cannot delete entity, must delete SSH public keys first.", "an SSH public key"],
    ["Cannot delete entity, must delete service specific credentials first.", "a service-specific credential"],
    ["Cannot delete entity, must delete signing certificates first.", "a signing certificate"],
    ["Cannot delete entity, must remove roles from instance profile first.", "an instance profile"],
    ["Cannot delete entity, must remove users from group first.", "a group"],
    ["Cannot delete entity, must detach all policies first.", "a policy"],
    [
      "Cannot delete entity, must remove referenced objects first.",
      "an SSH public key or a service-specific credential",
    ],
    ["AKIASECRET", undefined],
  ];
  for (const [said, inTheWay] of conflicts) {
    it(`says in its own words what is in the way: ${inTheWay ?? "nothing that is known"}`, () => {
      const thrown = Object.assign(new Error(said), {
        name: "DeleteConflictException",
        $metadata: { httpStatusCode: 409 },
      });
      const error = awsError(thrown, "DeleteUser");
      assert.equal(error.code, "InUse");
      const words = inTheWay === undefined ? "" : ` (${inTheWay})`;
      assert.equal(error.publicMessage, `AWS DeleteUser was refused: DeleteConflict${words}.`);
    });
  }

  it("lets an OperatorError through", () => {
    const error = new OperatorError("Conflict", { publicMessage: "x" });
    assert.equal(awsError(error, "GetUser"), error);
  });
});

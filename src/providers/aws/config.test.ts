import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { awsConfig, pathOfNamespace } from "./config.ts";

const good = { region: "eu-central-1", login: { defaultChain: {} } };
const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

describe("awsConfig", () => {
  it("fills in the default path prefix and leaves the rest out", () => {
    const config = awsConfig(good);
    assert.equal(config.pathPrefix, "/keyturn/");
    assert.deepEqual(config.login, { kind: "defaultChain" });
    assert.deepEqual(
      [config.accountId, config.endpoint, config.caBundle, config.assumeRole, config.issuer, config.denyPolicyArn],
      [undefined, undefined, undefined, undefined, undefined, undefined],
    );
    assert.equal(pathOfNamespace(config, "payments"), "/keyturn/payments/");
  });

  it("reads everything that may be given", () => {
    const config = awsConfig({
      ...good,
      accountId: "123456789012",
      pathPrefix: "/nhi/prod/",
      endpoint: "https://127.0.0.1:5501",
      caBundle: PEM,
      login: { secretRef: { name: "aws-login" } },
      webIdentity: { issuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC" },
      assumeRole: { roleArn: "arn:aws:iam::123456789012:role/keyturn", externalId: "abc-123" },
    });
    assert.equal(config.endpoint?.href, "https://127.0.0.1:5501/");
    assert.deepEqual(config.login, { kind: "secret", name: "aws-login" });
    assert.equal(config.assumeRole?.externalId, "abc-123");
    assert.equal(config.issuer, "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC");
  });

  for (const denyPolicyArn of [
    "arn:aws:iam::aws:policy/AWSDenyAll",
    "arn:aws-us-gov:iam::aws:policy/AWSDenyAll",
    "arn:aws:iam::123456789012:policy/security/deny",
  ]) {
    it(`takes ${denyPolicyArn} to cut by`, () => {
      assert.equal(awsConfig({ ...good, denyPolicyArn }).denyPolicyArn, denyPolicyArn);
    });
  }

  const bad: readonly [string, unknown, string][] = [
    ["no object", "text", "spec.aws"],
    ["no region", { login: { defaultChain: {} } }, "spec.aws.region"],
    ["a region that is a URL", { ...good, region: "https://x" }, "spec.aws.region"],
    ["an account id of letters", { ...good, accountId: "abc" }, "spec.aws.accountId"],
    ["a prefix without a slash at its end", { ...good, pathPrefix: "/keyturn" }, "spec.aws.pathPrefix"],
    ["a prefix that climbs", { ...good, pathPrefix: "/keyturn/../" }, "spec.aws.pathPrefix"],
    ["an http endpoint", { ...good, endpoint: "http://x" }, "spec.aws.endpoint"],
    ["user information in the endpoint", { ...good, endpoint: "https://u:p@x" }, "spec.aws.endpoint"],
    ["a query in the endpoint", { ...good, endpoint: "https://x/?a=b" }, "spec.aws.endpoint"],
    ["an endpoint with a path", { ...good, endpoint: "https://x/y" }, "spec.aws.endpoint"],
    ["port 0", { ...good, endpoint: "https://x:0" }, "spec.aws.endpoint"],
    ["the metadata address", { ...good, endpoint: "https://169.254.169.254" }, "spec.aws.endpoint"],
    ["the metadata address in decimal", { ...good, endpoint: "https://2852039166" }, "spec.aws.endpoint"],
    [
      "the metadata address mapped to IPv6",
      { ...good, endpoint: "https://[::ffff:169.254.169.254]" },
      "spec.aws.endpoint",
    ],
    ["a CA that is no PEM", { ...good, caBundle: "x" }, "spec.aws.caBundle"],
    ["a CA of a megabyte", { ...good, caBundle: PEM.replace("MIIB", "A".repeat(1_000_000)) }, "spec.aws.caBundle"],
    ["an issuer over http", { ...good, webIdentity: { issuer: "http://x" } }, "spec.aws.webIdentity.issuer"],
    ["no issuer", { ...good, webIdentity: {} }, "spec.aws.webIdentity.issuer"],
    ["a wildcard in the issuer", { ...good, webIdentity: { issuer: "https://*" } }, "spec.aws.webIdentity.issuer"],
    ["no login", { region: "eu-central-1" }, "spec.aws.login"],
    ["an empty login", { ...good, login: {} }, "spec.aws.login"],
    ["two logins", { ...good, login: { defaultChain: {}, secretRef: { name: "x" } } }, "spec.aws.login"],
    [
      "a Secret in another namespace",
      { ...good, login: { secretRef: { name: "other/x" } } },
      "spec.aws.login.secretRef.name",
    ],
    [
      "a role of another service",
      { ...good, assumeRole: { roleArn: "arn:aws:s3:::x" } },
      "spec.aws.assumeRole.roleArn",
    ],
    [
      "a policy of AWS's own that denies nothing",
      { ...good, denyPolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" },
      "spec.aws.denyPolicyArn",
    ],
    ["a role to cut by", { ...good, denyPolicyArn: "arn:aws:iam::123456789012:role/deny" }, "spec.aws.denyPolicyArn"],
    [
      "an external id of one letter",
      { ...good, assumeRole: { roleArn: "arn:aws:iam::123456789012:role/x", externalId: "x" } },
      "spec.aws.assumeRole.externalId",
    ],
  ];
  for (const [what, spec, field] of bad) {
    it(`refuses ${what}, naming ${field}`, () => {
      assert.throws(
        () => awsConfig(spec),
        (error) =>
          error instanceof OperatorError && error.code === "InvalidSpec" && error.publicMessage.startsWith(`${field} `),
      );
    });
  }

  it("refuses a namespace that would climb out of the prefix", () => {
    for (const namespace of ["..", "a/b", "", "A"]) {
      assert.throws(() => pathOfNamespace(awsConfig(good), namespace), OperatorError);
    }
  });
});

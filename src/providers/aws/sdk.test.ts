import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { OperatorError } from "../../kernel/errors.ts";
import { openAws, type AwsCalls } from "./sdk.ts";

const xml = (action: string, inner = "") =>
  `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${inner}</${action}Result></${action}Response>`;
const refusal = (code: string) =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>secret words</Message></Error></ErrorResponse>`;

describe("the AWS SDK's door, against a server that speaks the protocol badly", () => {
  const signal = new AbortController().signal;
  let server: Server;
  let calls: AwsCalls;
  let requests: string[];
  let answer: (action: string, response: ServerResponse, request: IncomingMessage) => void;

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const action = new URLSearchParams(body).get("Action") ?? "";
        requests.push(action);
        response.setHeader("date", "Thu, 01 Jan 2026 00:00:00 GMT");
        answer(action, response, request);
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    calls = openAws({
      region: "eu-central-1",
      endpoint: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      keys: () => Promise.resolve({ accessKeyId: "AKIAOP", secretAccessKey: "op" }),
    });
  });
  afterEach(async () => {
    calls.dispose();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const send = (status: number, body: string) => {
    answer = (_action, response) => response.writeHead(status).end(body);
  };
  const rejects = async (promise: Promise<unknown>, code: string, ambiguous: boolean) => {
    await assert.rejects(promise, (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.deepEqual([error.code, error.ambiguous], [code, ambiguous], error.publicMessage);
      assert.equal(`${error.stack ?? ""}${error.publicMessage}`.includes("secret words"), false);
      return true;
    });
  };

  it("lists keys with paging and gives the Date header as time", async () => {
    const key = (id: string, status: string) =>
      `<member><UserName>u</UserName><AccessKeyId>${id}</AccessKeyId><Status>${status}</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>`;
    answer = (action, response) =>
      response.end(
        xml(
          action,
          requests.length === 1
            ? `<AccessKeyMetadata>${key("AKIA1", "Active")}</AccessKeyMetadata><IsTruncated>true</IsTruncated><Marker>m</Marker>`
            : `<AccessKeyMetadata>${key("AKIA2", "Inactive")}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
        ),
      );
    const { keys, time } = await calls.listAccessKeys("u", signal);
    assert.deepEqual(
      keys.map(({ id, enabled }) => [id, enabled]),
      [
        ["AKIA1", true],
        ["AKIA2", false],
      ],
    );
    assert.equal(time?.toISOString(), "2026-01-01T00:00:00.000Z");
  });

  it("takes no list that goes on without a marker for the whole of it", async () => {
    const odd = (error: unknown) =>
      error instanceof OperatorError && /lacks what was asked for/.test(error.publicMessage);
    for (const marker of ["", "<Marker></Marker>"]) {
      answer = (action, response) =>
        response.end(
          xml(action, `<Tags></Tags><AccessKeyMetadata></AccessKeyMetadata><IsTruncated>true</IsTruncated>${marker}`),
        );
      await assert.rejects(calls.listAccessKeys("u", signal), odd);
      await assert.rejects(calls.listUserTags("u", signal), odd);
    }
  });

  it("creates a key from a whole answer", async () => {
    send(
      200,
      xml(
        "CreateAccessKey",
        "<AccessKey><UserName>u</UserName><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey></AccessKey>",
      ),
    );
    const made = await calls.createAccessKey("u", signal);
    assert.deepEqual([made.id, made.secret, made.userName], ["A", "S", "u"]);
  });

  it("sends CreateAccessKey once, whatever comes back", async () => {
    for (const status of [500, 503, 429]) {
      requests = [];
      send(status, refusal(status === 429 ? "Throttling" : "InternalFailure"));
      await rejects(calls.createAccessKey("u", signal), status === 429 ? "Throttled" : "Unavailable", status !== 429);
      assert.equal(requests.length, 1);
    }
  });

  it("sends a mutation once when the connection is cut", async () => {
    answer = (_action, response) => response.destroy();
    await rejects(calls.createAccessKey("u", signal), "Unavailable", true);
    assert.equal(requests.length, 1);
  });

  it("does not take an empty or foreign 200 for a done deletion", async () => {
    for (const body of ["", "<html>ok</html>", "{}", xml("GetUser")]) {
      send(200, body);
      await rejects(calls.deleteAccessKey("u", "AKIA1", signal), "Unavailable", true);
    }
    send(200, "<DeleteAccessKeyResponse><ResponseMetadata/></DeleteAccessKeyResponse>");
    await calls.deleteAccessKey("u", "AKIA1", signal);
  });

  it("does not take a stray 404 page for a missing user", async () => {
    send(404, "<html>not here</html>");
    await rejects(calls.getUser("u", signal), "Unavailable", true);
    send(404, refusal("NoSuchEntity"));
    assert.equal(await calls.getUser("u", signal), undefined);
  });

  it("follows no redirect", async () => {
    answer = (_action, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
    await rejects(calls.deleteAccessKey("u", "AKIA1", signal), "Unavailable", true);
    assert.equal(requests.length, 1);
  });

  it("bounds what it reads", async () => {
    answer = (_action, response) => {
      const chunk = "x".repeat(65_536);
      const more = (): void => {
        if (!response.destroyed && response.write(chunk)) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    };
    await rejects(calls.deleteAccessKey("u", "AKIA1", signal), "Unavailable", true);
  });

  it("stops reading a slow answer when the pass is aborted", async () => {
    const controller = new AbortController();
    answer = (_action, response) => {
      response.write("<");
      setTimeout(() => controller.abort(), 20);
    };
    await rejects(calls.deleteAccessKey("u", "AKIA1", controller.signal), "Aborted", true);
  });

  it("maps refusals by AWS's code", async () => {
    send(409, refusal("LimitExceeded"));
    await rejects(calls.createAccessKey("u", signal), "QuotaExceeded", false);
    send(403, refusal("AccessDenied"));
    await rejects(calls.createAccessKey("u", signal), "PermissionDenied", false);
  });

  it("takes only refusals of the key itself for a refused login, with the server's time", async () => {
    const keys = { accessKeyId: "AKIANEW", secretAccessKey: "new" };
    for (const code of ["InvalidClientTokenId", "SignatureDoesNotMatch"]) {
      send(403, refusal(code));
      const answered = await calls.callerIdentity(keys, signal);
      assert.deepEqual(answered, { kind: "refused", code, time: new Date("2026-01-01T00:00:00Z") });
    }
    send(403, refusal("AccessDenied"));
    await rejects(calls.callerIdentity(keys, signal), "PermissionDenied", false);
    send(403, "<html>firewall</html>");
    await rejects(calls.callerIdentity(keys, signal), "Unavailable", true);
    send(403, refusal("InvalidClientTokenId"));
    await rejects(calls.callerIdentity("own", signal), "Unauthenticated", false);
  });

  it("signs a login with the keys that are tried", async () => {
    let signedBy = "";
    answer = (action, response, request) => {
      signedBy = request.headers.authorization ?? "";
      response.end(xml(action, "<Account>1</Account><Arn>arn</Arn><UserId>x</UserId>"));
    };
    await calls.callerIdentity({ accessKeyId: "AKIANEW", secretAccessKey: "new" }, signal);
    assert.match(signedBy, /Credential=AKIANEW\//);
  });
});

import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { keepCertificate, type KeptCertificateOptions } from "./kept-certificate.ts";
import { ownCertificate, type KeyAndCertificate } from "./own-certificate.ts";

const DAY_MS = 86_400_000;
const NOW = "2026-06-01T12:00:00Z";

describe("a certificate of the operator's own", () => {
  it("is a good one: signed by its key, for its name, for thirty days", async () => {
    const { key, cert } = await ownCertificate("keyturn-0.keyturn.keyturn-system.svc", new Date(NOW));
    const read = new X509Certificate(cert);
    assert.equal(read.checkHost("keyturn-0.keyturn.keyturn-system.svc"), "keyturn-0.keyturn.keyturn-system.svc");
    assert.ok(read.verify(read.publicKey));
    assert.ok(read.checkPrivateKey(createPrivateKey(key)));
    assert.deepEqual(
      [read.validFromDate, read.validToDate].map((date) => date.toISOString()),
      ["2026-06-01T11:00:00.000Z", "2026-07-01T12:00:00.000Z"],
    );
    createSecureContext({ key, cert });
  });

  it("has another key and number each time, which is positive", async () => {
    const all = await Promise.all([1, 2, 3].map(() => ownCertificate("a", new Date(NOW))));
    assert.equal(new Set(all.map(({ key }) => key)).size, 3);
    const numbers = all.map(({ cert }) => new X509Certificate(cert).serialNumber);
    assert.equal(new Set(numbers).size, 3);
    for (const number of numbers) assert.match(number, /^[4-7][0-9A-F]{31}$/);
  });
});

const kept = async (more: Partial<KeptCertificateOptions> = {}) => {
  const clock = new FakeClock(NOW);
  const used: KeyAndCertificate[] = [];
  const options = { clock, log: silentLogger, name: "a", use: (one: KeyAndCertificate) => used.push(one), ...more };
  const end = await keepCertificate(options);
  /** Keys are made outside of the fake clock. */
  const until = async (count: number): Promise<void> => {
    for (let i = 0; i < 200 && used.length < count; i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { clock, used, end, until };
};

describe("the certificate in use", () => {
  it("is replaced ten days before it ends, and when the clock is put back before its time", async () => {
    const { clock, used, end, until } = await kept();
    assert.equal(used.length, 1);
    await clock.advance(20 * DAY_MS);
    assert.equal(used.length, 1);
    await clock.advance(60_000);
    await until(2);
    assert.equal(used.length, 2);
    const { validToDate } = new X509Certificate(used[1]!.cert);
    assert.ok(validToDate.getTime() > clock.now().getTime() + 29 * DAY_MS);
    clock.leap(-90 * DAY_MS);
    await clock.advance(60_000);
    await until(3);
    assert.equal(used.length, 3);
    end();
    await clock.advance(60 * DAY_MS);
    assert.equal(used.length, 3);
  });

  it("is that of the Secret, and the new one within a minute", async () => {
    const secret = { value: await ownCertificate("first", new Date(NOW)) };
    const { clock, used, end } = await kept({ fromSecret: () => Promise.resolve(secret.value) });
    await clock.advance(5 * 60_000);
    assert.deepEqual(used, [secret.value]);
    const first = secret.value;
    secret.value = await ownCertificate("second", new Date(NOW));
    await clock.advance(60_000);
    assert.deepEqual(used, [first, secret.value]);
    end();
  });

  it("is one of its own until the Secret can be read, and stays the Secret's when that cannot be read any more", async () => {
    const fromSecret = await ownCertificate("of the Secret", new Date(NOW));
    let isThere = false;
    const read = async (): Promise<KeyAndCertificate> => {
      if (!isThere) throw new Error("gone");
      return fromSecret;
    };
    const { clock, used, end } = await kept({ fromSecret: read });
    assert.equal(new X509Certificate(used[0]!.cert).subject, "CN=a");
    isThere = true;
    await clock.advance(60_000);
    assert.equal(used[1], fromSecret);
    isThere = false;
    await clock.advance(40 * DAY_MS);
    assert.equal(used.length, 2);
    end();
  });

  it("is tried again when it cannot be used", async () => {
    let tries = 0;
    const { clock, used, end, until } = await kept({
      use: () => {
        tries += 1;
        if (tries === 1) throw new Error("they do not fit");
      },
    });
    await clock.advance(60_000);
    await until(1);
    assert.deepEqual([tries, used.length], [2, 0]);
    end();
  });
});

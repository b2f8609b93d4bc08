import type { Cancel, Clock } from "../kernel/clock.ts";
import { toOperatorError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { ownCertificate, type KeyAndCertificate, type OwnCertificate } from "./own-certificate.ts";

export interface KeptCertificateOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The name in a certificate of the operator's own. */
  readonly name: string;
  /** Reads the Secret that is to be used instead; throws where it cannot be read or holds none. */
  readonly fromSecret?: (() => Promise<KeyAndCertificate>) | undefined;
  /** Serves it to the handshakes that come; throws where key and certificate do not fit. */
  readonly use: (certificate: KeyAndCertificate) => void;
}

/** A certificate of the operator's own is replaced when so much of its life is left. */
const LEFT_MS = 10 * 86_400_000;
const AGAIN_MS = 60_000;
const SECRET_MS = 60_000;

/**
 * Keeps a certificate in use: that of the Secret, looked at every minute, or one of the operator's own, replaced before it ends. Until
 * the Secret can be read the own one is used. Resolves when there is one; ends with the returned function.
 */
export const keepCertificate = async (options: KeptCertificateOptions): Promise<Cancel> => {
  const { clock, log, fromSecret, use } = options;
  let isOver = false;
  let next: Cancel = () => undefined;
  let own: OwnCertificate | undefined;
  let used: KeyAndCertificate | undefined;

  const serve = (certificate: KeyAndCertificate): void => {
    if (used?.cert === certificate.cert && used.key === certificate.key) return;
    use(certificate);
    used = certificate;
  };
  const serveOwn = async (): Promise<void> => {
    const now = clock.now();
    if (own === undefined || isDue(own, now)) own = await ownCertificate(options.name, now);
    serve(own);
  };
  /** Milliseconds until the next look. */
  const look = async (): Promise<number> => {
    if (fromSecret !== undefined) {
      try {
        serve(await fromSecret());
        return SECRET_MS;
      } catch (thrown) {
        log.error("The Secret for the metrics' certificate cannot be used; the last one is served.", {
          error: toOperatorError(thrown),
        });
        // One of the Secret's stays in use, for readers know no other.
        if (used === undefined || used === own) await serveOwn();
        return AGAIN_MS;
      }
    }
    await serveOwn();
    return AGAIN_MS;
  };
  const round = async (): Promise<void> => {
    const waitMs = await look().catch((thrown: unknown) => {
      log.error("A certificate for the metrics could not be made.", { error: toOperatorError(thrown) });
      return AGAIN_MS;
    });
    if (!isOver) next = clock.schedule(waitMs, () => void round());
  };
  await round();
  return () => {
    isOver = true;
    next();
  };
};

/** Also of one whose life has not begun: the wall clock was put back. */
const isDue = ({ notBefore, notAfter }: OwnCertificate, now: Date): boolean =>
  now < notBefore || now.getTime() > notAfter.getTime() - LEFT_MS;

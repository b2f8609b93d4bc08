import type { Would } from "../domain/would.ts";
import { OperatorError } from "../kernel/errors.ts";

/**
 * Thrown where read-only keeps a pass from changing anything. It is no failure: nothing is recorded and no back-off is counted, and
 * whatever catches errors on the way passes it on.
 */
export class Halted extends OperatorError {
  readonly would: Would;

  constructor(would: Would) {
    super("ReadOnly", { publicMessage: `Read-only is on: Keyturn would ${would.text}.` });
    this.would = would;
  }
}

export const isHalted = (thrown: unknown): thrown is Halted => thrown instanceof Halted;

import { FakeClock } from "../kernel/fake-clock.ts";

/** A fake clock for tests of running loops: what was called before `advance` gets to its next wait before time moves. */
export class SettlingClock extends FakeClock {
  override async advance(ms: number): Promise<void> {
    await super.advance(0);
    await super.advance(ms);
  }
}

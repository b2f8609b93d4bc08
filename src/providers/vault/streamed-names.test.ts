import assert from "node:assert/strict";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { streamedNames } from "./streamed-names.ts";

const sent = { destroy: () => undefined } as unknown as ClientRequest;
const asAnswer = (chunks: readonly Buffer[]) => Readable.from(chunks) as unknown as IncomingMessage;

describe("streamedNames", () => {
  it("lets others have their turns while a long piece is read", async () => {
    const keys = Array.from({ length: 120_000 }, (_, index) => `keyturn.team.app-${index}`);
    const text = Buffer.from(JSON.stringify({ data: { keys } }));
    let turns = 0;
    let isRead = false;
    const tick = (): void => {
      turns += 1;
      if (!isRead) setImmediate(tick);
    };
    setImmediate(tick);
    const { data } = await streamedNames(sent, asAnswer([text]), "");
    isRead = true;
    assert.deepEqual(data.keys, keys);
    // At most 64 KiB between two turns, although all came at once.
    assert.ok(turns >= text.length / (64 * 1024), `${turns} turns for ${text.length} bytes`);
  });

  it("reads characters that two pieces share", async () => {
    const text = Buffer.from('{"data":{"keys":["é€😀"]}}');
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { data, warnings } = await streamedNames(sent, asAnswer([text.subarray(0, cut), text.subarray(cut)]), "é");
      assert.deepEqual([data.keys, warnings], [["é€😀"], []]);
    }
    await assert.rejects(streamedNames(sent, asAnswer([text.subarray(0, 20)]), ""));
  });
});

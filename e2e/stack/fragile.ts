import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { freePort } from "./ports.ts";

/** A way to a server that can be cut: `hang` accepts connections and passes nothing on, `refuse` closes them. */
export interface FragileWay {
  readonly port: number;
  turn(mode: "pass" | "hang" | "refuse"): void;
  close(): Promise<void>;
}

export async function openFragileWay(target: { readonly host: string; readonly port: number }): Promise<FragileWay> {
  let mode: "pass" | "hang" | "refuse" = "pass";
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
  };
  const server = createServer((socket) => {
    keep(socket);
    if (mode === "refuse") return void socket.destroy();
    if (mode === "hang") return void socket.resume();
    const onward = connect(target.port, target.host);
    keep(onward);
    socket.pipe(onward).pipe(socket);
    socket.on("close", () => onward.destroy());
    onward.on("close", () => socket.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    turn(next) {
      mode = next;
      drop();
    },
    async close() {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

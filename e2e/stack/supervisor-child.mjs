// Starts processes on behalf of one parent and outlives it by just enough to end them all.
//
// In (standard input, one JSON object per line): {"start":{id,file,args,env,cwd,log,lines}}, {"remove":folder}, {"quit":true}.
// Out (standard output, one per line): {"id",pid}, {"id",error}, {"id",line}, {"id",code,signal}, {"quit":true}.
// When standard input closes, for whatever reason (a clean end, Ctrl-C, a crash, kill -9 of the parent), every process
// group started here is killed and the folders named by "remove" are deleted. It is plain JavaScript so that it starts fast.
import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const alive = new Map();
const folders = new Set();
const tell = (message) => process.stdout.write(JSON.stringify(message) + "\n");
// The parent may be gone: then nobody reads, and that must not end this process before its work is done.
process.stdout.on("error", () => {});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
process.on("uncaughtException", (error) => {
  process.stderr.write(`supervisor: ${error.stack}\n`);
  end();
});

function start({ id, file, args, env, cwd, log, lines }) {
  const out = openSync(log, "a");
  // Each child leads its own process group, so that its own children end with it.
  const child = spawn(file, args, { env, cwd, detached: true, stdio: ["ignore", lines ? "pipe" : out, out] });
  child.on("error", (error) => {
    if (child.pid === undefined) tell({ id, error: error.message });
  });
  if (lines)
    createInterface({ input: child.stdout }).on("line", (line) => {
      writeSync(out, line + "\n");
      tell({ id, line });
    });
  child.on(lines ? "close" : "exit", () => closeSync(out));
  if (child.pid === undefined) return;
  alive.set(child.pid, child);
  tell({ id, pid: child.pid });
  child.on("exit", (code, signal) => {
    alive.delete(child.pid);
    // What the child left behind in its group goes with it.
    killGroup(child.pid);
    tell({ id, code, signal });
  });
}

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

let ending = false;
function end() {
  if (ending) return;
  ending = true;
  for (const pid of alive.keys()) killGroup(pid);
  const wait = setInterval(() => {
    if (alive.size > 0) return;
    clearInterval(wait);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    tell({ quit: true });
    process.exit(0);
  }, 5);
}

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const message = JSON.parse(line);
  if (message.start && !ending) start(message.start);
  if (message.remove) folders.add(message.remove);
  if (message.quit) end();
});
input.on("close", end);

import { endWith, operatorCommand } from "./terminal.ts";

/** `npm run inventory`: the same as `keyturn inventory`. */
endWith(await operatorCommand(["inventory", ...process.argv.slice(2)]));

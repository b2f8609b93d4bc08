import { endWith, pluginCommand } from "./terminal.ts";

/** `kubectl keyturn`: the plugin, one file on the PATH. It has the rights of the user's own kubeconfig. */
endWith(await pluginCommand(process.argv.slice(2)));

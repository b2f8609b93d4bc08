import type { Command } from "./commands.ts";

/** Flags of the operator, for commands that take them. */
export type SettingNames = readonly string[];

/** What may stand in place of the last word. */
export const candidates = (
  commands: readonly Command[],
  settings: SettingNames,
  words: readonly string[],
): readonly string[] => {
  const last = words.at(-1) ?? "";
  const [name, ...before] = words.slice(0, -1);
  const fitting = (all: readonly string[]): readonly string[] => all.filter((word) => word.startsWith(last));
  if (name === undefined) return fitting(commands.map((command) => command.name));
  const command = commands.find((one) => one.name === name);
  if (command === undefined) return [];
  const previous = before.at(-1) ?? "";
  const taking = command.flags.find(
    ({ name: flag, short, value }) =>
      value !== undefined && (previous === `--${flag}` || previous === `-${short ?? ""}`),
  );
  if (taking !== undefined) return fitting(taking.words ?? []);
  if (last.startsWith("-")) {
    const names = [...command.flags.map((flag) => flag.name), ...(command.settings === true ? settings : []), "help"];
    return fitting(names.map((flag) => `--${flag}`));
  }
  return before.length === 0 ? fitting(command.words ?? []) : [];
};

/** The protocol that kubectl speaks with `kubectl_complete-…`: candidates, then how to go on (4: no file names). */
export const completionAnswer = (found: readonly string[]): string => [...found, ":4", ""].join("\n");

export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The scripts know nothing but to ask `PROGRAM __complete`. */
export const completionScript = (program: string, shell: string): string | undefined => {
  const name = program.replaceAll("-", "_");
  switch (shell) {
    case "bash":
      return `# ${program} completion bash > /etc/bash_completion.d/${program}
_${name}() {
  local IFS=$'\\n'
  COMPREPLY=($(${program} __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:'))
}
complete -F _${name} ${program}
`;
    case "zsh":
      return `#compdef ${program}
# ${program} completion zsh > "\${fpath[1]}/_${program}"
_${name}() {
  local -a found
  found=(\${(f)"$(${program} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:')"})
  compadd -- "\${found[@]}"
}
if [ "$funcstack[1]" = "_${program}" ]; then _${name} "$@"; else compdef _${name} ${program}; fi
`;
    case "fish":
      return `# ${program} completion fish > ~/.config/fish/completions/${program}.fish
function __${name}_complete
  set -l words (commandline -opc) (commandline -ct)
  ${program} __complete $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c ${program} -f -a '(__${name}_complete)'
`;
    default:
      return undefined;
  }
};

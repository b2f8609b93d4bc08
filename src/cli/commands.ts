/** One flag of a command, as its usage, the completion and docs/reference/cli.md show it. */
export interface CommandFlag {
  readonly name: string;
  readonly short?: string;
  /** What it takes; absent for a switch. */
  readonly value?: string;
  /** What may be given, for the completion. */
  readonly words?: readonly string[];
  /** It may be given more than once. */
  readonly multiple?: true;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** What stands behind the name. */
  readonly args: string;
  readonly help: string;
  readonly flags: readonly CommandFlag[];
  /** Words that the first argument may be. */
  readonly words?: readonly string[];
  /** It takes the operator's own flags too. */
  readonly settings?: boolean;
}

export const FORMS = ["table", "wide", "json", "yaml"] as const;
export type Form = (typeof FORMS)[number];

const OUTPUT: CommandFlag = {
  name: "output",
  short: "o",
  value: "FORM",
  words: FORMS,
  help: "table, wide, json or yaml",
};
const NAMESPACE: CommandFlag = {
  name: "namespace",
  short: "n",
  value: "NAME",
  help: "namespace; else the context's own",
};
const ALL: CommandFlag = { name: "all-namespaces", short: "A", help: "every namespace" };
const KUBECONFIG: CommandFlag = {
  name: "kubeconfig",
  value: "PATH",
  help: "kubeconfig; else KUBECONFIG or ~/.kube/config",
};
const CONTEXT: CommandFlag = { name: "context", value: "NAME", help: "context of the kubeconfig" };
const WHERE = [NAMESPACE, KUBECONFIG, CONTEXT];
const SHELLS = ["bash", "zsh", "fish"] as const;

const inventory: Command = {
  name: "inventory",
  args: "",
  help: "Who there is, and what nobody answers for. Reads only.",
  flags: [OUTPUT, { name: "check", help: "exit with 1 when something unowned or unknown was found" }],
  settings: true,
};
const doctor: Command = {
  name: "doctor",
  args: "",
  help: "What is wrong with the installation, what is stuck, why, and what to do. Changes nothing.",
  flags: [
    OUTPUT,
    { name: "strict", help: "exit with 1 for warnings too" },
    { name: "try-logins", help: "log in through every connection, also outside the operator's Pod" },
  ],
  settings: true,
};
const supportBundle: Command = {
  name: "support-bundle",
  args: "",
  help: "A .tar.gz for a bug report: versions, settings, doctor, resources, events. Never Secrets.",
  flags: [
    { name: "file", short: "f", value: "PATH", help: "where to write it (keyturn-support.tar.gz)" },
    { name: "log", value: "PATH", help: "the operator's log, of which the end is taken" },
    {
      name: "metrics-url",
      value: "URL",
      help: "the operator's /metrics, where it needs no token; in its Pod they are read without this flag",
    },
  ],
  settings: true,
};
const completion: Command = {
  name: "completion",
  args: "bash|zsh|fish",
  help: "The shell's completion script.",
  flags: [],
  words: SHELLS,
};
const version: Command = { name: "version", args: "", help: "The version.", flags: [] };

export const OPERATOR_COMMANDS: readonly Command[] = [
  { name: "run", args: "", help: "Run the operator; the same as no command.", flags: [], settings: true },
  {
    name: "config",
    args: "check",
    help: "Every setting, where it comes from, and what is wrong with it. Calls nobody.",
    flags: [OUTPUT],
    words: ["check"],
    settings: true,
  },
  doctor,
  supportBundle,
  inventory,
  {
    name: "audit",
    args: "verify|prune",
    help: "Check the audit trail of this Pod's volume, or take its closed files away.",
    flags: [
      OUTPUT,
      { name: "keep", value: "N", help: "prune: all but the newest N files may leave" },
      { name: "older-than", value: "DURATION", help: "prune: files may leave whose newest record is older" },
      { name: "dry-run", help: "prune: only say what would leave" },
    ],
    words: ["verify", "prune"],
    settings: true,
  },
  completion,
  version,
];

export const PLUGIN_COMMANDS: readonly Command[] = [
  {
    name: "status",
    args: "[KIND/NAME]",
    help: "How rotations and identities are; of one, its conditions.",
    flags: [OUTPUT, ALL, ...WHERE],
  },
  {
    name: "plan",
    args: "KIND/NAME",
    help: "What is about to be done: the plan of an identity, the next or open rotation.",
    flags: [OUTPUT, ...WHERE],
  },
  {
    name: "rotate",
    args: "NAME",
    help: "Rotate now, or at a time.",
    flags: [{ name: "at", value: "TIME", help: "RFC 3339; else now" }, ...WHERE],
  },
  { name: "retry", args: "KIND/NAME", help: "Lift the quarantine and end the back-off, once.", flags: WHERE },
  { name: "pause", args: "KIND/NAME", help: "Nothing but revocation and offboarding.", flags: WHERE },
  { name: "unpause", args: "KIND/NAME", help: "The end of pause.", flags: WHERE },
  {
    name: "suspend",
    args: "NAME",
    help: "Suspend an identity: spec.state Suspended. Refused where Git owns it.",
    flags: [{ name: "force", help: "also where Git owns it" }, ...WHERE],
  },
  {
    name: "resume",
    args: "NAME",
    help: "The end of suspend: spec.state Active. Refused where Git owns it.",
    flags: [{ name: "force", help: "also where Git owns it" }, ...WHERE],
  },
  {
    name: "hold",
    args: "NAMESPACE/NAME|NAMESPACE/'*'",
    help: "A suspension that the team cannot lift: makes an IdentityHold.",
    flags: [
      { name: "reason", value: "TEXT", help: "why; the team reads it" },
      { name: "compromised", help: "others may have the credentials: revoke tokens, keys stay off afterwards" },
      {
        name: "target",
        value: "CONNECTION:KIND:NAME",
        multiple: true,
        help: "hold this too, by its name at the provider; may be given again",
      },
      { name: "name", value: "NAME", help: "of the IdentityHold; else NAMESPACE.NAME, or NAMESPACE for '*'" },
      KUBECONFIG,
      CONTEXT,
    ],
  },
  {
    name: "unhold",
    args: "HOLD|NAMESPACE/NAME",
    help: "The end of hold: deletes the IdentityHold.",
    flags: [KUBECONFIG, CONTEXT],
  },
  {
    name: "overflow",
    args: "end|keep",
    help: "Decide about deletions that the limit holds back: end them, or keep them in use.",
    flags: WHERE,
    words: ["end", "keep"],
  },
  inventory,
  doctor,
  supportBundle,
  completion,
  version,
];

/** Usage of a whole program. */
export const programUsage = (program: string, commands: readonly Command[]): string =>
  [
    `${program} COMMAND [flags]`,
    "",
    ...commands.map(({ name, args, help }) => `  ${`${name} ${args}`.trim().padEnd(22)} ${help}`),
    "",
    "Exit: 0 well, 1 something found or refused, 2 wrong use, 3 could not look.",
    "",
  ].join("\n");

export const commandUsage = (program: string, { name, args, help, flags }: Command, more: readonly string[]): string =>
  [`${program} ${`${name} ${args}`.trim()}: ${help}`, "", ...flags.map(flagLine), ...more, ""].join("\n");

const flagLine = ({ name, short, value, help }: CommandFlag): string => {
  const long = `--${name}${value === undefined ? "" : ` ${value}`}`;
  return `  ${`${short === undefined ? "" : `-${short}, `}${long}`.padEnd(22)} ${help}`;
};

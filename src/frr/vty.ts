import type { LocalServices } from "../core/os.ts";
import { type CommandSet, findCommand, type Mode, NOT_MY_INSTANCE, type NotMine } from "./command.ts";

/** A running daemon that takes commands: what is found under `vty <name>` among a node's local services. */
export interface VtyServer {
  readonly commands: CommandSet<never>;
  /** What its commands of modes `view` and `config` get. */
  readonly root: unknown;
  /** Its part of `show running-config`. What is empty or the default is left out. */
  writeConfig(): readonly ConfigBlock[];
}

/** Lines of a configuration that belong together: `interface eth0` with what stands inside it. Blocks of several daemons with one head are merged. */
export interface ConfigBlock {
  /** Sections in the order in which vtysh prints them (vtysh/vtysh_config.c). */
  readonly section: ConfigSection;
  /** The line that opens the block; empty: `lines` stand alone. */
  readonly head: string;
  /** Lines inside the block, with their indentation. */
  readonly lines: readonly string[];
  /** The line that ends the block: `exit`, or none. */
  readonly end?: string;
}
export type ConfigSection =
  | "global"
  | "key-chain"
  | "static"
  | "interface"
  | "router"
  | "access-list"
  | "prefix-list"
  | "as-path-list"
  | "community-list"
  | "route-map"
  | "protocol";

/** What came of a line. `unknown`: no daemon here has such a command. */
export interface LineResult {
  readonly status: "ok" | "unknown" | "ambiguous" | "refused";
  readonly output: string;
  /** The one daemon that knows the line, when it is not running. */
  readonly absent?: string;
  /** The daemon of which instances run, none of them the one that the line names. */
  readonly elsewhere?: string;
}

/** A daemon that a session talks to. Without a `root` it is not running here: its commands are known, and do nothing. */
export interface Party {
  readonly commands: CommandSet<never>;
  readonly root?: unknown;
}

/** An open mode: which parties are in it, each with what it handed on. */
interface Frame {
  readonly mode: Mode;
  /** By number of the party; absent: not in this mode. */
  readonly contexts: ReadonlyMap<number, unknown>;
}

/** Stands for the context of a party that is not running. */
const NOT_RUNNING = Symbol("not running");
/** Stands for the context of a party in a mode of another instance. */
const ELSEWHERE = Symbol("elsewhere");

/** The running daemons of a name, those with an instance by its number: `vty ospfd`, `vty ospfd-2`. */
export function vtyServers(local: LocalServices, name: string): readonly VtyServer[] {
  const numbers = [...local.names()].flatMap((service) => {
    if (service === `vty ${name}`) return [0];
    const number = service.startsWith(`vty ${name}-`) ? Number(service.slice(`vty ${name}-`.length)) : Number.NaN;
    return Number.isInteger(number) ? [number] : [];
  });
  return numbers
    .sort((a, b) => a - b)
    .map((n) => local.find<VtyServer>(n === 0 ? `vty ${name}` : `vty ${name}-${n}`) as VtyServer);
}

/** Blocks inside blocks, at most. */
const FRAMES_MAX = 8;

/**
 * One person's, or one file's, conversation with the daemons of a node, as vtysh holds it: a line goes to every daemon that knows it in the
 * innermost open mode; one that none knows there is tried in the modes around it, which closes those inside (lib/command.c:command_config_read_one_line).
 */
export class VtySession {
  readonly #parties: readonly Party[];
  readonly #heard: (root: unknown, mode: Mode, words: readonly string[]) => void;
  #frames: Frame[] = [];

  /** `heard` is told of every line that a daemon takes, before that does what it says. */
  constructor(
    parties: readonly Party[],
    heard: (root: unknown, mode: Mode, words: readonly string[]) => void = () => {},
  ) {
    this.#parties = parties;
    this.#heard = heard;
  }

  /** The innermost open mode; `view` outside of `configure terminal`. */
  get mode(): Mode {
    return this.#frames.at(-1)?.mode ?? "view";
  }
  configure(): void {
    this.#frames = [{ mode: "config", contexts: this.#roots() }];
  }
  end(): void {
    this.#frames = [];
  }
  /** Leaves the innermost mode. */
  exit(): void {
    this.#frames.pop();
  }

  /** An operational command: `show ip route`. */
  view(words: readonly string[]): LineResult {
    return this.#offer({ mode: "view", contexts: this.#roots() }, words) ?? { status: "unknown", output: "" };
  }

  /** A line of configuration. */
  line(words: readonly string[]): LineResult {
    for (let depth = this.#frames.length; depth > 0; depth--) {
      const got = this.#offer(this.#frames[depth - 1] as Frame, words, depth);
      if (got !== undefined) return got;
    }
    return { status: "unknown", output: "" };
  }

  /** Offers a line to every party of a frame. `depth`: of the frame, when its commands may open modes. */
  #offer(frame: Frame, words: readonly string[], depth = 0): LineResult | undefined {
    const taken: { party: number; run: () => unknown; opens: Mode | undefined }[] = [];
    for (const [party, context] of frame.contexts) {
      const found = findCommand((this.#parties[party] as Party).commands, frame.mode, words);
      if (found === "ambiguous") return { status: "ambiguous", output: "" };
      if (found === undefined) continue;
      const { command, match } = found;
      const run =
        context === NOT_RUNNING || context === ELSEWHERE
          ? () => undefined
          : () => command.run(context as never, match.args);
      taken.push({ party, run, opens: command.opens });
    }
    if (taken.length === 0) return undefined;
    if (depth > 0) this.#frames.length = depth;
    const opened = new Map<number, unknown>();
    let output = "";
    let status: LineResult["status"] = "ok";
    let elsewhere = 0;
    for (const { party, run, opens } of taken) {
      const { root } = this.#parties[party] as Party;
      if (root !== undefined) this.#heard(root, frame.mode, words);
      const said = run();
      if (isNotMine(said)) {
        elsewhere++;
        if (opens !== undefined) opened.set(party, ELSEWHERE);
      } else if (typeof said === "string") output += said;
      else if (isRefusal(said)) {
        status = "refused";
        output += said.refused;
        break; // vtysh/vtysh.c:vtysh_execute_func: the others are not asked
      } else if (opens !== undefined) opened.set(party, isEntered(said) ? said.context : NOT_RUNNING);
    }
    const opens = taken.find((t) => opened.has(t.party))?.opens;
    if (opens !== undefined && depth > 0 && this.#frames.length < FRAMES_MAX)
      this.#frames.push({ mode: opens, contexts: opened });
    const [first] = taken;
    if (elsewhere === taken.length && first !== undefined)
      return { status, output, elsewhere: (this.#parties[first.party] as Party).commands.name };
    const [only] = taken.length === 1 ? taken : [];
    const absent = only !== undefined && frame.contexts.get(only.party) === NOT_RUNNING;
    if (!absent) return { status, output };
    return { status, output, absent: (this.#parties[only.party] as Party).commands.name };
  }

  #roots(): ReadonlyMap<number, unknown> {
    return new Map(this.#parties.map((p, i) => [i, p.root === undefined ? NOT_RUNNING : p.root]));
  }
}

const isRefusal = (said: unknown): said is { readonly refused: string } =>
  typeof said === "object" && said !== null && "refused" in said;
const isNotMine = (said: unknown): said is NotMine => said === NOT_MY_INSTANCE;
const isEntered = (said: unknown): said is { readonly context: unknown } =>
  typeof said === "object" && said !== null && "context" in said;

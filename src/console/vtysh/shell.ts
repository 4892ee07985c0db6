import type { Os } from "../../core/os.ts";
import { completions } from "../../frr/command.ts";
import { configLines, withoutEffect } from "../../frr/config-file.ts";
import { DaemonLog } from "../../frr/log.ts";
import { FRR_VERSION, runningConfig } from "../../frr/running-config.ts";
import { type LineResult, type Party, type VtyServer, VtySession, vtyServers } from "../../frr/vty.ts";
import { FRR_COMMANDS } from "../../nodes/daemons.ts";

/** What came of a line: what it printed, whether it failed. */
export interface LineOutcome {
  readonly output: string;
  /** What was said on standard error: `ospfd is not running`. */
  readonly errors: string;
  readonly ok: boolean;
  /** `exit` outside of all modes. */
  readonly ended: boolean;
}

/** A session of vtysh on a node: commands go to the daemons that run when it begins. */
export class VtyShell {
  readonly #os: Os;
  readonly #servers: readonly VtyServer[];
  readonly #parties: readonly Party[];
  readonly #session: VtySession;

  /** `only`: talks to one daemon alone. */
  constructor(os: Os, only?: string) {
    this.#os = os;
    const chosen = FRR_COMMANDS.filter(({ name }) => only === undefined || name === only);
    const running = chosen.map((commands) => ({ commands, servers: vtyServers(os.local, commands.name) }));
    this.#servers = running.flatMap(({ servers }) => servers);
    this.#parties = running.flatMap(({ commands, servers }): Party[] =>
      servers.length === 0 ? [{ commands }] : servers.map(({ root }) => ({ commands, root })),
    );
    this.#session = new VtySession(this.#parties, (root, mode, words) => logOf(root)?.typed(promptOf(mode), words));
  }

  /** Some daemon runs. */
  get connected(): boolean {
    return this.#servers.length > 0;
  }
  /** `r1(config-if)# `. */
  get prompt(): string {
    return `${this.#os.hostname}${promptOf(this.#session.mode)} `;
  }

  /** Runs a line. */
  run(line: string): LineOutcome {
    const words = line.trim().split(/\s+/);
    const [first = ""] = words;
    if (first === "" || first.startsWith("!") || first.startsWith("#")) return said("");
    if (line.trimEnd().endsWith("?")) return said(this.help(line.trimEnd().slice(0, -1)));
    const session = this.#session;
    if (session.mode !== "view") return this.#configure(line.trim(), words);
    if (isConfigure(words)) {
      session.configure();
      return said("");
    }
    if (/^(exit|quit)$/.test(first) && words.length === 1) return { ...said(""), ended: true };
    if (/^(enable|disable|end)$/.test(first) && words.length === 1) return said("");
    if (first === "terminal" && /^(length|paginate|monitor)$/.test(words[1] ?? "")) return said("");
    return this.#view(words);
  }

  /** What could follow a line, one a line: what `?` shows. */
  help(line: string): string {
    const words = line.split(/\s+/).filter((w) => w !== "");
    const open = line === "" || /\s$/.test(line);
    const typed = open ? "" : (words.pop() ?? "");
    const next = this.complete(words).filter((t) => t.startsWith(typed) || !/^[a-z]/.test(t));
    return next.length === 0 ? "% There is no matched command.\n" : next.map((t) => `  ${t}\n`).join("");
  }
  /** The words that could follow. */
  complete(words: readonly string[]): readonly string[] {
    const { mode } = this.#session;
    const own = mode === "view" ? OWN_VIEW : words.length === 0 ? ["do", "end", "exit", "no"] : [];
    const next = this.#parties.flatMap((p) => completions(p.commands, mode, words));
    const mine = own.filter(
      (o) => o.split(" ").length > words.length && words.every((w, i) => o.split(" ")[i]?.startsWith(w)),
    );
    return [...new Set([...next, ...mine.map((o) => o.split(" ")[words.length] as string)])].sort();
  }

  /**
   * `vtysh -f`: reads lines as a configuration file; a line that fails is told, and the next one is read. `status`: that of the last failure
   * (lib/command.h: 1 refused by a daemon, 2 no match, 3 ambiguous, 4 refused, 5 incomplete).
   */
  read(text: string): LineOutcome & { readonly status: number } {
    const session = this.#session;
    session.configure();
    let [output, errors, status] = ["", "", 0];
    for (const { line, at } of configLines(text)) {
      if (/^(configure terminal|conf t|end)$/.test(line)) session.configure();
      if (/^(configure terminal|conf t|end)$/.test(line) || (line === "exit" && session.mode === "config")) continue;
      const number = NODE_NUMBERS.get(session.mode);
      const done = this.#configure(line, line.split(/\s+/));
      if (done.ok) output += done.output;
      else if (!/^% (Unknown command|Command incomplete|Ambiguous command)/.test(done.output)) {
        output += done.output;
        status = 4;
      } else {
        const node = number === undefined ? "" : `[${number}]`;
        errors += `line ${at}: ${done.output.replace(/:/, `${node}:`)}`;
        status = done.output.startsWith("% U") ? 2 : done.output.startsWith("% A") ? 3 : 5;
      }
    }
    session.end();
    return { output, errors, ok: status === 0, ended: false, status };
  }

  #view(words: readonly string[]): LineOutcome {
    const own = this.#own(words);
    if (own !== undefined) return own;
    return this.#outcome(this.#session.view(words), words, "view");
  }

  /** What vtysh answers itself. */
  #own(words: readonly string[]): LineOutcome | undefined {
    const is = (text: string): boolean => {
      const want = text.split(" ");
      return words.length === want.length && want.every((w, i) => w.startsWith(words[i] as string));
    };
    const [first = "", second = ""] = words;
    if (first.length >= 2 && second.length >= 2 && (is("show running-config") || is("show running-config no-header")))
      return said(words.length === 3 ? this.#running() : `${BUILDING}${this.#running()}`);
    const some = words.length === 3 ? this.#servers.filter((s) => s.commands.name === words[2]) : [];
    if (first.length >= 2 && second.length >= 3 && some.length > 0 && is(`show running-config ${words[2]}`))
      return said(`${BUILDING}!\n${runningConfig(this.#os.hostname, some)}`);
    if (first.length >= 2 && is("write terminal")) return said(`${BUILDING}${this.#running()}`);
    if (is("write") && first.length >= 2) return this.#save();
    if (first.length >= 2 && (is("write memory") || is("write file") || is("write integrated"))) return this.#save();
    if (is("copy running-config startup-config") && first.length >= 2) return this.#save();
    if (is("show version") && second.length >= 1) return said(this.#version());
    if (is("show daemons") && second.length >= 2)
      return said(` ${[...new Set(this.#servers.map((s) => s.commands.name))].join(" ")}\n`);
    return undefined;
  }

  #running(): string {
    return `!\n${runningConfig(this.#os.hostname, this.#servers)}`;
  }
  #save(): LineOutcome {
    const text = runningConfig(this.#os.hostname, this.#servers).replace(/end\n$/, "");
    const file = this.#os.files.create(CONFIG_FILE);
    const written = file.ok ? file.value.write(new TextEncoder().encode(text)) : file;
    if (!written.ok) return { ...said(`% Can't open configuration file ${CONFIG_FILE}.\n`), ok: false };
    return said(
      `Note: this version of vtysh never writes vtysh.conf\nBuilding Configuration...\nIntegrated configuration saved to ${CONFIG_FILE}\n[OK]\n`,
    );
  }
  #version(): string {
    return `FRRouting ${FRR_VERSION} (${this.#os.hostname}) on netloom.\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n`;
  }

  #configure(line: string, words: readonly string[]): LineOutcome {
    const session = this.#session;
    const [first = ""] = words;
    if (words.length === 1) {
      if (first === "end") session.end();
      else if (first === "exit" || first === "quit") session.exit();
      if (first === "end" || first === "exit" || first === "quit") return said("");
      if (first === "exit-link-params" && session.mode === "link-params") {
        session.exit();
        return said("");
      }
      if (/^exit-(address-family|vrf)$/.test(first)) {
        if (session.mode.startsWith("address-family")) session.exit();
        return said("");
      }
    }
    if (first === "do") return this.#view(words.slice(1));
    if (withoutEffect(line)) return said("");
    return this.#outcome(session.line(words), words, session.mode);
  }

  #outcome(got: LineResult, words: readonly string[], mode: string): LineOutcome {
    const { status, output, absent, elsewhere } = got;
    if (elsewhere !== undefined) {
      const why = `% [${elsewhere}]: command ignored as it targets an instance that is not running\n`;
      return { ...said(output + why), ok: false };
    }
    if (absent !== undefined) return { ...said(output), errors: `${absent} is not running\n` };
    if (status === "ok") return said(output);
    if (status === "refused") return { ...said(output), ok: false };
    if (status === "ambiguous") return { ...said(`% Ambiguous command: ${words.join(" ")}\n`), ok: false };
    const line = words.join(" ");
    const unfinished = mode === "view" ? this.complete(words) : this.#unfinished(words);
    const what = unfinished.length > 0 ? "Command incomplete" : "Unknown command";
    return { ...said(`% ${what}: ${line}\n`), ok: false };
  }
  #unfinished(words: readonly string[]): readonly string[] {
    const { mode } = this.#session;
    return [mode, "config"].flatMap((m) => this.#parties.flatMap((p) => completions(p.commands, m, words)));
  }
}

const BUILDING = "Building configuration...\n\nCurrent configuration:\n";
const CONFIG_FILE = "/etc/frr/frr.conf";
/** lib/command.h:enum node_type. */
const NODE_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["config", 4],
  ["interface", 17],
  ["route-map", 59],
]);
/** What vtysh knows itself outside of modes. */
const OWN_VIEW = [
  "configure terminal",
  "copy running-config startup-config",
  "enable",
  "exit",
  "quit",
  "show daemons",
  "show running-config",
  "show version",
  "terminal length",
  "write memory",
  "write terminal",
];
const PROMPTS: ReadonlyMap<string, string> = new Map([
  ["interface", "if"],
  ["router ospf", "router"],
  ["router bgp", "router"],
]);

/** `(config-if)#`. */
const promptOf = (mode: string): string =>
  `${mode === "view" ? "" : mode === "config" ? "(config)" : `(config-${PROMPTS.get(mode) ?? mode})`}#`;
const logOf = (root: unknown): DaemonLog | undefined =>
  typeof root === "object" && root !== null && "log" in root && root.log instanceof DaemonLog ? root.log : undefined;

const isConfigure = (words: readonly string[]): boolean =>
  words.length <= 2 &&
  (words[0] as string).length >= 4 &&
  "configure".startsWith(words[0] as string) &&
  "terminal".startsWith(words[1] ?? "t");

const said = (output: string): LineOutcome => ({ output, errors: "", ok: true, ended: false });

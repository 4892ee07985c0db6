import type { Daemon, Os } from "../core/os.ts";
import type { CommandSet } from "./command.ts";
import { type ConfigText, readConfig } from "./config-file.ts";
import { DaemonLog, LOG_NOTICE, type LogMessage } from "./log.ts";
import { writeLogConfig } from "./log-commands.ts";
import type { ConfigBlock, VtyServer } from "./vty.ts";

/** A daemon of FRR as nodes start it. */
export interface FrrProgram<Options> {
  /** `ospfd`; that of one of several has its number behind it: `ospfd-2`. */
  readonly name: string;
  readonly commands: CommandSet<never>;
  /** As lines of its log begin: `OSPF`. */
  readonly protocol: string;
  /** The message of its log that it ends (FRR's: each of its sources has its own). */
  readonly endMessage: string;
  /** Begins: what it returns is what its commands of modes `view` and `config` get. Its configuration is read next. */
  begin(os: Os, options: Options, log: DaemonLog): FrrInstance;
}

/** A daemon of FRR that runs. */
export interface FrrInstance {
  readonly log: DaemonLog;
  /** The configuration file has been read. */
  configured?(): void;
  stop(): void;
  /** Is killed: it says nothing to anybody. Absent: as `stop`. */
  kill?(): void;
  show(): unknown;
  busy(): boolean;
  writeConfig(): readonly ConfigBlock[];
}

/** How a daemon is told to begin: its configuration, and what is set beside it. */
export interface FrrSettings<Options> {
  readonly config?: ConfigText;
  readonly options?: Options;
}

/**
 * A daemon of FRR with its configuration, which is read whenever it begins. `family`: the commands of all daemons, so that a line that is nobody's is
 * seen. While it runs it is found as `vty <name>`.
 */
export class FrrDaemon<Options> implements Daemon, VtyServer {
  readonly commands: CommandSet<never>;
  readonly name: string;
  /** Why the configuration could not be read to its end: file, line, what. */
  complaint: string | undefined;
  readonly #os: Os;
  readonly #program: FrrProgram<Options>;
  readonly #options: Options;
  readonly #config: ConfigText;
  readonly #family: readonly CommandSet<never>[];
  #instance: FrrInstance | undefined;

  constructor(
    os: Os,
    program: FrrProgram<Options>,
    options: Options,
    config: ConfigText,
    family: readonly CommandSet<never>[],
  ) {
    this.commands = program.commands;
    this.name = program.name;
    this.#os = os;
    this.#program = program;
    this.#options = options;
    this.#config = config;
    this.#family = family;
  }

  get root(): unknown {
    return this.#instance;
  }
  start(): void {
    this.stop();
    const log = new DaemonLog(this.#os, { program: this.commands.name, protocol: this.#program.protocol });
    const instance = this.#program.begin(this.#os, this.#options, log);
    this.#instance = instance;
    this.#os.local.provide(`vty ${this.name}`, this);
    this.complaint = readConfig(this.#config, { commands: this.commands, root: instance }, this.#family);
    instance.configured?.();
  }
  stop(): void {
    this.#end((instance) => {
      const ends: LogMessage = { level: LOG_NOTICE, id: this.#program.endMessage };
      instance.log.say(ends, () => "Terminating on signal");
      instance.stop();
    });
  }
  kill(): void {
    this.#end((instance) => (instance.kill === undefined ? instance.stop() : instance.kill()));
  }
  #end(how: (instance: FrrInstance) => void): void {
    const instance = this.#instance;
    if (instance === undefined) return;
    this.#os.local.withdraw(`vty ${this.name}`);
    how(instance);
    this.#instance = undefined;
  }
  show(): unknown {
    return this.#instance?.show();
  }
  busy(): boolean {
    return this.#instance?.busy() ?? false;
  }
  writeConfig(): readonly ConfigBlock[] {
    if (this.#instance === undefined) return [];
    const log = writeLogConfig(this.#instance.log);
    const blocks = this.#instance.writeConfig();
    return log.length === 0 ? blocks : [{ section: "global", head: "", lines: log }, ...blocks];
  }
}

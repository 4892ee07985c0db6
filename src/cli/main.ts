import { Command, CommanderError, Option } from "commander";
import { parseDuration } from "../core/time.ts";
import { LabError } from "../lab/errors.ts";
import { BAD_INPUT, OK } from "./job.ts";
import { VERSION } from "./version.ts";

interface RunOptions {
  readonly seed?: number;
  readonly set: string[];
  readonly until?: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly pcap?: string[];
  readonly exec: string[];
}

interface WhyOptions {
  readonly seed?: number;
  readonly set: string[];
  readonly json?: boolean;
  readonly udp?: string;
  readonly size?: string;
  readonly ttl?: string;
  readonly df?: boolean;
  readonly at?: number;
}

/** Options that npm takes for itself when they stand before `--`. */
const SWALLOWABLE = [
  "seed",
  "set",
  "until",
  "out",
  "json",
  "pcap",
  "exec",
  "udp",
  "size",
  "ttl",
  "df",
  "at",
  "gateway",
  "for",
];

/** The `netloom` program. Ends the process with one of the contract's statuses. */
export async function main(argv: readonly string[]): Promise<void> {
  const swallowed = SWALLOWABLE.find(
    (o) => process.env["npm_lifecycle_event"] === "sim" && process.env[`npm_config_${o}`] !== undefined,
  );
  if (swallowed !== undefined)
    return fail(
      `npm took --${swallowed} for itself: put -- before the options, as in npm run sim -- vpc-overlay --${swallowed} …`,
    );
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(); // whoever read has seen enough
  });
  const program = build();
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? OK : BAD_INPUT;
    else if (error instanceof LabError) fail(error.message);
    else throw error;
  }
}

/** The commands. Each loads its own code only when it is called: start-up is part of what people wait for. */
function build(): Command {
  const program = new Command("netloom")
    .description("A network lab in one process: hosts, routers, switches and cables in simulated time.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text.replace(/^error: /, "netloom: "))) })
    .showSuggestionAfterError()
    .enablePositionalOptions();
  withRunOptions(program.argument("[scenario]", "a scenario's name; none lists them"))
    .addHelpText(
      "after",
      "\nExamples:\n  npm run sim vpc-overlay\n  npm run sim -- vpc-overlay --seed 7 --pcap all\n  npm run sim -- run lab.clab.yml --exec 'h1: ping -c 3 10.0.0.2'\n  npm run sim -- dissect capture.pcapng\n",
    )
    .action(async (scenario: string | undefined, options: RunOptions) => {
      if (scenario === undefined)
        return void (process.exitCode = await (await import("./list.ts")).listScenarios(options.json === true));
      process.exitCode = await (await import("./thread.ts")).runInThread({
        kind: "scenario",
        subject: scenario,
        ...job(options),
      });
    });
  program.hook("preSubcommand", (command) => {
    const early = command.options.find((o) => command.getOptionValueSource(o.attributeName()) === "cli");
    if (early !== undefined) throw new LabError(`${early.long} stands before the command: put it behind`);
  });
  addRun(program);
  addReading(program);
  addLive(program);
  addTopotest(program);
  addConsole(program);
  addWhy(program);
  return program;
}

function addRun(program: Command): void {
  withRunOptions(
    program.command("run").argument("<file>", "a containerlab topology file").description("run a lab file"),
  ).action(async (file: string, options: RunOptions) => {
    process.exitCode = await (await import("./thread.ts")).runInThread({ kind: "lab", subject: file, ...job(options) });
  });
}

/** What runs nothing. */
function addReading(program: Command): void {
  program
    .command("list")
    .description("the scenarios, one line each")
    .option("--json", "print one JSON object")
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await (await import("./list.ts")).listScenarios(options.json === true);
    });
  program
    .command("dissect")
    .argument("<file>", "a pcap or pcapng file")
    .description("decode every frame of a capture, layer by layer")
    .option("--json", "print one JSON object, in the form that checkers compare")
    .action(async (file: string, options: { json?: boolean }) => {
      process.exitCode = (await import("./dissect.ts")).dissectFile(file, options.json === true);
    });
}

function addLive(program: Command): void {
  program
    .command("live")
    .argument("<lab>", "a scenario's name or a lab file")
    .description(
      "run beside the wall clock, with interfaces joined to real networks by VXLAN, GENEVE or bare frames over UDP",
    )
    .addOption(seedOption())
    .option("--set <key=value>", "set a parameter of the scenario (may repeat)", collect, [])
    .option("--gateway <spec>", "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2 joins eth5 of r1 (may repeat)", collect, [])
    .option("--exec <line>", "'NODE: COMMAND', 'sleep 30' or 'until converged' (may repeat)", collect, [])
    .option("--for <time>", "end after this time, such as 30s; else with the last command, or on Ctrl-C", (text) =>
      timeNs("--for", text),
    )
    .option("--json", "print one JSON object and nothing else")
    .action(
      async (
        lab: string,
        o: { seed?: number; set: string[]; gateway: string[]; exec: string[]; for?: number; json?: boolean },
      ) => {
        process.exitCode = await (await import("./live.ts")).runLive(lab, {
          seed: o.seed,
          settings: o.set,
          gateways: o.gateway,
          execs: o.exec,
          forNs: o.for,
          json: o.json === true,
        });
      },
    );
}

function addTopotest(program: Command): void {
  program
    .command("topotest")
    .argument("<file...>", "cases of FRR's topologies with FRR's tables")
    .description("run FRR's own topologies, and compare with FRR's own tables")
    .addOption(seedOption())
    .action(async (files: string[], options: { seed?: number }) => {
      process.exitCode = (await import("./topotest.ts")).runTopotests(files, options.seed ?? 1);
    });
}

function addConsole(program: Command): void {
  program
    .command("console")
    .argument("<lab>", "a scenario's name or a lab file")
    .description(
      "a prompt on a running lab, as Mininet has it: nodes, net, h1 ping h2, link s1 h1 down, run 5s, why h1 10.0.0.2",
    )
    .addOption(seedOption())
    .option("--set <key=value>", "set a parameter of the scenario (may repeat)", collect, [])
    .action(async (lab: string, options: { seed?: number; set: string[] }) => {
      process.exitCode = await (await import("./console.ts")).startConsole(lab, options.seed, options.set);
    });
}

function addWhy(program: Command): void {
  program
    .command("why")
    .argument("<lab>", "a scenario's name or a lab file")
    .argument("<node>", "the node that sends")
    .argument("<destination>", "an address, or a node")
    .description("explain hop by hop, with rule and reason, what happens to a packet")
    .addOption(seedOption())
    .option("--set <key=value>", "set a parameter of the scenario (may repeat)", collect, [])
    .option("--json", "print one JSON object")
    .option("--udp <port>", "send a UDP datagram to this port instead of an ICMP echo request")
    .option("--size <bytes>", "octets of data (default 56)")
    .option("--ttl <n>", "time to live")
    .option("--at <time>", "ask at this simulated time, such as 30s, instead of as soon as the lab stands", (text) =>
      timeNs("--at", text),
    )
    .option("--df", "set the DF bit, and send nothing that does not fit")
    .action(async (lab: string, node: string, destination: string, options: WhyOptions) => {
      process.exitCode = await (await import("./why.ts")).explainWhy(
        lab,
        node,
        destination,
        options.seed,
        options.set,
        options.json === true,
        probeWords(options),
        options.at,
      );
    });
}

const withRunOptions = (command: Command): Command =>
  command
    .addOption(seedOption())
    .option("--set <key=value>", "set a parameter of the scenario (may repeat)", collect, [])
    .option("--until <time>", "end the run at this simulated time, such as 30s", untilNs)
    .option("--out <dir>", "where to write; out/<name> unless given")
    .option("--json", "print one JSON object and nothing else")
    .option("--pcap <interfaces>", "capture: all, none, or names such as r1-eth0,r2-*", (text: string) =>
      text.split(",").filter((p) => p !== ""),
    )
    .option(
      "--exec <'node: command'>",
      "run a command on a node; a trailing & does not wait for it (may repeat)",
      collect,
      [],
    );

/** The options about what is sent, in the words of the prompt's `why`. */
const probeWords = (o: WhyOptions): string[] => [
  ...(["udp", "size", "ttl"] as const).flatMap((key) => (o[key] === undefined ? [] : [key, o[key]])),
  ...(o.df === true ? ["df"] : []),
];

/** Hints stand on the line that they belong to. */
const oneLine = (text: string): string => `${text.trim().replaceAll(/\s*\n\s*/g, " ")}\n`;

const seedOption = (): Option =>
  new Option("--seed <n>", "draws what real machines leave to chance (default 1)").argParser((text) => {
    const seed = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed))
      throw new LabError(`--seed ${text}: expected a whole number`);
    return seed;
  });

const collect = (text: string, before: string[]): string[] => [...before, text];

const untilNs = (text: string): number => timeNs("--until", text);

function timeNs(option: string, text: string): number {
  const ns = parseDuration(text);
  if (ns === undefined || ns === 0) throw new LabError(`${option} ${text}: expected a time such as 30s or 500ms`);
  return ns;
}

const job = (o: RunOptions) => ({
  seed: o.seed,
  settings: o.set,
  untilNs: o.until,
  outDir: o.out,
  json: o.json === true,
  pcap: o.pcap,
  execs: o.exec,
});

function fail(message: string): void {
  process.stderr.write(`netloom: ${message}\n`);
  process.exitCode = BAD_INPUT;
}

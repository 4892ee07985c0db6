import { granted, type Outcome, strerror } from "../core/errno.ts";
import { OctetList } from "../core/octets.ts";
import type { Input, OsFile } from "../core/os.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import { COMMANDS } from "./commands.ts";
import { readFile } from "./files/read.ts";
import { documentAt, takeDocuments } from "./here-document.ts";
import { Running, type Starter, type Streams, type SystemProgram, type World } from "./process.ts";
import { FileInput, FileSink, Pipe } from "./streams.ts";
import { splitTokens, type Token } from "./words.ts";

/** How a command follows the one before it. */
type Connector = ";" | "&&" | "||";
interface Step {
  readonly connector: Connector;
  /** More than one: each writes to the next one's input. */
  readonly commands: readonly Command[];
  /** Ended by `&`: nobody waits for it. */
  readonly background: boolean;
}
/** A command's words, and where it reads and writes. */
interface Command {
  readonly words: readonly string[];
  readonly redirections: readonly Redirection[];
}
interface Redirection {
  readonly operator: string;
  /** The file; empty behind `2>&1`, the text itself behind `<<`. */
  readonly path: string;
}

/** `sh` inside `sh` inside `sh`, at most. */
const NESTING_MAX = 16;

/**
 * Starts a command line on a node: words with quotes, `;`, `&&`, `||`, `&`, pipes, files behind `<`, `>`, `>>` and `2>`,
 * here-documents, `sh -c`. It runs while simulated time moves.
 */
export function startCommand(kernel: Kernel, world: World, line: string, nesting = 0, streams?: Streams): Running {
  const steps = parseLine(line);
  if (typeof steps === "string") return failed(kernel, world, line, `sh: ${steps}\n`, 2, streams);
  const [first, ...rest] = steps;
  if (first === undefined) return failed(kernel, world, line, "", 0, streams);
  if (rest.length === 0 && !first.background) {
    const [only, ...more] = first.commands as [Command, ...Command[]];
    if (more.length === 0) return startRedirected(kernel, world, line, only, nesting, streams);
  }
  const whole = new Running(kernel, world, line, [], starter(world, nesting), streams);
  runSteps(whole, steps, 0, 0, nesting, streams?.input);
  return whole;
}

function runSteps(
  whole: Running,
  steps: readonly Step[],
  at: number,
  status: number,
  nesting: number,
  input: Input | undefined,
): void {
  const step = steps[at];
  if (step === undefined) return whole.exit(status);
  const skipped = (step.connector === "&&" && status !== 0) || (step.connector === "||" && status === 0);
  if (skipped) return runSteps(whole, steps, at + 1, status, nesting, input);
  const all = startPipeline(whole, step, nesting, input);
  const last = all.at(-1) as Running;
  if (step.background) return runSteps(whole, steps, at + 1, 0, nesting, input);
  if (all.some((one) => one.serving)) whole.serve();
  whole.onInterrupt(() => {
    for (const one of all) one.interrupt();
  });
  last.onExit(() => runSteps(whole, steps, at + 1, last.status ?? 1, nesting, input));
}

/** Starts the commands of a step from the last to the first, so that each finds its reader. */
function startPipeline(whole: Running, { commands, background }: Step, nesting: number, input?: Input): Running[] {
  const pipes = commands.slice(1).map(() => new Pipe());
  const all: Running[] = [];
  for (let i = commands.length - 1; i >= 0; i--) {
    const command = commands[i] as Command;
    const from = i === 0 ? (background ? undefined : input) : pipes[i - 1];
    const streams = { input: from, out: pipes[i] };
    const one = startRedirected(whole.kernel, whole.world, command.words.join(" "), command, nesting, streams);
    if (one.output !== "") whole.out(one.output);
    one.onOutput((text) => whole.out(text));
    const before = pipes[i - 1];
    if (before !== undefined)
      one.onExit(() => {
        before.broken = true;
      });
    all.unshift(one);
  }
  return all;
}

/** Starts a command with its files open; one that cannot be opened ends it. */
function startRedirected(
  kernel: Kernel,
  world: World,
  line: string,
  { words, redirections }: Command,
  nesting: number,
  streams: Streams = {},
): Running {
  const opened = openFiles(kernel, redirections, streams);
  if (typeof opened === "string") return failed(kernel, world, line, `sh: ${opened}\n`, 1, streams);
  return startWords(kernel, world, line, words, nesting, opened);
}

function openFiles(kernel: Kernel, redirections: readonly Redirection[], given: Streams): Streams | string {
  let { input, out, err } = given;
  const { files } = kernel.os;
  for (const { operator, path } of redirections) {
    if (operator.endsWith(">&1") && operator.startsWith("2")) {
      err = out;
      continue;
    }
    if (operator === "<<") {
      input = new FileInput({ content: octetsOfText(path) });
      continue;
    }
    if (operator.includes(">&")) return `"${operator}" is not built: 2>&1 is`;
    if (operator.endsWith("<")) {
      const file = readable(kernel, path);
      if (!file.ok) return `${path}: ${strerror(file.errno)}`;
      input = new FileInput(file.value);
      continue;
    }
    const file = files.create(path, operator.endsWith(">>"));
    if (!file.ok) return `cannot create ${path}: ${strerror(file.errno)}`;
    const sink = new FileSink(file.value, () => {});
    if (operator.startsWith("2")) err = sink;
    else out = sink;
    if (operator.startsWith("&")) err = sink;
  }
  return { input, out, err };
}

/** A file as standard input: one that a program wrote, or one that the kernel shows. */
function readable(kernel: Kernel, path: string): Outcome<Pick<OsFile, "content">> {
  const shown = readFile(kernel, path);
  if (!shown.ok) return kernel.os.files.open(path);
  return granted({ content: octetsOfText(shown.text) });
}

function octetsOfText(text: string): OctetList {
  const octets = new OctetList();
  const bytes = utf8.encode(text);
  octets.write(bytes, 0, bytes.length);
  return octets;
}
const utf8 = new TextEncoder();

function startWords(
  kernel: Kernel,
  world: World,
  line: string,
  words: readonly string[],
  nesting: number,
  streams: Streams = {},
): Running {
  if (nesting > NESTING_MAX) return failed(kernel, world, line, "sh: too deeply nested\n", 2, streams);
  const [name, ...args] = words;
  if (name === undefined) return failed(kernel, world, line, "", 0, streams);
  if (name === "sudo" || name === "nohup") return startWords(kernel, world, line, args, nesting, streams);
  if (isShell(name)) return startShell(kernel, world, line, name, args, nesting, streams);
  const program = programNamed(name);
  if (program === undefined) return failed(kernel, world, line, `sh: ${name}: command not found\n`, 127, streams);
  const running = new Running(kernel, world, line, args, starter(world, nesting), streams);
  program(running);
  return running;
}

const programNamed = (name: string): SystemProgram | undefined => COMMANDS.get(name.slice(name.lastIndexOf("/") + 1));

const isShell = (name: string): boolean => name === "sh" || name === "bash" || name === "ash";

/** How commands start further commands. */
const starter =
  (world: World, nesting: number): Starter =>
  (kernel, words) => {
    const [name = ""] = words;
    if (programNamed(name) === undefined && name !== "sudo" && !isShell(name)) return undefined;
    return startWords(kernel, world, words.join(" "), words, nesting + 1);
  };

/** `sh -c 'line'`: what containerlab files wrap commands in. */
function startShell(
  kernel: Kernel,
  world: World,
  line: string,
  name: string,
  args: readonly string[],
  nesting: number,
  streams: Streams,
): Running {
  const script = args[1];
  if (!/^-[el]*c$/.test(args[0] ?? "") || script === undefined || args.length > 2) {
    return failed(kernel, world, line, `${name}: only "${name} -c 'command'" is built\n`, 2, streams);
  }
  return startCommand(kernel, world, script, nesting + 1, streams);
}

function failed(
  kernel: Kernel,
  world: World,
  line: string,
  message: string,
  status: number,
  streams?: Streams,
): Running {
  const running = new Running(kernel, world, line, [], starter(world, 0), streams);
  if (message !== "") running.err(message);
  running.exit(status);
  return running;
}

/** The steps of a line, or why it cannot be read. Variables, substitutions and groups are refused by name. */
function parseLine(line: string): readonly Step[] | string {
  const steps: Step[] = [];
  let connector: Connector = ";";
  let commands: Command[] = [];
  const taken = takeDocuments(line);
  if (typeof taken === "string") return taken;
  for (const part of [...splitConnectors(taken.line), ";"]) {
    if (part === "|") {
      if (commands.length === 0) return `syntax error near "|"`;
      continue;
    }
    if (part === ";" || part === "&&" || part === "||" || part === "&") {
      if (commands.length > 0) steps.push({ connector, commands, background: part === "&" });
      else if (part !== ";" && steps.length === 0) return `syntax error near "${part}"`;
      commands = [];
      connector = part === "&" ? ";" : part;
      continue;
    }
    const command = parseCommand(part, taken.documents);
    if (typeof command === "string") return command;
    if (command !== undefined) commands.push(command);
  }
  return steps;
}

/** A command of a line; undefined: a comment, or nothing. */
function parseCommand(part: string, documents: readonly string[]): Command | string | undefined {
  const foreign = foreignSyntax(part);
  if (foreign !== undefined)
    return `"${foreign}" is not built: commands with their arguments, joined by ; && || | and &`;
  const tokens = splitTokens(part);
  if (tokens === undefined) return "unterminated quote";
  const words: string[] = [];
  const redirections: Redirection[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const { text, operator } = tokens[i] as Token;
    if (!operator) words.push(text);
    else if (text.includes(">&")) redirections.push({ operator: text, path: "" });
    else {
      const file = tokens[++i];
      if (file === undefined || file.operator) return `syntax error near "${text}"`;
      const document = documentAt(file.text, documents);
      redirections.push(
        document === undefined ? { operator: text, path: file.text } : { operator: "<<", path: document },
      );
    }
  }
  const comment = words[0]?.startsWith("#") ?? redirections.length === 0;
  return comment ? undefined : { words, redirections };
}

/** The line cut at `;`, `&&`, `||`, `|`, `&` and line ends outside quotes, connectors in their places. */
export function splitConnectors(line: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (quote !== "") {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"') i++;
      continue;
    }
    if (c === "'" || c === '"') quote = c;
    else if (c === "\\") i++;
    else if (c === ";" || c === "\n") {
      parts.push(line.slice(from, i), ";");
      from = i + 1;
    } else if ((c === "&" || c === "|") && line[i + 1] === c) {
      parts.push(line.slice(from, i), c + c);
      from = ++i + 1;
    } else if (c === "|" || (c === "&" && line[i - 1] !== ">" && line[i + 1] !== ">")) {
      parts.push(line.slice(from, i), c);
      from = i + 1;
    }
  }
  parts.push(line.slice(from));
  return parts;
}

/** The first unquoted character that means something to a real shell and nothing to this one. */
function foreignSyntax(part: string): string | undefined {
  const bare = part.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/g, "");
  return /[`$()]/.exec(bare)?.[0];
}

import type { Kernel } from "../nodes/kernel/kernel.ts";
import { COMMANDS } from "./commands.ts";
import { Running, type Starter, type SystemProgram, type World } from "./process.ts";
import { splitWords } from "./words.ts";

/** How a command follows the one before it. */
type Connector = ";" | "&&" | "||";
interface Step {
  readonly connector: Connector;
  readonly words: readonly string[];
}

/** `sh` inside `sh` inside `sh`, at most. */
const NESTING_MAX = 16;

/** Starts a command line on a node: words with quotes, `;`, `&&`, `||`, `sh -c`. It runs while simulated time moves. */
export function startCommand(kernel: Kernel, world: World, line: string, nesting = 0): Running {
  const steps = parseLine(line);
  if (typeof steps === "string") return failed(kernel, world, line, `sh: ${steps}\n`, 2);
  const [first, ...rest] = steps;
  if (first === undefined) return failed(kernel, world, line, "", 0);
  if (rest.length === 0) return startWords(kernel, world, line, first.words, nesting);
  const whole = new Running(kernel, world, line, first.words.slice(1), starter(world, nesting));
  runSteps(whole, steps, 0, 0, nesting);
  return whole;
}

function runSteps(whole: Running, steps: readonly Step[], at: number, status: number, nesting: number): void {
  const step = steps[at];
  if (step === undefined) return whole.exit(status);
  const skipped = (step.connector === "&&" && status !== 0) || (step.connector === "||" && status === 0);
  if (skipped) return runSteps(whole, steps, at + 1, status, nesting);
  const one = startWords(whole.kernel, whole.world, step.words.join(" "), step.words, nesting);
  if (one.output !== "") whole.out(one.output);
  one.onOutput((text) => whole.out(text));
  whole.onInterrupt(() => one.interrupt());
  one.onExit(() => runSteps(whole, steps, at + 1, one.status ?? 1, nesting));
}

function startWords(kernel: Kernel, world: World, line: string, words: readonly string[], nesting: number): Running {
  if (nesting > NESTING_MAX) return failed(kernel, world, line, "sh: too deeply nested\n", 2);
  const [name = "", ...args] = words;
  if (name === "sudo") return startWords(kernel, world, line, args, nesting);
  if (isShell(name)) return startShell(kernel, world, line, name, args, nesting);
  const program = programNamed(name);
  if (program === undefined) return failed(kernel, world, line, `sh: ${name}: command not found\n`, 127);
  const running = new Running(kernel, world, line, args, starter(world, nesting));
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
): Running {
  const script = args[1];
  if (!/^-[el]*c$/.test(args[0] ?? "") || script === undefined || args.length > 2) {
    return failed(kernel, world, line, `${name}: only "${name} -c 'command'" is built\n`, 2);
  }
  return startCommand(kernel, world, script, nesting + 1);
}

function failed(kernel: Kernel, world: World, line: string, message: string, status: number): Running {
  const running = new Running(kernel, world, line, [], starter(world, 0));
  running.err(message);
  running.exit(status);
  return running;
}

/** The steps of a line, or why it cannot be read. Pipes, redirections, variables and background jobs are refused by name. */
function parseLine(line: string): readonly Step[] | string {
  const steps: Step[] = [];
  let connector: Connector = ";";
  for (const part of splitConnectors(line)) {
    if (part === ";" || part === "&&" || part === "||") {
      connector = part;
      continue;
    }
    const foreign = foreignSyntax(part);
    if (foreign !== undefined) return `"${foreign}" is not built: one command with its arguments, joined by ; && or ||`;
    const words = splitWords(part);
    if (words === undefined) return "unterminated quote";
    if (words.length > 0 && !(words[0] as string).startsWith("#")) steps.push({ connector, words });
  }
  return steps;
}

/** The line cut at `;`, `&&`, `||` and line ends outside quotes, connectors in their places. */
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
    }
  }
  parts.push(line.slice(from));
  return parts;
}

/** The first unquoted character that means something to a real shell and nothing to this one. */
function foreignSyntax(part: string): string | undefined {
  const bare = part.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/g, "");
  return /[|<>&`$()]/.exec(bare)?.[0];
}

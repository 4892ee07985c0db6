import type { Command, Line } from "./options.ts";

/** Options in the order in which the program looks at them. */
const ORDER = [
  "src",
  "dst",
  "reply-src",
  "reply-dst",
  "protonum",
  "timeout",
  "status",
  "zero",
  "event-mask",
  "mark",
  "family",
  "src-nat",
  "dst-nat",
  "output",
  "any-nat",
] as const;

/** For each command: 0 an option that it does not take, 1 one that it needs, 2 one that it may have; in the order above. */
const ENTRIES: Readonly<Record<Command, string>> = {
  L: "222220220222222",
  I: "222211200202200",
  A: "222211200202200",
  U: "222222200222220",
  D: "222222200222220",
  G: "222210000020020",
  F: "000000000020000",
  E: "222220002222222",
  C: "000000000000000",
  S: "000000000000000",
  V: "000000000000000",
  h: "000020000000000",
};
const EXPECTATIONS: Readonly<Partial<Record<Command, string>>> = { L: "000000000020020", F: "000000000020000" };

/** What is wrong with the options of a line for its command; undefined: nothing. */
export function illegal(line: Line): string | undefined {
  const command = line.command ?? "h";
  const table = line.table === "expect" ? (EXPECTATIONS[command] ?? ENTRIES[command]) : ENTRIES[command];
  for (const [i, name] of ORDER.entries()) {
    if (!line.given.has(name) && table[i] === "1") return `You need to supply the \`--${name}' option for this command`;
    if (line.given.has(name) && table[i] === "0") return `Illegal option \`--${name}' with this command`;
  }
  if (line.table === "expect" || !"IAG".includes(command)) return undefined;
  return incomplete(line, command !== "G");
}

/** What an entry that is made, or looked for, still needs. */
function incomplete(line: Line, made: boolean): string | undefined {
  const both = (a: unknown, b: unknown): boolean => a !== undefined && b !== undefined;
  if (!both(line.src, line.dst) && !both(line["reply-src"], line["reply-dst"])) {
    const reply =
      line.src === undefined && line.dst === undefined && (line["reply-src"] ?? line["reply-dst"]) !== undefined;
    return reply ? "you have to specify `--reply-src' and `--reply-dst'" : "you have to specify `--src' and `--dst'";
  }
  const { fields, protocol } = line;
  for (const [field, name] of made ? (protocol?.needed ?? []) : [])
    if (fields[field] === undefined) return `You need to supply the \`--${name}' option for this command`;
  if (fields.replySport !== undefined || fields.replySrckey !== undefined) return undefined;
  for (const [a, b] of protocol?.together ?? [])
    if (!both(fields[a], fields[b])) return `you have to specify \`--${a}' and \`--${b}'`;
  return undefined;
}

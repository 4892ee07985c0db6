import type {
  EbMatchSpec,
  EbRuleSpec,
  EbTargetSpec,
  EbVerdict,
  MacSpec,
} from "../../nodes/kernel/netfilter/ebtables/rule.ts";
import type { NameSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { problem, Told } from "../iptables/exit.ts";
import { Getopt, type LongOption } from "../iptables/getopt.ts";
import { isAny, parseInterface } from "../iptables/interfaces.ts";
import { whole } from "../iptables/numbers.ts";
import { etherType, hexNumber } from "./ethertypes.ts";
import { parseMacAndMask } from "./macs.ts";
import { type EbOption, MATCH_OPTIONS } from "./matches.ts";
import type { Command, Request } from "./request.ts";
import { isVerdict, targetNamed } from "./targets.ts";

const RULE_NUMBER_MAX = 0x7fff_ffff;
/** Frames with less than this in the type field carry a length (IEEE 802.3). */
const ETHERTYPE_MIN = 0x600;
const LETTERS = "A:D:I:N:E:X::L::Z::F::P:Vhi:o:j:c:p:s:d:t:";
const LONG: readonly (readonly [name: string, key: string, value: 0 | 1 | 2])[] = [
  ["append", "A", 1],
  ["insert", "I", 1],
  ["delete", "D", 1],
  ["list", "L", 2],
  ["flush", "F", 2],
  ["zero", "Z", 2],
  ["policy", "P", 1],
  ["new-chain", "N", 1],
  ["rename-chain", "E", 1],
  ["delete-chain", "X", 2],
  ["Lc", "Lc", 0],
  ["Ln", "Ln", 0],
  ["version", "V", 0],
  ["help", "h", 0],
  ["jump", "j", 1],
  ["set-counters", "c", 1],
  ["proto", "p", 1],
  ["protocol", "p", 1],
  ["src", "s", 1],
  ["source", "s", 1],
  ["dst", "d", 1],
  ["destination", "d", 1],
  ["in-if", "i", 1],
  ["in-interface", "i", 1],
  ["out-if", "o", 1],
  ["out-interface", "o", 1],
  ["logical-in", "logical-in", 1],
  ["logical-out", "logical-out", 1],
  ["table", "t", 1],
];

type Key = { readonly letter: string } | { readonly match: EbOption } | { readonly target: string };
/** Made of `Getopt`'s key for a letter. */
const letterKey = (letter: string): Key => ({ letter });

const COMMON: readonly LongOption<Key>[] = [
  ...LONG.map(([name, key, value]) => ({ name, value, key: letterKey(key), same: key })),
  ...MATCH_OPTIONS.flatMap((match) =>
    match.names.map(
      (name): LongOption<Key> => ({
        name,
        value: match.bare === true ? 0 : 1,
        key: { match },
        same: match.names[0] as string,
      }),
    ),
  ),
];

/** Reads a command line, without the program's name. */
export const parseRequest = (args: readonly string[], warn: (text: string) => void): Request =>
  new Parser(args, warn).run();

const INS = ["INPUT", "FORWARD", "PREROUTING", "BROUTING"];
const OUTS = ["OUTPUT", "FORWARD", "POSTROUTING"];
const BUILT_IN = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];

class Parser {
  readonly #words: Getopt<Key>;
  readonly #warn: (text: string) => void;
  #long: readonly LongOption<Key>[] = COMMON;
  #invert = false;
  #command: Command | undefined;
  #table = "filter";
  #chain: string | undefined;
  #first = 0;
  #last = 0;
  #newName: string | undefined;
  #policy: EbVerdict | undefined;
  #zero = false;
  #numbers = false;
  #counted = false;
  #counters: readonly [number, number] = [0, 0];
  /** Letters of the rule's options that were given. */
  readonly #given = new Set<string>();
  readonly #parts: { -readonly [K in keyof EbRuleSpec]?: EbRuleSpec[K] } = {};
  readonly #matches = new Map<EbMatchSpec["kind"], object>();
  #jump = "CONTINUE";
  readonly #targetOptions = new Map<string, string>();

  constructor(args: readonly string[], warn: (text: string) => void) {
    this.#words = new Getopt("ebtables", args, LETTERS, letterKey);
    this.#warn = warn;
  }

  run(): Request {
    for (;;) {
      const word = this.#words.next(this.#long);
      if (word === undefined) break;
      if (word.kind === "plain") {
        if (word.text !== "!") throw problem(`Bad argument : '${word.text}'`);
        this.#turn();
        continue;
      }
      if (word.kind !== "option") throw problem(`Unknown argument: '${word.shown}'`);
      if ("letter" in word.key) this.#letter(word.key.letter, word.value);
      else if ("match" in word.key) this.#match(word.key.match, word.value);
      else this.#targetOption(word.key.target, word.value);
      this.#invert = false;
    }
    return this.#finish();
  }

  /** A `!`, before an option or before its value. */
  #turn(): void {
    if (this.#invert) throw problem("Double use of '!' not allowed");
    this.#invert = true;
  }
  #value(given: string | undefined): string {
    if (given !== "!") return given as string;
    this.#turn();
    if (this.#words.at >= this.#words.args.length) throw problem("Option without (mandatory) argument");
    return this.#words.take();
  }
  #not(): { readonly invert?: true } {
    return this.#invert ? { invert: true } : {};
  }
  #argument(): string | undefined {
    return this.#words.hasArgument ? this.#words.take() : undefined;
  }

  // --- commands ------------------------------------------------------------------------------------------------

  #letter(letter: string, value: string | undefined): void {
    switch (letter) {
      case "A":
        return this.#begin("A", value);
      case "D":
        this.#begin("D", value);
        return this.#range(this.#argument());
      case "I":
        this.#begin("I", value);
        return this.#place();
      case "N":
        if ((value as string).startsWith("-")) throw problem("No chain name specified");
        return this.#begin("N", value);
      case "E":
        this.#begin("E", value);
        this.#newName = this.#argument();
        if (this.#newName === undefined) throw problem("No new chain name specified");
        return;
      case "X":
      case "F":
        return this.#begin(letter, value ?? this.#argument());
      case "L":
        if (this.#command !== "Z") return this.#begin("L", value ?? this.#argument());
        this.#command = "L";
        this.#zero = true;
        this.#chain ??= value ?? this.#argument();
        return;
      case "Z":
        if (this.#command !== "L") return this.#begin("Z", value ?? this.#argument());
        this.#zero = true;
        this.#chain ??= value ?? this.#argument();
        return;
      case "P":
        return this.#readPolicy(value as string);
      case "V":
        throw new Told("version");
      case "h":
        throw new Told("help");
      case "t":
        this.#table = value as string;
        return;
      case "Lc":
      case "Ln":
        if (this.#command !== "L") throw problem(`Use --${letter} with -L`);
        if (letter === "Lc") this.#counted = true;
        else this.#numbers = true;
        return;
      default:
        return this.#ruleOption(letter, value);
    }
  }

  #begin(command: Command, chain: string | undefined): void {
    if (this.#command !== undefined) throw problem("Multiple commands are not allowed");
    this.#command = command;
    this.#chain = chain;
  }

  #readPolicy(value: string): void {
    // Beside -N it is the policy of the new chain, and its only word.
    const made = this.#command === "N";
    if (!made) this.#begin("P", value);
    const policy = made ? value : this.#argument();
    if (policy === undefined) throw problem("No policy specified");
    if (!isVerdict(policy)) throw problem(`Unknown policy '${policy}'`);
    const builtIn = !made && BUILT_IN.includes(this.#chain ?? "");
    if (builtIn && policy === "RETURN") throw problem("Policy RETURN only allowed for user defined chains");
    if (policy === "CONTINUE") throw problem("Wrong policy 'CONTINUE'");
    this.#policy = policy;
  }

  /** The number behind `-I`; a word that begins with `-` and a digit was meant as one too. */
  #place(): void {
    const next = this.#words.args[this.#words.at];
    const text = next !== undefined && /^-\d/.test(next) ? this.#words.take() : this.#argument();
    this.#first = 1;
    if (text === undefined) return;
    const number = whole(text, RULE_NUMBER_MAX);
    if (number === undefined || number === 0) throw problem(`Invalid rule number \`${text}'`);
    this.#first = number;
  }

  /** `first[:last]` behind `-D`. */
  #range(text: string | undefined): void {
    if (text === undefined) return;
    const match = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(text);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || first === 0 || last < first)
      throw problem(`Problem with the specified rule number(s) '${text.split(":", 1)[0]}'`);
    this.#first = first;
    this.#last = last;
  }

  // --- rules ---------------------------------------------------------------------------------------------------

  #ruleOption(letter: string, given: string | undefined): void {
    if (this.#command === undefined) throw problem("No command specified");
    if (!"ADI".includes(this.#command)) throw problem("Command and option do not match");
    if (this.#given.has(letter)) throw problem("Multiple use of same option not allowed");
    this.#given.add(letter);
    const value = letter === "c" ? (given as string) : this.#value(given);
    switch (letter) {
      case "i":
      case "logical-in":
      case "o":
      case "logical-out":
        return this.#device(letter, value);
      case "s":
        this.#parts.source = this.#mac(value, "source");
        return;
      case "d":
        this.#parts.destination = this.#mac(value, "destination");
        return;
      case "p":
        this.#parts.protocol = { type: frameType(value), ...this.#not() };
        return;
      case "c":
        return this.#setCounters(value);
      default:
        return this.#jumpTo(value);
    }
  }

  #device(letter: string, name: string): void {
    const input = letter === "i" || letter === "logical-in";
    const dash = letter.length === 1 ? `-${letter}` : `--${letter}`;
    const chain = this.#chain ?? "";
    if (BUILT_IN.includes(chain) && !(input ? INS : OUTS).includes(chain))
      throw problem(
        `Use ${dash} only in ${input ? "INPUT, FORWARD, PREROUTING and BROUTING" : "OUTPUT, FORWARD and POSTROUTING"} chains`,
      );
    const device: NameSpec = { name: parseInterface(name, this.#warn), ...this.#not() };
    if (name === "" || isAny(device)) return;
    const key = ({ i: "in", o: "out", "logical-in": "logicalIn", "logical-out": "logicalOut" } as const)[letter];
    if (key !== undefined) this.#parts[key] = device;
  }

  #mac(text: string, end: string): MacSpec {
    const spec = parseMacAndMask(text);
    if (spec === undefined) throw problem(`Problem with specified ${end} mac '${text.split("/", 1)[0]}'`);
    return { ...spec, ...this.#not() };
  }

  #setCounters(packets: string): void {
    const bytes = this.#argument();
    if (bytes === undefined) throw problem("Option -c needs 2 arguments");
    for (const text of [packets, bytes])
      if (!/^\d{1,15}$/.test(text)) throw problem(`Packet counter '${text}' invalid`);
    this.#counters = [Number(packets), Number(bytes)];
  }

  #jumpTo(name: string): void {
    if (name === "") throw problem("Invalid target name (too short)");
    this.#jump = name;
    const own = (targetNamed(name)?.options ?? []).flatMap(([names, bare]) =>
      names.map((option): LongOption<Key> => {
        const target = names[0] as string;
        return { name: option, value: bare === true ? 0 : 1, key: { target }, same: `target ${target}` };
      }),
    );
    this.#long = [...COMMON, ...own];
  }

  #match({ kind, bare, read }: EbOption, given: string | undefined): void {
    if (this.#command === undefined) throw problem("No command specified");
    const value = bare === true ? "" : this.#value(given);
    this.#matches.set(kind, { ...this.#matches.get(kind), ...read(value, this.#not()) });
  }

  #targetOption(name: string, value: string | undefined): void {
    if (this.#targetOptions.has(name)) throw problem("Multiple use of same option not allowed");
    this.#targetOptions.set(name, value ?? "");
  }

  // --- the end -------------------------------------------------------------------------------------------------

  #finish(): Request {
    if (this.#words.at < this.#words.args.length) throw problem(`Bad argument : '${this.#words.args[this.#words.at]}'`);
    const command = this.#command;
    if (command === undefined) throw new Told("help");
    if (this.#matches.size > 0 && !"ADI".includes(command)) throw problem("Command and option do not match");
    if (this.#last > 0 && (this.#given.size > 0 || this.#matches.size > 0))
      throw problem("No extra options allowed with -D start_nr[:end_nr]");
    const matches = [...this.#matches].map(([kind, parts]) => ({ kind, ...parts }) as EbMatchSpec);
    const rule: EbRuleSpec = {
      ...this.#parts,
      ...(matches.length > 0 && { matches }),
      target: this.#target(),
    };
    return {
      table: this.#table,
      command,
      chain: this.#chain,
      first: this.#first,
      last: this.#last,
      newName: this.#newName,
      policy: this.#policy,
      zero: this.#zero,
      rule,
      packets: this.#counters[0],
      bytes: this.#counters[1],
      numbers: this.#numbers,
      counters: this.#counted,
    };
  }

  #target(): EbTargetSpec {
    const kind = this.#jump;
    if (isVerdict(kind)) return { kind };
    return targetNamed(kind)?.build(this.#targetOptions) ?? { kind: "jump", chain: kind };
  }
}

/** A name, or a hexadecimal number. */
function frameType(text: string): number | "LENGTH" {
  if (text.toUpperCase() === "LENGTH") return "LENGTH";
  const number = text === "" ? 0 : hexNumber(text);
  const type = number ?? etherType(text);
  if (type === undefined)
    throw problem(`Problem with the specified Ethernet protocol '${text}', perhaps /etc/ethertypes is missing`);
  if (type > 0xffff) throw problem("Problem with the specified protocol");
  if (type < ETHERTYPE_MIN) throw problem("Sorry, protocols have values above or equal to 0x0600");
  // The first of them stands for all lengths.
  return type === ETHERTYPE_MIN ? "LENGTH" : type;
}

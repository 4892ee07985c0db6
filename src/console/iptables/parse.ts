import type { NameSpec, RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { BadArgument, OtherFamily, problem, Told } from "./exit.ts";
import { Getopt, type LongOption } from "./getopt.ts";
import { parseInterface } from "./interfaces.ts";
import type { MatchKind, TargetKind } from "./kind.ts";
import { GLOBAL, type Key, LETTERS, type Loaded } from "./long-options.ts";
import { CHAIN_NAME_MAX, checkChainName, checkTargetName, tooLong } from "./names.ts";
import { whole } from "./numbers.ts";
import { type At, Given, idOf, type Option } from "./option.ts";
import { parseProtocol, protocolName } from "./protocols.ts";
import { isTargetNotBuilt, matchKind, targetKind } from "./registry.ts";
import { addCommand, bringsRule, type Command, checkFlags, type Flag, type Request } from "./request.ts";
import { addressesOf, headOf, inverted, matchesOf, RuleDraft, targetOf } from "./rule-draft.ts";

const RULE_NUMBER_MAX = 0x7fff_ffff;
/** Matches of one rule, at most. */
const MATCHES_MAX = 64;

/** Reads a command line, without the program's name; `table` is the one of `iptables-restore`, which then may not be named. `warn` is told at once. */
export function parseRequest(
  program: string,
  args: readonly string[],
  warn: (text: string) => void,
  table?: string,
): Request {
  return new Parser(program, args, warn, table).run();
}

class Parser {
  readonly #words: Getopt<Key>;
  readonly #fixedTable: string | undefined;
  readonly #commands: Command[] = [];
  readonly #flags = new Set<Flag>();
  #long: readonly LongOption<Key>[] = GLOBAL;
  #invert = false;
  #table: string;
  #chain: string | undefined;
  #number = 0;
  #newName: string | undefined;
  #policy: string | undefined;
  readonly #rule = new RuleDraft();
  #protocolLoaded = false;
  #counters: readonly [number, number] = [0, 0];
  readonly #warn: (text: string) => void;

  constructor(program: string, args: readonly string[], warn: (text: string) => void, table: string | undefined) {
    this.#words = new Getopt(program, args, LETTERS, (letter): Key => ({ letter }));
    this.#warn = warn;
    this.#fixedTable = table;
    this.#table = table ?? "filter";
  }

  run(): Request {
    for (;;) {
      const word = this.#words.next(this.#long);
      if (word === undefined) break;
      if (word.kind === "plain") {
        if (word.text !== "!") throw new BadArgument(word.text);
        if (this.#invert) throw problem("multiple consecutive ! not allowed");
        this.#invert = true;
        continue;
      }
      if (word.kind !== "option") {
        if (this.#loadProtocol()) {
          this.#words.again();
          continue;
        }
        if (word.kind === "missing") throw problem(`option "${word.shown}" requires an argument`);
        throw problem(`unknown option "${word.shown}"`);
      }
      if ("letter" in word.key) this.#letter(word.key.letter, word.value);
      else this.#extension(word.key, word.value ?? "");
      this.#invert = false;
    }
    return this.#finish();
  }

  // --- options -------------------------------------------------------------------------------------------------

  #letter(letter: string, value: string | undefined): void {
    switch (letter) {
      case "A":
      case "C":
      case "N":
        if (letter === "N") checkChainName(value as string);
        return this.#command(letter, "", value);
      case "D":
        this.#command("D", "", value);
        if (this.#words.hasArgument) {
          this.#number = ruleNumber(this.#words.take());
          this.#commands[this.#commands.length - 1] = "D#";
        }
        return;
      case "R":
      case "I":
        this.#command(letter, "", value);
        if (this.#words.hasArgument) this.#number = ruleNumber(this.#words.take());
        else if (letter === "I") this.#number = 1;
        else throw problem("-R requires a rule number");
        return;
      case "L":
      case "S":
        this.#command(letter, "Z", value ?? this.#argument());
        if (this.#words.hasArgument) this.#number = ruleNumber(this.#words.take());
        return;
      case "F":
      case "X":
        return this.#command(letter, "", value ?? this.#argument());
      case "Z":
        this.#command("Z", "LS", value ?? this.#argument());
        if (this.#words.hasArgument) {
          this.#number = ruleNumber(this.#words.take());
          this.#commands[this.#commands.length - 1] = "Z#";
        }
        return;
      case "E":
        this.#command("E", "", value);
        this.#newName = this.#argument();
        if (this.#newName === undefined) throw problem("-E requires old-chain-name and new-chain-name");
        return;
      case "P":
        this.#command("P", "", value);
        this.#policy = this.#argument();
        if (this.#policy === undefined) throw problem("-P requires a chain and a policy");
        return;
      case "h":
        throw new Told("help");
      case "V":
        throw new Told("version");
      default:
        return this.#ruleLetter(letter, value as string);
    }
  }

  #ruleLetter(letter: string, value: string): void {
    const invert = this.#invert;
    switch (letter) {
      case "p": {
        this.#flag("p");
        const text = value.toLowerCase();
        const number = parseProtocol(text);
        if (number === 0 && invert) throw problem("rule would never match protocol");
        this.#rule.protocol = { text, number, invert };
        return;
      }
      case "s":
        this.#flag("s");
        this.#rule.sources = { text: value, invert };
        return;
      case "d":
        this.#flag("d");
        this.#rule.destinations = { text: value, invert };
        return;
      case "i":
        this.#rule.in = this.#device("i", value);
        return;
      case "o":
        this.#rule.out = this.#device("o", value);
        return;
      case "f":
        this.#flag("f");
        this.#rule.fragment = inverted(invert);
        return;
      case "j":
        this.#flag("j");
        return this.#jumpTo(value);
      case "g":
        this.#flag("j");
        this.#rule.jump = { name: checkTargetName(value), goto: true };
        return;
      case "m":
        return this.#match(value);
      default:
        return this.#printLetter(letter, value);
    }
  }

  #printLetter(letter: string, value: string | undefined): void {
    switch (letter) {
      case "v":
        if (!this.#flags.has("v")) this.#flag("v");
        return;
      case "n":
      case "x":
      case "0":
        return this.#flag(letter);
      case "c":
        this.#flag("c");
        this.#counters = this.#readCounters(value as string);
        return;
      case "t":
        if (this.#invert) throw problem("unexpected ! flag before --table");
        if (this.#fixedTable !== undefined) throw problem("The -t option cannot be used in iptables-restore.\n");
        this.#table = value as string;
        return;
      case "w":
        if (this.#fixedTable !== undefined) throw problem("You cannot use `-w' from iptables-restore");
        return this.#wait(value ?? this.#argument());
      case "6":
        throw new OtherFamily();
      default:
        return; // `-4`
    }
  }

  #command(command: Command, beside: string, chain: string | undefined): void {
    addCommand(this.#commands, command, beside, this.#invert);
    if (chain !== undefined) this.#chain = chain;
  }
  #flag(flag: Flag): void {
    if (this.#flags.has(flag)) throw problem(`multiple -${flag} flags not allowed`);
    this.#flags.add(flag);
    if (this.#invert && !"sdpiof".includes(flag)) throw problem(`cannot have ! before -${flag}`);
  }
  #argument(): string | undefined {
    return this.#words.hasArgument ? this.#words.take() : undefined;
  }

  #device(flag: "i" | "o", name: string): NameSpec {
    if (name === "") throw problem("Empty interface is likely to be undesired");
    this.#flag(flag);
    return { name: parseInterface(name, this.#warn), ...inverted(this.#invert) };
  }

  #readCounters(value: string): readonly [number, number] {
    const comma = value.indexOf(",", 1);
    const bytes = comma < 0 ? this.#argument() : value.slice(comma + 1);
    if (bytes === undefined) throw problem("-c requires packet and byte counter");
    const [packets, octets] = [value, bytes].map((text) => /^\s*\d{1,15}/.exec(text)?.[0]);
    if (packets === undefined) throw problem("-c packet counter not numeric");
    if (octets === undefined) throw problem("-c byte counter not numeric");
    return [Number(packets), Number(octets)];
  }

  /** Nobody else is in the way here: how long one would wait makes no difference. */
  #wait(seconds: string | undefined): void {
    if (seconds !== undefined && !/^\d+$/.test(seconds)) throw problem("wait seconds not numeric");
  }

  // --- matches and targets -------------------------------------------------------------------------------------

  #match(name: string): void {
    if (this.#invert) throw problem("unexpected ! flag before --match");
    const kind = matchKind(name);
    if (kind === undefined) throw problem(`Couldn't load match \`${name}':No such file or directory\n`);
    this.#loadMatch(kind);
  }

  #loadMatch(kind: MatchKind): void {
    if (this.#rule.matches.length >= MATCHES_MAX) throw problem(`more than ${MATCHES_MAX} matches in one rule`);
    this.#rule.matches.push(this.#load(kind));
  }

  #jumpTo(name: string): void {
    checkTargetName(name);
    this.#rule.jump = { name, goto: false };
    if (isTargetNotBuilt(name)) throw problem(`Couldn't load target \`${name}':No such file or directory\n`);
    const kind = targetKind(name);
    if (kind !== undefined) this.#rule.target = this.#load(kind);
  }

  /** Its options come before those of what was loaded earlier. */
  #load(kind: MatchKind | TargetKind): Loaded {
    const serial = this.#long.length;
    const loaded = { kind, given: new Given() };
    const own = kind.options.map(
      (option): LongOption<Key> => ({
        name: option.name,
        value: option.read === undefined ? 0 : 1,
        key: { loaded, option },
        same: `${serial} ${idOf(option)}`,
      }),
    );
    this.#long = [...GLOBAL, ...own, ...this.#long.slice(GLOBAL.length)];
    return loaded;
  }

  /** An option that nobody knows may be one of the protocol's match (iptables/xshared.c:load_proto). */
  #loadProtocol(): boolean {
    if (this.#rule.protocol === undefined || this.#protocolLoaded) return false;
    const { text, number } = this.#rule.protocol;
    const kind = matchKind(whole(text, 255) === undefined ? text : protocolName(number));
    if (kind === undefined) return false;
    this.#protocolLoaded = true;
    this.#loadMatch(kind);
    return true;
  }

  #extension({ loaded, option }: { readonly loaded: Loaded; readonly option: Option }, value: string): void {
    const words = this.#words;
    // The first name of an option is the one in complaints.
    const named = loaded.kind.options.find((o) => idOf(o) === idOf(option)) ?? option;
    const at: At = {
      extension: loaded.kind.name,
      option: named.name,
      protocol: this.#rule.protocol?.number ?? 0,
      protocolInverted: this.#rule.protocol?.invert === true,
      next: () => (words.hasArgument ? words.take() : undefined),
      warn: this.#warn,
    };
    loaded.given.take({ ...option, name: named.name, id: idOf(option) }, value, this.#invert, at);
  }

  // --- the end -------------------------------------------------------------------------------------------------

  #finish(): Request {
    if (this.#table === "nat" && (this.#policy === "DROP" || this.#rule.jump?.name === "DROP"))
      throw problem('\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n');
    const head = headOf(this.#rule);
    const matches = matchesOf(this.#rule, head);
    const target = targetOf(this.#rule, head);
    if (this.#words.at < this.#words.args.length) throw problem("unknown arguments found on commandline");
    if (this.#commands.length === 0) throw problem("no command specified");
    if (this.#invert) throw problem("nothing appropriate following !");
    const addresses = addressesOf(this.#rule);
    if (this.#commands[0] === "R" && addresses.length !== 1)
      throw problem("Replacement rule does not specify a unique address");
    checkFlags(this.#commands, this.#flags);
    this.#checkChain();
    for (const match of matches) matchKind(match.kind)?.fits?.(match as never, head);
    const rest: RuleSpec = {
      ...head,
      ...(matches.length > 0 && { matches }),
      ...(target !== undefined && { target }),
    };
    return {
      table: this.#table,
      commands: this.#commands,
      chain: this.#chain,
      number: this.#number,
      newName: this.#newName,
      policy: this.#policy,
      rules: addresses.map((pair) => ({ ...pair, ...rest })),
      packets: this.#counters[0],
      bytes: this.#counters[1],
      verbose: this.#flags.has("v"),
      numeric: this.#flags.has("n"),
      exact: this.#flags.has("x"),
      lineNumbers: this.#flags.has("0"),
    };
  }

  #checkChain(): void {
    const chain = this.#chain;
    if (chain === undefined) return;
    if (chain.length > CHAIN_NAME_MAX) throw tooLong(chain);
    if (!bringsRule(this.#commands[0] as Command)) return;
    if ((chain === "PREROUTING" || chain === "INPUT") && this.#flags.has("o"))
      throw problem(`Can't use -o with ${chain}\n`);
    if ((chain === "POSTROUTING" || chain === "OUTPUT") && this.#flags.has("i"))
      throw problem(`Can't use -i with ${chain}\n`);
  }
}

function ruleNumber(text: string): number {
  const number = whole(text, RULE_NUMBER_MAX);
  if (number === undefined || number === 0) throw problem(`Invalid rule number \`${text}'`);
  return number;
}

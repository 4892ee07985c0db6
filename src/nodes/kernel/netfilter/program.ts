import { dropReason } from "../../../core/drop.ts";
import { IPPROTO_TCP } from "../../../protocols/ipv4/wire.ts";
import { saw } from "../saw.ts";
import type { Chain } from "./chain.ts";
import { CLASSIFY_MAX, CLASSIFY_MIN, Classifier } from "./classifier.ts";
import { nameMatcher } from "./names.ts";
import { CONTINUE, type Matcher, RETURN, type Rule, type RuleSpec } from "./rule.ts";
import { type HookState, NF_ACCEPT, NF_DROP, PORTS_READ, PORTS_SHORT } from "./state.ts";
import { LEARN, type Path, VerdictCache } from "./verdict-cache.ts";

const BY_RULE = dropReason("netfilter: dropped by a rule");
const BY_POLICY = dropReason("netfilter: dropped by a chain's policy");
const TOO_SHORT = dropReason("netfilter: too short for a rule's match");

/** Words of a rule's first part: what is compared at once, before any match is asked. */
const STRIDE = 12;
const C_FLAGS = 0;
const C_SRC = 1;
const C_SRC_MASK = 2;
const C_DST = 3;
const C_DST_MASK = 4;
const C_PROTOCOL = 5;
/** Lowest port in the upper half, highest in the lower. */
const C_SPORT = 6;
const C_DPORT = 7;
const C_IN = 8;
const C_OUT = 9;
const C_MATCHES = 10;
const C_CODE = 11;

const HAS_SRC = 1;
const NOT_SRC = 2;
const HAS_DST = 4;
const NOT_DST = 8;
const HAS_PROTOCOL = 16;
const NOT_PROTOCOL = 32;
const HAS_IN = 64;
const HAS_OUT = 128;
const HAS_FRAGMENT = 256;
const NOT_FRAGMENT = 512;
const HAS_SPORT = 1024;
const HAS_DPORT = 2048;
const HAS_PORTS = HAS_SPORT | HAS_DPORT;

/** What a rule does: `NF_ACCEPT`, `NF_DROP`, `CONTINUE`, `RETURN`, or one of these; from `CODE_JUMP` on, where to go, and how. */
const CODE_ACTION = -3;
const CODE_POLICY = -4;
const CODE_JUMP = 16;

/** Shorter tables are walked sooner than a packet is looked up. */
const REMEMBER_MIN = 8;

const STACK_MIN = 64;
/** Jumps that a packet may be in at once (NFT_JUMP_STACK_SIZE). */
export const JUMPS_MAX = 16;

/** The chains of a table as the data path walks them: all rules in a row, each chain with its end. */
export class Program {
  readonly #cells: Int32Array;
  readonly #rules: (Rule | null)[] = [];
  readonly #matchers: (readonly Matcher[])[] = [[]];
  /** What packets met at each hook; null where it is not remembered. */
  readonly #known: (VerdictCache | null)[] = [null, null, null, null, null];
  readonly #remembers: boolean;
  readonly #names: ((name: string) => boolean)[] = [];
  readonly #chains: Chain[] = [];
  readonly #starts = new Map<string, number>();
  /** Of the built-in chains, by their hooks. */
  readonly #first: number[] = [];
  /** Of the chain that a rule belongs to. */
  readonly #classifiers: (Classifier | null)[] = [];
  readonly #table: string;
  /** Where to go on after jumps; calls within calls (an answer that is filtered too) stand above one another. */
  #stack = new Int32Array(STACK_MIN);
  #top = 0;

  constructor(table: string, chains: readonly Chain[]) {
    this.#table = table;
    let size = 0;
    for (const chain of chains) {
      this.#starts.set(chain.name, size);
      if (chain.hook >= 0) this.#first[chain.hook] = size;
      size += chain.rules.length + 1;
    }
    this.#cells = new Int32Array(STRIDE * size);
    // Only the first packet of a flow sees the table `nat`.
    this.#remembers = table !== "nat" && size - chains.length >= REMEMBER_MIN;
    for (const chain of chains) {
      const { rules } = chain;
      const long = rules.length >= CLASSIFY_MIN && rules.length <= CLASSIFY_MAX;
      const classifier = long ? new Classifier(this.#rules.length, rules) : null;
      for (const rule of rules) this.#compile(chain, rule);
      this.#end(chain);
      while (this.#classifiers.length < this.#rules.length) this.#classifiers.push(classifier);
    }
  }

  /** What the rules of the hook's built-in chain, and of those that it leads to, make of a packet. */
  run(s: HookState): number {
    if (!this.#remembers || s.p.nfct === 0 || s.p.trail !== null) return this.#walk(s, null);
    const known = this.#known[s.hook] ?? this.#remember(s);
    if (known === null) return this.#walk(s, null);
    const path = known.find(s);
    return path > 0 ? this.#repeat(s, known.path(path)) : this.#walk(s, path === LEARN ? known : null);
  }

  /** As packets alike before it. */
  #repeat(s: HookState, { rules, end }: Path): number {
    const bytes = s.p.end - s.p.net;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as Rule;
      rule.packets++;
      rule.bytes += bytes;
    }
    const code = this.#cells[end * STRIDE + C_CODE] as number;
    return code === NF_ACCEPT ? NF_ACCEPT : this.#decide(s, end, code);
  }

  /** Rule by rule (net/ipv4/netfilter/ip_tables.c:ipt_do_table). `learner` is told how it went, if all packets alike would go so. */
  #walk(s: HookState, learner: VerdictCache | null): number {
    s.read();
    let path = learner === null ? null : learner.start;
    const cells = this.#cells;
    const base = this.#top;
    const { view, net } = s.p;
    let src = view.getInt32(net + 12);
    let dst = view.getInt32(net + 16);
    let i = this.#first[s.hook] as number;
    let classifier = this.#look(i, s, src, dst);
    for (;;) {
      if (classifier !== null) i = classifier.next(i);
      const o = i * STRIDE;
      const flags = cells[o] as number;
      if (
        flags !== 0 &&
        (((flags & HAS_SRC) !== 0 &&
          ((src & (cells[o + C_SRC_MASK] as number)) === cells[o + C_SRC]) === ((flags & NOT_SRC) !== 0)) ||
          ((flags & HAS_DST) !== 0 &&
            ((dst & (cells[o + C_DST_MASK] as number)) === cells[o + C_DST]) === ((flags & NOT_DST) !== 0)) ||
          ((flags & HAS_PROTOCOL) !== 0 && (s.protocol === cells[o + C_PROTOCOL]) === ((flags & NOT_PROTOCOL) !== 0)) ||
          (flags >= HAS_IN && !this.#takes(s, o, flags)))
      ) {
        if (s.hotdrop) return this.#abort(s, i, base);
        i++;
        continue;
      }
      const matches = cells[o + C_MATCHES] as number;
      if (path !== null && matches !== 0 && !this.#isSteady(s, matches)) path = null;
      if (matches !== 0 && !this.#matches(s, matches)) {
        if (s.hotdrop) return this.#abort(s, i, base);
        i++;
        continue;
      }
      const code = cells[o + C_CODE] as number;
      const rule = this.#rules[i] as Rule | null;
      if (rule !== null) {
        rule.packets++;
        rule.bytes += s.p.end - s.p.net;
        if (path !== null) path = path.over(i, rule);
        if (s.p.trail !== null) this.#saw(s, i, rule);
      }
      if (code === NF_ACCEPT) {
        if (path !== null) learn(learner, path, i);
        this.#top = base;
        return NF_ACCEPT;
      }
      if (code >= CODE_JUMP) {
        if ((code & 1) === 0) this.#push(i + 1);
        i = (code - CODE_JUMP) >> 1;
        classifier = this.#look(i, s, src, dst);
      } else if (code === CONTINUE) i++;
      else if (code === CODE_ACTION) {
        path = null;
        s.where = this.#where(i, rule as Rule);
        const verdict = (rule as Rule).action?.run(s) ?? CONTINUE;
        if (verdict === CONTINUE) {
          i++;
          src = s.p.view.getInt32(s.p.net + 12);
          dst = s.p.view.getInt32(s.p.net + 16);
        } else {
          this.#top = base;
          return verdict;
        }
      } else if (code === RETURN) {
        i = this.#top > base ? (this.#stack[--this.#top] as number) : this.#endOf(s.hook);
        classifier = this.#classifiers[i] as Classifier | null;
      } else {
        if (path !== null) learn(learner, path, i);
        this.#top = base;
        return this.#decide(s, i, code);
      }
    }
  }

  /** A rule that drops, or the end of a built-in chain. */
  #decide(s: HookState, i: number, code: number): number {
    return code === CODE_POLICY ? this.#policy(s, i) : s.refuse(BY_RULE, this.#where(i, this.#rules[i] as Rule));
  }

  /** The first packet of a flow at its hook: what becomes of others is remembered from now on. */
  #remember(s: HookState): VerdictCache | null {
    const { firewall } = s.kernel;
    if (firewall === null) return null;
    return (this.#known[s.hook] = new VerdictCache(firewall.conntrack.table, this.#names.length > 0));
  }

  /** Enters a chain: if it is a long one, the rules that the packet may match are found at once. */
  #look(i: number, s: HookState, src: number, dst: number): Classifier | null {
    const classifier = this.#classifiers[i] as Classifier | null;
    classifier?.look(src, dst, s.ports === PORTS_READ ? s.dport : -1);
    return classifier;
  }

  #push(i: number): void {
    if (this.#top === this.#stack.length) {
      const longer = new Int32Array(2 * this.#top);
      longer.set(this.#stack);
      this.#stack = longer;
    }
    this.#stack[this.#top++] = i;
  }

  /** The end of a built-in chain decides. */
  #policy(s: HookState, i: number): number {
    const chain = this.#chains[i] as Chain;
    chain.packets++;
    chain.bytes += s.p.end - s.p.net;
    if (chain.policy === "ACCEPT") return NF_ACCEPT;
    return s.refuse(BY_POLICY, `${this.#table} ${chain.name} policy`);
  }

  #endOf(hook: number): number {
    const i = this.#first[hook] as number;
    return i + (this.#chains[i] as Chain).rules.length;
  }

  /** The rarer parts of a rule: devices, fragments, ports. */
  #takes(s: HookState, o: number, flags: number): boolean {
    const cells = this.#cells;
    if ((flags & HAS_IN) !== 0 && !this.#names[cells[o + C_IN] as number]?.(s.in?.name ?? "")) return false;
    if ((flags & HAS_OUT) !== 0 && !this.#names[cells[o + C_OUT] as number]?.(s.out?.name ?? "")) return false;
    if ((flags & HAS_FRAGMENT) !== 0 && (s.fragment !== 0) === ((flags & NOT_FRAGMENT) !== 0)) return false;
    if ((flags & HAS_PORTS) === 0) return true;
    if (s.ports !== PORTS_READ) {
      s.hotdrop = s.ports === PORTS_SHORT || (s.fragment === 1 && s.protocol === IPPROTO_TCP);
      return false;
    }
    if ((flags & HAS_SPORT) !== 0 && !inRange(s.sport, cells[o + C_SPORT] as number)) return false;
    return (flags & HAS_DPORT) === 0 || inRange(s.dport, cells[o + C_DPORT] as number);
  }

  #matches(s: HookState, list: number): boolean {
    for (const matcher of this.#matchers[list] as readonly Matcher[]) if (!matcher.test(s)) return false;
    return true;
  }

  /** Whether matches would say the same of every packet alike: as far as they are asked. */
  #isSteady(s: HookState, list: number): boolean {
    for (const matcher of this.#matchers[list] as readonly Matcher[]) {
      if (matcher.steady !== true) return false;
      if (!matcher.test(s)) return true;
    }
    return true;
  }

  #abort(s: HookState, i: number, base: number): number {
    this.#top = base;
    const rule = this.#rules[i];
    return s.refuse(TOO_SHORT, rule === null || rule === undefined ? this.#table : this.#where(i, rule));
  }

  #where(i: number, rule: Rule): string {
    if (rule.where === "") {
      const chain = this.#chains[i] as Chain;
      rule.where = `${this.#table} ${chain.name} rule ${chain.rules.indexOf(rule) + 1}`;
    }
    return rule.where;
  }

  #saw(s: HookState, i: number, rule: Rule): void {
    const { target } = rule.spec;
    if (target === undefined) return;
    const what = target.kind === "jump" || target.kind === "goto" ? `${target.kind} ${target.chain}` : target.kind;
    saw(s.p, s.kernel, this.#where(i, rule), "filter", `${this.#where(i, rule)}: ${what}`);
  }

  // --- making it -------------------------------------------------------------------------------------------------

  #compile(chain: Chain, rule: Rule): void {
    const cells = this.#cells;
    const { spec } = rule;
    const o = this.#rules.length * STRIDE;
    cells[o + C_FLAGS] = flagsOf(spec);
    if (spec.source !== undefined) {
      cells[o + C_SRC] = spec.source.address & spec.source.mask;
      cells[o + C_SRC_MASK] = spec.source.mask;
    }
    if (spec.destination !== undefined) {
      cells[o + C_DST] = spec.destination.address & spec.destination.mask;
      cells[o + C_DST_MASK] = spec.destination.mask;
    }
    cells[o + C_PROTOCOL] = spec.protocol?.number ?? 0;
    if (spec.in !== undefined) cells[o + C_IN] = this.#names.push(nameMatcher(spec.in)) - 1;
    if (spec.out !== undefined) cells[o + C_OUT] = this.#names.push(nameMatcher(spec.out)) - 1;
    const inline = inlinePorts(spec);
    if (inline !== undefined) {
      const { sport, dport } = inline;
      if (sport !== undefined) cells[o + C_SPORT] = (sport.low << 16) | sport.high;
      if (dport !== undefined) cells[o + C_DPORT] = (dport.low << 16) | dport.high;
    }
    const matchers = inline === undefined ? rule.matchers : rule.matchers.slice(1);
    if (matchers.length > 0) cells[o + C_MATCHES] = this.#matchers.push(matchers) - 1;
    cells[o + C_CODE] = this.#code(spec);
    rule.where = "";
    this.#rules.push(rule);
    this.#chains.push(chain);
  }

  #end(chain: Chain): void {
    this.#cells[this.#rules.length * STRIDE + C_CODE] = chain.hook < 0 ? RETURN : CODE_POLICY;
    this.#rules.push(null);
    this.#chains.push(chain);
  }

  #code({ target }: RuleSpec): number {
    if (target === undefined) return CONTINUE;
    switch (target.kind) {
      case "ACCEPT":
        return NF_ACCEPT;
      case "DROP":
        return NF_DROP;
      case "RETURN":
        return RETURN;
      case "jump":
        return CODE_JUMP + 2 * (this.#starts.get(target.chain) as number);
      case "goto":
        return CODE_JUMP + 2 * (this.#starts.get(target.chain) as number) + 1;
      default:
        return CODE_ACTION;
    }
  }
}

function learn(learner: VerdictCache | null, path: Path, end: number): void {
  const whole = path.endingAt(end);
  if (whole !== null) learner?.learn(whole);
}

const inRange = (port: number, range: number): boolean => port >= range >>> 16 && port <= (range & 0xffff);

function flagsOf(spec: RuleSpec): number {
  const { source, destination, protocol, fragment } = spec;
  let flags = 0;
  if (source !== undefined) flags |= HAS_SRC | (source.invert === true ? NOT_SRC : 0);
  if (destination !== undefined) flags |= HAS_DST | (destination.invert === true ? NOT_DST : 0);
  if (protocol !== undefined && protocol.number !== 0)
    flags |= HAS_PROTOCOL | (protocol.invert === true ? NOT_PROTOCOL : 0);
  if (spec.in !== undefined) flags |= HAS_IN;
  if (spec.out !== undefined) flags |= HAS_OUT;
  if (fragment !== undefined) flags |= HAS_FRAGMENT | (fragment.invert === true ? NOT_FRAGMENT : 0);
  const ports = inlinePorts(spec);
  if (ports?.sport !== undefined) flags |= HAS_SPORT;
  if (ports?.dport !== undefined) flags |= HAS_DPORT;
  return flags;
}

/** A first match that asks for nothing but ports is compared with the rest of the rule. */
function inlinePorts(spec: RuleSpec) {
  const first = spec.matches?.[0];
  if (first === undefined || (first.kind !== "tcp" && first.kind !== "udp")) return undefined;
  if (first.sport?.invert === true || first.dport?.invert === true) return undefined;
  if (first.sport === undefined && first.dport === undefined) return undefined;
  return first.kind === "tcp" && (first.flags !== undefined || first.option !== undefined) ? undefined : first;
}

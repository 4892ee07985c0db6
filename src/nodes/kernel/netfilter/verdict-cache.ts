import { HEADER as IP_HEADER, IPPROTO_TCP, IPPROTO_UDP } from "../../../protocols/ipv4/wire.ts";
import { HEADER as TCP_HEADER } from "../../../protocols/tcp/wire.ts";
import * as flow from "./conntrack/flow.ts";
import { directionOf } from "./conntrack/flow.ts";
import type { FlowTable } from "./conntrack/table.ts";
import type { Rule } from "./rule.ts";
import type { HookState } from "./state.ts";

/** As constants of its own: see `flow.ts`. */
const { CT_INFO, FLOW_SHIFT, IPS_CONFIRMED, W_MARK, W_STATUS } = flow;

/** What a packet is looked up by, and what became of it: words of a cell. A cell is one cache line. */
const CELL_SHIFT = 4;
const K_SRC = 0;
const K_DST = 1;
const K_PORTS = 2;
/** Protocol, and how it belongs to its flow. */
const K_INFO = 3;
const K_STATUS = 4;
const K_CONNMARK = 5;
const K_MARK = 6;
/** The flow and direction that the cell was given to, which only decide where it lies. */
const K_REF = 7;
/** Number of the path; 0: the cell is empty; -1: walk the rules, something in them cannot be known before. */
const K_PATH = 8;

/** The first octet of an IP header without options; the offset of a fragment; octets of the shortest header that has ports. */
const PLAIN = 0x45;
const OFFSET = 0x1fff;
const PORTS_MIN = 8;

const CELLS_MIN = 64;
const CELLS_MAX = 1 << 14;
/** Where more flows pass than there are cells, one packet in so many takes a cell from another flow. */
const RARELY = 8;
const PATHS_MAX = 4096;
/** Rules on one path: there are ends to what is worth remembering. */
const STEPS_MAX = 64;

/** Packets like this one are not remembered; this packet's path is to be learnt. */
export const WALK = -1;
export const LEARN = 0;

/** The rules that packets matched on their way through the chains of a hook, one after the other, and where the way ended. */
export class Path {
  readonly rules: readonly Rule[];
  /** Where in the program the way ends, -1 while it goes on. */
  end = -1;
  readonly number: number;
  readonly #all: Path[];
  readonly #next = new Map<number, Path>();

  constructor(all: Path[], rules: readonly Rule[]) {
    this.#all = all;
    this.rules = rules;
    this.number = all.push(this) - 1;
  }

  /** The path that goes on with the rule at `i`. Null: it is too long, or there are too many. */
  over(i: number, rule: Rule): Path | null {
    if (this.rules.length >= STEPS_MAX) return null;
    return this.#next.get(i) ?? this.#branch(i, [...this.rules, rule]);
  }
  /** The path that ends at `i`, with a verdict. Null: there are too many. */
  endingAt(i: number): Path | null {
    const path = this.#next.get(~i) ?? this.#branch(~i, this.rules);
    if (path !== null) path.end = i;
    return path;
  }

  #branch(key: number, rules: readonly Rule[]): Path | null {
    if (this.#all.length >= PATHS_MAX) return null;
    const path = new Path(this.#all, rules);
    this.#next.set(key, path);
    return path;
  }
}

/**
 * Remembers which rules packets matched at a hook, and what became of them, by everything that rules can ask which does not
 * change from packet to packet of a flow: addresses, ports, protocol, devices, marks, state and status of the flow. A packet alike
 * takes the same path, and is counted by the same rules. Where something else was asked, nothing is remembered.
 */
export class VerdictCache {
  readonly #table: FlowTable;
  /** Whether some rule asks for devices, by their names: which may change. */
  readonly #devices: boolean;
  readonly #paths: Path[] = [];
  #cells = new Int32Array(0);
  #in: string[] = [];
  #out: string[] = [];
  #mask = 0;
  #at = 0;
  #refused = 0;

  constructor(table: FlowTable, devices: boolean) {
    this.#table = table;
    this.#devices = devices;
    new Path(this.#paths, []);
    this.#grow(0);
  }

  /** A path that begins. */
  get start(): Path {
    return this.#paths[0] as Path;
  }
  path(number: number): Path {
    return this.#paths[number] as Path;
  }

  /** The number of the packet's path; `LEARN`: walk the rules and call `learn`; `WALK`: walk them. */
  find(s: HookState): number {
    const { p } = s;
    const { nfct, view, net } = p;
    const ports = net + IP_HEADER;
    if (
      nfct === 0 ||
      p.end - ports < PORTS_MIN ||
      view.getUint8(net) !== PLAIN ||
      (view.getUint16(net + 6) & OFFSET) !== 0
    )
      return WALK;
    const protocol = view.getUint8(net + 9);
    if (protocol !== IPPROTO_UDP && (protocol !== IPPROTO_TCP || p.end - ports < TCP_HEADER)) return WALK;
    const w = this.#table.words;
    const o = nfct << FLOW_SHIFT;
    const status = w[o + W_STATUS] as number;
    if ((status & IPS_CONFIRMED) === 0) return WALK; // many flows are one packet long
    const info = (protocol << 8) | (p.nfctInfo & CT_INFO);
    const ref = (nfct << 1) | directionOf(p.nfctInfo);
    const cell = ref & this.#mask;
    const at = cell << CELL_SHIFT;
    const c = this.#cells;
    if (
      c[at + K_SRC] === view.getInt32(net + 12) &&
      c[at + K_DST] === view.getInt32(net + 16) &&
      c[at + K_PORTS] === view.getInt32(ports) &&
      c[at + K_INFO] === info &&
      c[at + K_STATUS] === status &&
      c[at + K_CONNMARK] === w[o + W_MARK] &&
      c[at + K_MARK] === (p.mark | 0) &&
      (!this.#devices || (this.#in[cell] === (s.in?.name ?? "") && this.#out[cell] === (s.out?.name ?? "")))
    )
      return c[at + K_PATH] as number;
    return this.#take(s, ref, info, status, w[o + W_MARK] as number);
  }

  /** The packet that was looked up last took a path: so will those that are alike. */
  learn(path: Path): void {
    this.#cells[this.#at + K_PATH] = path.number;
  }

  /** Gives the packet a cell, in which no path stands yet. */
  #take(s: HookState, ref: number, info: number, status: number, connmark: number): number {
    if (ref > this.#mask && this.#mask + 1 < CELLS_MAX) this.#grow(ref);
    const cell = ref & this.#mask;
    const at = cell << CELL_SHIFT;
    const c = this.#cells;
    if (c[at + K_PATH] !== 0 && c[at + K_REF] !== ref && ++this.#refused % RARELY !== 0) return WALK;
    const { view, net } = s.p;
    c[at + K_SRC] = view.getInt32(net + 12);
    c[at + K_DST] = view.getInt32(net + 16);
    c[at + K_PORTS] = view.getInt32(net + IP_HEADER);
    c[at + K_INFO] = info;
    c[at + K_STATUS] = status;
    c[at + K_CONNMARK] = connmark;
    c[at + K_MARK] = s.p.mark;
    c[at + K_REF] = ref;
    c[at + K_PATH] = WALK;
    if (this.#devices) {
      this.#in[cell] = s.in?.name ?? "";
      this.#out[cell] = s.out?.name ?? "";
    }
    this.#at = at;
    return LEARN;
  }

  /** Room for one more flow, at least twice as much as before. What was known is learnt anew. */
  #grow(ref: number): void {
    let cells = CELLS_MIN;
    while (cells <= ref && cells < CELLS_MAX) cells *= 2;
    this.#cells = new Int32Array(cells << CELL_SHIFT);
    this.#mask = cells - 1;
    if (!this.#devices) return;
    this.#in = new Array<string>(cells).fill("");
    this.#out = new Array<string>(cells).fill("");
  }
}

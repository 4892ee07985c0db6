import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MS } from "../../../../src/core/time.ts";
import { optionKind, type TcpOption } from "../../../../src/protocols/tcp/option-values.ts";
import { connect, type End, type Pair, pair, pattern, type Seen, watch } from "./hosts.ts";

/** Conversations between two real Linux hosts (golden/record-linux.py, Linux 6.18), held here by two simulated ones. */

type Step = readonly [who: string, what: string, value?: number];

interface Line {
  readonly ms: number;
  readonly who: string;
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly win: number;
  readonly len: number;
  readonly options: string;
  readonly df: boolean;
  readonly id0: boolean;
}

const golden = (name: string): string => readFileSync(`test/nodes/kernel/tcp/golden/${name}`, "utf8");
const parse = (name: string): unknown => JSON.parse(golden(name));
const conversations = parse("conversations.json") as Record<string, readonly Step[]>;
const linux = parse("linux.json") as Record<string, readonly Line[]>;
const trouble = parse("trouble.json") as Record<string, readonly Step[]>;
const linuxInTrouble = parse("linux-trouble.json") as Record<string, readonly Line[]>;

/** Jitter of a busy machine, and its ticks of 4 ms. */
const TOLERANCE_MS = 12;

describe("as between two Linux hosts", () => {
  it.each(Object.keys(conversations))("%s", (name) => {
    const real = linux[name] as readonly Line[];
    const ours = play(name, conversations[name] as readonly Step[]);
    const bare = (l: Line): string => `${l.who} ${l.flags} ${l.seq} ${l.ack} len ${l.len} <${l.options}>`;
    expect(ours.map(bare)).toEqual(real.map(bare));
    expect(ours.map((l) => [l.df, l.id0])).toEqual(real.map((l) => [l.df, l.id0]));
    // Windows larger than the first one depend on what the driver's buffers cost: within 2 %.
    const differing = ours.filter(
      (l, i) => Math.abs(l.win - (real[i] as Line).win) > (l.win > 510 && l.win < 60_000 ? l.win / 50 : 0),
    );
    expect(differing).toEqual([]);
  });

  it.each(Object.keys(conversations))("%s: acknowledgements wait as long", (name) => {
    const waits = (lines: readonly Line[]): number[] =>
      lines.map((l, i) => (l.len === 0 && l.flags === "A" ? l.ms - (lines[i - 1]?.ms ?? 0) : 0));
    const [real, ours] = [
      waits(linux[name] as readonly Line[]),
      waits(play(name, conversations[name] as readonly Step[])),
    ];
    expect(ours.map((ms, i) => Math.abs(ms - (real[i] as number)) <= TOLERANCE_MS)).toEqual(real.map(() => true));
  });
});

describe("as between two Linux hosts that lose segments", () => {
  it.each(Object.keys(trouble))("%s", (name) => {
    const real = linuxInTrouble[name] as readonly Line[];
    const ours = play(name, trouble[name] as readonly Step[]);
    // Linux sends several segments as one that a card cuts, with PSH: acknowledgements come between them at other times.
    const bare = (l: Line): string => {
      const flags = l.len === 1448 ? l.flags.replace("P", "") : l.flags;
      return `${l.who} ${flags} ${l.seq} ${l.ack} len ${l.len} <${l.options}>`;
    };
    for (const who of ["c", "s"]) {
      const side = (lines: readonly Line[]): string[] => lines.filter((l) => l.who === who).map(bare);
      expect(side(ours)).toEqual(side(real));
    }
    // Linux's timers have ticks of 4 ms, and of 32 or 256 ms when they run long; short waits are the script's.
    const waits = (lines: readonly Line[]): number[] => {
      const own = lines.filter((l) => l.who === "c");
      return own.map((l, i) => l.ms - (own[i - 1]?.ms ?? 0));
    };
    const theirs = waits(real);
    expect(waits(ours).filter((ms, i) => ms > 150 && Math.abs(ms - (theirs[i] as number)) > 50 + ms / 10)).toEqual([]);
  });
});

function play(name: string, steps: readonly Step[]): Line[] {
  const net = pair(1, { delayNs: 5000 });
  const filters = new Filters(net);
  if (steps.some(([, what]) => what === "nosack")) for (const k of [net.a, net.b]) k.sysctl.tcp_sack = 0;
  const seen = watch(net.a);
  const { sim } = net;
  if (name === "nobody listens") {
    const socket = net.a.os.tcpSocket();
    socket.connect(0x0a000002, 80, () => {});
    sim.advance(100 * MS);
    return lines(seen);
  }
  const rcvbuf = steps.find(([, what]) => what === "rcvbuf")?.[2];
  const silent = steps.some(([, what]) => what === "connect");
  if (silent) filters.act("cut", 0);
  const keepCount = steps.find(([, what]) => what === "keepalive")?.[2];
  const { client, server } = connect(
    net,
    keepCount === undefined ? {} : { keepAlive: true, keepIdleS: 1, keepIntervalS: 1, keepCount },
    rcvbuf === undefined ? {} : { rcvbuf },
  );
  sim.advance(1 * MS);
  const ends: Record<string, End> = silent ? { c: client } : { c: client, s: server.end() };
  for (const [who, what, value] of steps) {
    if (what === "wait") sim.advance(sim.now + (value as number) * MS);
    else if (who === "") filters.act(what, value ?? 0);
    else act(ends[who] as End, what, value ?? 0);
    sim.advance(sim.now + 1 * MS);
  }
  sim.advance(sim.now + 300 * MS);
  return lines(seen);
}

/** Segments that are lost where they arrive: their checksums are spoilt. */
class Filters {
  #cut = false;
  /** What every rule has still to let pass, in the order of the rules. */
  #drops: number[] = [];

  constructor({ a, b }: Pair) {
    for (const k of [a, b]) {
      k.device("eth0")?.addTap({
        frame: (_dev, p, out) => {
          const isTcp = p.view.getUint16(p.start + 12) === 0x0800 && p.view.getUint8(p.start + 23) === 6;
          if (out || !isTcp || !(this.#cut || (k === b && this.#drop(p.view.getUint16(p.start + 16))))) return;
          p.view.setUint16(p.start + 50, p.view.getUint16(p.start + 50) ^ 1);
        },
      });
    }
  }

  act(what: string, value: number): void {
    if (what === "cut") this.#cut = true;
    else if (what === "drop") this.#drops.push(value);
    else if (what === "heal") {
      this.#cut = false;
      this.#drops = [];
    }
  }

  #drop(length: number): boolean {
    if (length < 100) return false;
    for (const i of this.#drops.keys()) if (--this.#drops[i]! === 0) return true;
    return false;
  }
}

function act(end: End, what: string, value: number): void {
  const { socket } = end;
  switch (what) {
    case "send":
      return end.send(pattern(value));
    case "connect":
    case "keepalive":
    case "rcvbuf":
      return; // done before
    case "nodelay":
      socket.options.noDelay = true;
      return;
    case "pause":
      return socket.pause();
    case "resume":
      return socket.resume();
    case "shutdown":
      socket.shutdown();
      return;
    case "close":
      return socket.close();
    case "abort":
      return socket.abort();
    default:
      throw new Error(`a step ${what}?`);
  }
}

function lines(seen: readonly Seen[]): Line[] {
  const first = (out: boolean): number => seen.find((s) => s.out === out)?.tcp.seq ?? 0;
  const [c, s] = [first(true), first(false)];
  return seen.map(({ at, out, tcp, data, id }) => ({
    ms: (at - (seen[0] as Seen).at) / MS,
    who: out ? "c" : "s",
    flags: [..."FSRPAUEC"].filter((_, i) => (tcp.flags & (1 << i)) !== 0).join(""),
    seq: (tcp.seq - (out ? c : s)) >>> 0,
    ack: (tcp.flags & 16) !== 0 ? (tcp.ack - (out ? s : c)) >>> 0 : 0,
    win: tcp.window,
    len: data.length,
    options: tcp.options.map(optionText).join(","),
    df: true,
    id0: id === 0,
  }));
}

function optionText(option: TcpOption): string {
  switch (option.kind) {
    case "mss":
      return `mss ${option.mss}`;
    case "windowScale":
      return `wscale ${option.shift}`;
    case "sack":
      return `sack ${option.blocks.length}`;
    case "sackPermitted":
      return "sackOK";
    case "timestamps":
      return "TS";
    case "nop":
    case "eol":
      return option.kind;
    default:
      return `option ${optionKind(option)}`;
  }
}

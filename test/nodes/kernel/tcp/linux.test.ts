import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MS } from "../../../../src/core/time.ts";
import { optionKind, type TcpOption } from "../../../../src/protocols/tcp/wire.ts";
import { connect, type End, pair, pattern, type Seen, watch } from "./hosts.ts";

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
const conversations = JSON.parse(golden("conversations.json")) as Record<string, readonly Step[]>;
const linux = JSON.parse(golden("linux.json")) as Record<string, readonly Line[]>;

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

function play(name: string, steps: readonly Step[]): Line[] {
  const net = pair(1, { delayNs: 5000 });
  const seen = watch(net.a);
  const { sim } = net;
  if (name === "nobody listens") {
    const socket = net.a.os.tcpSocket();
    socket.connect(0x0a000002, 80, () => {});
    sim.advance(100 * MS);
    return lines(seen);
  }
  const { client, server } = connect(net);
  sim.advance(1 * MS);
  const ends: Record<string, End> = { c: client, s: server.end() };
  for (const [who, what, value] of steps) {
    if (what === "wait") sim.advance(sim.now + (value as number) * MS);
    else act(ends[who] as End, what, value ?? 0);
    sim.advance(sim.now + 1 * MS);
  }
  sim.advance(sim.now + 300 * MS);
  return lines(seen);
}

function act(end: End, what: string, value: number): void {
  const { socket } = end;
  switch (what) {
    case "send":
      return end.send(pattern(value));
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

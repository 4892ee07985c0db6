import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { startCommand } from "../../../src/console/shell.ts";
import { MS, S } from "../../../src/core/time.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import {
  TCP_ACK as ACK,
  TCP_FIN as FIN,
  TCP_PSH as PSH,
  TCP_RST as RST,
  TCP_SYN as SYN,
} from "../../../src/protocols/tcp/wire.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import {
  EXT,
  H1,
  listen,
  masquerade,
  type NatLab,
  natLab,
  O1,
  O2,
  sendTcp,
  sendUdp,
} from "../../nodes/kernel/netfilter/nat-lab.ts";

const world = { kernel: () => undefined, names: () => [] };
const run = (k: Kernel, line: string) => startCommand(k, world, line);

/** A router with `conntrack -E` on it, between hosts that answer nothing. */
function watched(options = ""): NatLab & { readonly lines: () => string[]; readonly stop: () => string } {
  const lab = natLab([masquerade]);
  for (const k of [lab.h1, lab.h2, lab.o1, lab.o2]) listen(k);
  const running = run(lab.r, `conntrack -E ${options}`);
  return {
    ...lab,
    lines: () => running.output.split("\n").slice(0, -1),
    stop: () => {
      running.interrupt();
      expect(running.status).toBe(0);
      return running.output;
    },
  };
}

/** What the recording of a real Linux has about one connection, without times and what tells processes apart. */
function recorded(port: number, to: string, host = "192.168.1.11"): string[] {
  const text = readFileSync(sharedPath("anchors", "linux", "conntrack_tcp_events.txt"), "utf8");
  const about = `src=${host} dst=${to} sport=${port} `;
  return text
    .split("\n")
    .filter((line) => line.includes(about) && !line.includes("[USERSPACE]"))
    .map((line) => line.slice(line.indexOf("\t") + 1));
}

/** Sends the segments of a connection, one a millisecond, from `h1` (or, with `back`, to its outside end). */
function play(
  l: NatLab,
  sport: number,
  dport: number,
  to: Kernel,
  segments: readonly (readonly ["out" | "back", number])[],
): void {
  const address = to === l.o1 ? O1 : O2;
  const next = { out: 1000, back: 5000 };
  for (const [way, flags] of segments) {
    const [seq, ack] = way === "out" ? [next.out, next.back] : [next.back, next.out];
    const fields = { flags, seq, ack: (flags & ACK) === 0 ? 0 : ack };
    if (way === "out") sendTcp(l.h1, sport, address, dport, fields);
    else sendTcp(to, dport, EXT, sport, fields);
    if ((flags & (SYN | FIN)) !== 0) next[way]++;
    l.lab.run(MS);
  }
}
const OPENING = [
  ["out", SYN],
  ["back", SYN | ACK],
  ["out", ACK],
] as const;

itNeeds(haveShared)("a connection that closes in order, as a real Linux tells of it", () => {
  const l = watched();
  play(l, 5000, 7100, l.o1, [...OPENING, ["out", FIN | ACK], ["back", ACK], ["back", FIN | ACK], ["out", ACK]]);
  expect(l.lines()).toEqual(recorded(5000, O1).filter((line) => line.includes("dport=7100 ")));
});

itNeeds(haveShared)(
  "a SYN that nobody answers, and one that is answered by a RST, as a real Linux tells of them",
  () => {
    const l = watched();
    play(l, 43_360, 7200, l.o1, [["out", SYN]]);
    expect(l.lines()).toEqual(recorded(43_360, O1));
    const refused = watched();
    play(refused, 44_656, 7201, refused.o1, [
      ["out", SYN],
      ["back", RST | ACK],
    ]);
    expect(refused.lines()).toEqual(recorded(44_656, O1));
  },
);

itNeeds(haveShared)("a simultaneous open, and a FIN that carries the ACK, as a real Linux tells of them", () => {
  const l = watched();
  sendTcp(l.h1, 5300, O1, 7300, { flags: SYN, seq: 1000 });
  l.lab.run(350 * MS);
  sendTcp(l.o1, 7300, EXT, 5300, { flags: SYN, seq: 5000 });
  l.lab.run(MS);
  sendTcp(l.h1, 5300, O1, 7300, { flags: SYN | ACK, seq: 1000, ack: 5001 });
  l.lab.run(MS);
  sendTcp(l.o1, 7300, EXT, 5300, { flags: SYN | ACK, seq: 5000, ack: 1001 });
  l.lab.run(MS);
  for (const [way, flags, seq, ack] of [
    ["out", ACK, 1001, 5001],
    ["out", FIN | ACK, 1001, 5001],
    ["back", FIN | ACK, 5001, 1002],
    ["out", ACK, 1002, 5002],
  ] as const) {
    if (way === "out") sendTcp(l.h1, 5300, O1, 7300, { flags, seq, ack });
    else sendTcp(l.o1, 7300, EXT, 5300, { flags, seq, ack });
    l.lab.run(MS);
  }
  expect(l.lines()).toEqual(recorded(5300, O1));
});

itNeeds(haveShared)("a connection that conntrack did not see begin, as a real Linux tells of it", () => {
  const l = watched();
  for (const [way, flags, seq, ack] of [
    ["out", ACK, 1001, 5001],
    ["back", ACK, 5001, 1001],
    ["out", FIN | ACK, 1001, 5001],
    ["back", FIN | ACK, 5001, 1002],
    ["out", ACK, 1002, 5002],
  ] as const) {
    if (way === "out") sendTcp(l.h1, 5401, O1, 7101, { flags, seq, ack, payload: new Uint8Array(0) });
    else sendTcp(l.o1, 7101, EXT, 5401, { flags, seq, ack });
    l.lab.run(MS);
  }
  expect(l.lines()).toEqual(recorded(5401, O1).slice(3));
});

it("tells of entries that a program makes, changes and ends, as the real one does", () => {
  const l = watched("-o id,extended");
  run(l.r, "conntrack -I -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 60");
  run(l.r, "conntrack -U -s 10.0.0.1 -m 9");
  run(l.r, "conntrack -D -s 10.0.0.1");
  const line =
    "ipv4     2 udp      17 60 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1";
  const plain = l.lines().map((text) => text.replace(/ id=\d+/, " id=N"));
  expect(plain).toEqual([
    `    [NEW] ${line} mark=0 id=N [USERSPACE] portid=1 progname=conntrack`,
    ` [UPDATE] ${line} mark=9 id=N [USERSPACE] portid=2 progname=conntrack`,
    `[DESTROY] ${line} mark=9 id=N [USERSPACE] portid=3 progname=conntrack`,
  ]);
  expect(l.stop()).toMatch(/conntrack v1\.4\.7 \(conntrack-tools\): 3 flow events have been shown\.\n$/);
});

it("an entry whose time is over is told of without a time", () => {
  const l = watched("-e DESTROY -o timestamp");
  l.lab.run(S);
  sendUdp(l.h1, 5000, O1, 53);
  l.lab.run(40 * S);
  const tuples = `src=${H1} dst=${O1} sport=5000 dport=53 [UNREPLIED] src=${O1} dst=${EXT} sport=53 dport=5000`;
  expect(l.lines().map((text) => text.replace(/\.\d{6}\]/, "]"))).toEqual([
    `[00000031]\t[DESTROY] udp      17 ${tuples}`,
  ]);
});

it("counts and times are shown where they are kept", () => {
  const l = watched("-p udp -e UPDATES,DESTROY -o ktimestamp");
  run(l.r, "sysctl -w net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1");
  sendUdp(l.h1, 5000, O1, 53);
  l.lab.run(5 * S);
  const tuples = (packets: number): string =>
    `src=${H1} dst=${O1} sport=5000 dport=53 packets=${packets} bytes=${33 * packets} [UNREPLIED] src=${O1} dst=${EXT} sport=53 dport=5000 packets=0 bytes=0`;
  expect(run(l.r, "conntrack -L -o ktimestamp").output).toContain(
    `udp      17 25 ${tuples(1)} mark=0 delta-time=5 [start=Thu Jan  1 00:00:00 1970] use=1\n`,
  );
  expect(run(l.r, "cat /proc/net/nf_conntrack").output).toBe(
    `ipv4     2 udp      17 25 ${tuples(1)} mark=0 zone=0 delta-time=5 use=2\n`,
  );
  run(l.r, "conntrack -L -z");
  expect(run(l.r, "conntrack -L").output).toContain("packets=0 bytes=0 [UNREPLIED]");
  run(l.r, "conntrack -F");
  expect(l.lines()).toEqual([
    `[DESTROY] udp      17 25 ${tuples(0)} delta-time=5 [start=Thu Jan  1 00:00:00 1970] [stop=Thu Jan  1 00:00:05 1970] [USERSPACE] portid=1 progname=conntrack`,
  ]);
});

it("shows statistics as one processor has them", () => {
  const l = watched();
  sendUdp(l.h1, 5000, O1, 53);
  l.lab.run(S);
  expect(run(l.r, "conntrack -S").output).toBe(
    "cpu=0   \tfound=0 invalid=0 insert=1 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0 \n",
  );
  expect(run(l.r, "sysctl net.netfilter.nf_conntrack_count").output).toBe("net.netfilter.nf_conntrack_count = 1\n");
});

it("shows what a helper expects, and for whom", () => {
  const l = watched();
  const ftp = { table: "raw", chain: "PREROUTING" } as const;
  l.nf.table(ftp.table).append(ftp.chain, {
    protocol: { number: 6 },
    matches: [{ kind: "tcp", dport: { low: 21, high: 21 } }],
    target: { kind: "CT", helper: "ftp" },
  });
  play(l, 5000, 21, l.o1, OPENING);
  for (const [seq, text] of [
    [1001, "USER x\r\n"],
    [1009, "PORT 192,168,1,11,4,1\r\n"],
  ] as const) {
    sendTcp(l.h1, 5000, O1, 21, { flags: ACK | PSH, seq, ack: 5001, payload: new TextEncoder().encode(text) });
    l.lab.run(MS);
  }
  expect(run(l.r, "conntrack -L expect").output).toBe(
    `299 proto=6 src=${O1} dst=${EXT} sport=0 dport=1025 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=${H1} master-dst=${O1} sport=5000 dport=21 class=0 helper=ftp\nconntrack v1.4.7 (conntrack-tools): 1 expectations have been shown.\n`,
  );
  expect(run(l.r, "conntrack -C expect").output).toBe("1\n");
  expect(run(l.r, "conntrack -F expect").status).toBe(0);
  expect(run(l.r, "conntrack -C expect").output).toBe("0\n");
});

it("refuses by name what is not built", () => {
  const l = watched();
  for (const [line, what] of [
    ["-L -w 5", "--zone"],
    ["-L -o xml", "--output xml"],
    ["-L -o save", "--output save"],
    ["-U --label-add x", "--label-add"],
    ["-E expect", "-E expect"],
    ["-L expect -o id", "-L expect"],
  ]) {
    const done = run(l.r, `conntrack ${line}`);
    expect(done.status).toBe(2);
    expect(done.output).toContain(`${what} is not built`);
  }
});

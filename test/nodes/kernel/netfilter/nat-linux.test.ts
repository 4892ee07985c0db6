import { describe, expect, it } from "vitest";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { RuleSpec } from "../../../../src/nodes/kernel/netfilter/rule.ts";
import { IP_MF } from "../../../../src/protocols/ipv4/wire.ts";
import {
  TCP_ACK as ACK,
  TCP_RST as RST,
  TCP_SYN as SYN,
  seal as sealTcp,
  writeHeader,
} from "../../../../src/protocols/tcp/wire.ts";
import { seal as sealUdp, writeHeader as writeUdp } from "../../../../src/protocols/udp/wire.ts";
import { inject, ip, ipPacket, type Seen, send } from "../../../harness/kernels.ts";
import {
  dnat,
  EXT,
  flows,
  H1,
  H2,
  listen,
  masquerade,
  type NatLab,
  natLab,
  O1,
  O2,
  sendEcho,
  sendTcp,
  sendUdp,
} from "./nat-lab.ts";

/** Each is a line of the measurements of a real Linux, section "NAT". */

const SNAT: readonly [string, RuleSpec] = [
  "nat POSTROUTING",
  { out: { name: "eth1" }, target: { kind: "SNAT", range: { minAddress: ip(EXT) } } },
];
const INPUT_DROP: readonly [string, RuleSpec] = ["filter INPUT", { target: { kind: "DROP" } }];

/** All hosts listen and answer nothing. */
function quiet(rules: readonly (readonly [string, RuleSpec])[] = [masquerade], seed = 1) {
  const l = natLab(rules, seed);
  return { ...l, h1Heard: listen(l.h1), h2Heard: listen(l.h2), o1Heard: listen(l.o1), o2Heard: listen(l.o2) };
}
const outsidePort = (text: string): number => Number(/:(\d+) >/.exec(text)?.[1]);
const kinds = (seen: readonly Seen[]): string[] =>
  seen.filter((s) => s.icmp !== undefined).map((s) => `${s.icmp?.type}/${s.icmp?.code}`);
/** The addresses and ports that an ICMP error quotes. */
function quoted(error: Seen): string {
  const b = error.data.subarray(8);
  const view = new DataView(b.buffer, b.byteOffset);
  const address = (at: number): string => [...b.subarray(at, at + 4)].join(".");
  return `${address(12)}:${view.getUint16(20)} > ${address(16)}:${view.getUint16(22)}`;
}
/** An ICMP error about a packet that somebody got, sent back to where that came from. */
function complain(l: NatLab, from: Kernel, about: Seen, type: number, code: number, to: string): void {
  const b = new Uint8Array(8 + 28);
  b[0] = type;
  b[1] = code;
  b.set(about.bytes.subarray(0, 28), 8);
  let sum = 0;
  for (let i = 0; i < b.length; i += 2) sum += ((b[i] as number) << 8) | (b[i + 1] as number);
  sum = (sum & 0xffff) + (sum >>> 16);
  new DataView(b.buffer).setUint16(2, ~((sum & 0xffff) + (sum >>> 16)));
  send(from, 1, to, b);
  l.lab.run(MS);
}

describe.each([
  ["MASQUERADE", masquerade],
  ["SNAT --to-source", SNAT],
] as const)("%s", (_name, rule) => {
  it("keeps one port of one inside socket towards other destinations", () => {
    const l = quiet([rule]);
    sendUdp(l.h1, 5000, O1, 7000);
    sendUdp(l.h1, 5000, O1, 7001);
    sendUdp(l.h1, 5000, O2, 7000);
    l.lab.run(S);
    expect([...l.o1Heard.texts(17), ...l.o2Heard.texts(17)].map(outsidePort)).toEqual([5000, 5000, 5000]);
  });

  it("lets two hosts have one port towards different addresses or ports", () => {
    const l = quiet([rule]);
    sendUdp(l.h1, 5000, O1, 7000);
    sendUdp(l.h2, 5000, O2, 7000);
    sendUdp(l.h2, 5000, O1, 7001);
    l.lab.run(S);
    expect([...l.o1Heard.texts(17), ...l.o2Heard.texts(17)].map(outsidePort)).toEqual([5000, 5000, 5000]);
  });

  it("gives the second a random port towards the same destination, which it then keeps", () => {
    const ports = [1, 2, 3, 4, 5, 6].map((seed) => {
      const l = quiet([rule], seed);
      sendUdp(l.h1, 5000, O1, 7000);
      l.lab.run(MS);
      sendUdp(l.h2, 5000, O1, 7000);
      l.lab.run(MS);
      sendUdp(l.h2, 5000, O1, 7001);
      sendUdp(l.h2, 5000, O2, 7000);
      l.lab.run(S);
      const got = [...l.o1Heard.texts(17), ...l.o2Heard.texts(17)].map(outsidePort);
      expect(got[0]).toBe(5000);
      expect(got[1]).toBeGreaterThanOrEqual(1024);
      expect(got[1]).not.toBe(5000);
      expect(got.slice(2)).toEqual([got[1], got[1]]);
      return got[1];
    });
    expect(new Set(ports).size).toBe(6);
  });
});

it.each(["random", "fullyRandom"] as const)("%s: a new random port for every destination", (flag) => {
  const l = quiet([
    ["nat POSTROUTING", { out: { name: "eth1" }, target: { kind: "MASQUERADE", range: { [flag]: true } } }],
  ]);
  for (let i = 0; i < 4; i++) sendUdp(l.h1, 5000, O1, 7000 + i);
  l.lab.run(S);
  const ports = l.o1Heard.texts(17).map(outsidePort);
  expect(new Set(ports).size).toBe(4);
  expect(ports).not.toContain(5000);
});

it("filters by address and port: the router itself answers others, or with INPUT DROP nobody", () => {
  for (const drop of [false, true]) {
    const l = quiet(drop ? [masquerade, INPUT_DROP] : [masquerade]);
    sendUdp(l.h1, 5000, O1, 7000);
    l.lab.run(MS);
    sendUdp(l.o1, 7001, EXT, 5000);
    sendUdp(l.o2, 7000, EXT, 5000);
    l.lab.run(S);
    expect(l.h1Heard.packets(17)).toEqual([]);
    expect([...kinds(l.o1Heard.packets(1)), ...kinds(l.o2Heard.packets(1))]).toEqual(drop ? [] : ["3/3", "3/3"]);
    sendUdp(l.o1, 7000, EXT, 5000);
    l.lab.run(S);
    expect(l.h1Heard.texts(17)).toEqual([`${O1}:7000 > ${H1}:5000`]);
  }
});

it("hairpin, plain MASQUERADE: no; the router answers port unreachable", () => {
  const l = quiet();
  sendUdp(l.h2, 6000, O1, 7000);
  l.lab.run(MS);
  sendUdp(l.h1, 5000, EXT, 6000);
  l.lab.run(S);
  expect(l.h2Heard.packets(17)).toEqual([]);
  expect(kinds(l.h1Heard.packets(1))).toEqual(["3/3"]);
});

it("hairpin with DNAT: arrives with the inside source, and the answer goes straight over the LAN", () => {
  const rule: readonly [string, RuleSpec] = [
    "nat PREROUTING",
    {
      destination: { address: ip(EXT), mask: 0xffffffff },
      protocol: { number: 17 },
      target: { kind: "DNAT", range: { minAddress: ip(H2) } },
    },
  ];
  const l = quiet([masquerade, rule]);
  sendUdp(l.h1, 5000, EXT, 6000);
  l.lab.run(MS);
  expect(l.h2Heard.texts(17)).toEqual([`${H1}:5000 > ${H2}:6000`]);
  sendUdp(l.h2, 6000, H1, 5000);
  l.lab.run(S);
  expect(l.h1Heard.texts(17)).toEqual([`${H2}:6000 > ${H1}:5000`]); // not from EXT: a connected socket takes no notice
});

it("hairpin with DNAT and MASQUERADE inside to inside: works, from the router's inside address", () => {
  const lan = { address: ip("192.168.1.0"), mask: 0xffffff00 };
  const l = quiet([
    masquerade,
    [
      "nat PREROUTING",
      {
        destination: { address: ip(EXT), mask: 0xffffffff },
        protocol: { number: 17 },
        target: { kind: "DNAT", range: { minAddress: ip(H2) } },
      },
    ],
    ["nat POSTROUTING", { source: lan, destination: lan, target: { kind: "MASQUERADE" } }],
  ]);
  sendUdp(l.h1, 5000, EXT, 6000);
  l.lab.run(MS);
  expect(l.h2Heard.texts(17)).toEqual(["192.168.1.1:5000 > 192.168.1.12:6000"]);
  sendUdp(l.h2, 6000, "192.168.1.1", 5000);
  l.lab.run(S);
  expect(l.h1Heard.texts(17)).toEqual([`${EXT}:6000 > ${H1}:5000`]);
});

it("a port forwarded to the inside", () => {
  const l = quiet([masquerade, dnat(17, 8080, H1, 80)]);
  sendUdp(l.o1, 7000, EXT, 8080);
  l.lab.run(MS);
  expect(l.h1Heard.texts(17)).toEqual([`${O1}:7000 > ${H1}:80`]);
  sendUdp(l.h1, 80, O1, 7000);
  l.lab.run(S);
  expect(l.o1Heard.texts(17)).toEqual([`${EXT}:8080 > ${O1}:7000`]);
});

it("ICMP echo: the identifier is the port, kept if free, random on collision, translated back", () => {
  const l = quiet();
  sendEcho(l.h1, O1, 77);
  l.lab.run(MS);
  sendEcho(l.h2, O1, 77);
  l.lab.run(S);
  const ids = l.o1Heard.texts(1).map((t) => Number(t.split(" id ")[1]));
  expect(ids[0]).toBe(77);
  expect(ids[1]).not.toBe(77);
  expect(l.h1Heard.texts(1)).toEqual([`${O1} > ${H1} 0/0 id 77`]);
  expect(l.h2Heard.texts(1)).toEqual([`${O1} > ${H2} 0/0 id 77`]);
});

it("ICMP errors are rewritten outside and inside, and are no answer: the entry stays UNREPLIED", () => {
  const l = quiet();
  sendUdp(l.h1, 5000, O1, 7000);
  l.lab.run(MS);
  for (const [type, code] of [
    [3, 3],
    [3, 4],
    [11, 0],
  ] as const)
    complain(l, l.o1, l.o1Heard.last(17), type, code, EXT);
  const got = l.h1Heard.packets(1);
  expect(kinds(got)).toEqual(["3/3", "3/4", "11/0"]);
  for (const error of got) expect(quoted(error)).toBe(`${H1}:5000 > ${O1}:7000`);
  expect(flows(l.nf).map((f) => f.unreplied)).toEqual([true]);
});

it("port unreachable from inside is seen outside as from EXT, about EXT and the mapped port", () => {
  const l = quiet();
  sendUdp(l.h1, 5000, O1, 7000);
  l.lab.run(MS);
  sendUdp(l.o1, 7000, EXT, 5000);
  l.lab.run(MS);
  complain(l, l.h1, l.h1Heard.last(17), 3, 3, O1);
  expect(l.o1Heard.texts(1)).toEqual([expect.stringContaining(`${EXT} > ${O1} 3/3`)]);
  expect(quoted(l.o1Heard.last(1))).toBe(`${O1}:7000 > ${EXT}:5000`);
});

it("UDP: 30 s, also after an answer; 120 s and ASSURED for a packet later than 2 s after the first", () => {
  const l = quiet();
  const listed = (): string[] => {
    l.lab.run(5 * MS); // a tick later, what is listed is one less
    return flows(l.nf).map((f) => `${f.timeoutS}${f.unreplied ? " UNREPLIED" : ""}${f.assured ? " ASSURED" : ""}`);
  };
  sendUdp(l.h1, 5000, O1, 7000);
  expect(listed()).toEqual(["29 UNREPLIED"]);
  l.lab.run(S);
  sendUdp(l.o1, 7000, EXT, 5000);
  expect(listed()).toEqual(["29"]);
  l.lab.run(1.5 * S);
  sendUdp(l.h1, 5000, O1, 7000);
  expect(listed()).toEqual(["119 ASSURED"]);
  l.lab.run(100 * S);
  sendUdp(l.o1, 7000, EXT, 5000);
  expect(listed()).toEqual(["119 ASSURED"]);
});

it("a timeout of 3 s is over after 3.0 to 3.1 s", () => {
  const l = quiet();
  l.nf.conntrack.set("nf_conntrack_udp_timeout", 3);
  sendUdp(l.h1, 5000, O1, 7000);
  l.lab.run(2.99 * S);
  expect(flows(l.nf).length).toBe(1);
  l.lab.run(0.11 * S);
  expect(flows(l.nf)).toEqual([]);
});

it("an unsolicited SYN gets a RST at once, with INPUT DROP silence", () => {
  for (const drop of [false, true]) {
    const l = quiet(drop ? [masquerade, INPUT_DROP] : [masquerade]);
    sendTcp(l.o1, 7000, EXT, 5999, { flags: SYN, seq: 9 });
    l.lab.run(100 * MS);
    expect(l.o1Heard.packets(6).map((s) => (s.data[13] as number) & RST)).toEqual(drop ? [] : [RST]);
  }
});

it("a RST to a SYN: the entry is destroyed at once", () => {
  const l = quiet();
  sendTcp(l.h1, 5000, O1, 7000, { flags: SYN, seq: 9 });
  l.lab.run(MS);
  expect(flows(l.nf)[0]).toMatchObject({ state: "SYN_SENT", timeoutS: 120 });
  sendTcp(l.o1, 7000, EXT, 5000, { flags: RST | ACK, ack: 10 });
  l.lab.run(MS);
  expect(l.h1Heard.texts(6)).toEqual([`${O1}:7000 > ${H1}:5000`]);
  expect(flows(l.nf)).toEqual([]);
});

it("mid-stream, no state, the inside sends: picked up, ESTABLISHED, 300 s, not ASSURED", () => {
  const l = quiet();
  sendTcp(l.h1, 5000, O1, 7000, { flags: ACK, seq: 100, ack: 200, payload: new Uint8Array(5) });
  l.lab.run(MS);
  expect(flows(l.nf)[0]).toMatchObject({ state: "ESTABLISHED", timeoutS: 300, assured: false });
  expect(l.o1Heard.texts(6)).toEqual([`${EXT}:5000 > ${O1}:7000`]);
});

it("mid-stream, no state, the outside sends: the router sends a RST outside", () => {
  const l = quiet();
  sendTcp(l.o1, 7000, EXT, 5000, { flags: ACK, seq: 100, ack: 200, payload: new Uint8Array(5) });
  l.lab.run(MS);
  expect(l.o1Heard.packets(6).map((s) => (s.data[13] as number) & RST)).toEqual([RST]);
  expect(l.h1Heard.packets(6)).toEqual([]);
});

it.each([
  ["in order", [0, 1, 2]],
  ["last first", [2, 1, 0]],
] as const)("fragments, %s: put together before translation, cut again after it", (_name, order) => {
  const l = quiet();
  const payload = new Uint8Array(8 + 2992).fill(7);
  writeUdp(payload, 0, 5000, 7000, payload.length);
  sealUdp(payload, 0, payload.length, ip(H1), ip(O1));
  for (const i of order) {
    const part = payload.subarray(1000 * i, 1000 * (i + 1));
    inject(l.r, "eth0", ipPacket(H1, O1, 17, part, { word: (i < 2 ? IP_MF : 0) | ((1000 * i) >> 3), id: 77 }));
  }
  l.lab.run(S);
  const got = l.o1Heard.packets(17);
  expect(got.length).toBe(3);
  expect(got.reduce((sum, s) => sum + s.data.length, 0)).toBe(3000);
  expect(got.every((s) => s.ip.src === ip(EXT))).toBe(true);
});

it("the defaults of the timeouts", () => {
  const t = natLab().nf.conntrack.sysctl;
  expect([t.nf_conntrack_udp_timeout, t.nf_conntrack_udp_timeout_stream, t.nf_conntrack_icmp_timeout]).toEqual([
    30, 120, 30,
  ]);
  expect([t.nf_conntrack_generic_timeout, t.nf_conntrack_gre_timeout, t.nf_conntrack_gre_timeout_stream]).toEqual([
    600, 30, 180,
  ]);
  expect([
    t.nf_conntrack_tcp_timeout_syn_sent,
    t.nf_conntrack_tcp_timeout_syn_recv,
    t.nf_conntrack_tcp_timeout_established,
    t.nf_conntrack_tcp_timeout_fin_wait,
    t.nf_conntrack_tcp_timeout_close_wait,
    t.nf_conntrack_tcp_timeout_last_ack,
    t.nf_conntrack_tcp_timeout_time_wait,
    t.nf_conntrack_tcp_timeout_close,
    t.nf_conntrack_tcp_timeout_max_retrans,
    t.nf_conntrack_tcp_max_retrans,
    t.nf_conntrack_tcp_timeout_unacknowledged,
  ]).toEqual([120, 60, 432_000, 120, 60, 30, 120, 10, 300, 3, 300]);
});

it("a segment with a bad checksum fits no connection", () => {
  const l = quiet();
  const b = new Uint8Array(20);
  writeHeader(b, 0, 5000, 7000, 1, 0, 20, SYN, 65_535);
  sealTcp(b, 0, 20, ip(H1), ip(O1));
  b[16] = (b[16] as number) ^ 1;
  inject(l.r, "eth0", ipPacket(H1, O1, 6, b));
  expect(l.nf.conntrack.stats.invalid).toBe(1);
  expect(flows(l.nf)).toEqual([]);
});

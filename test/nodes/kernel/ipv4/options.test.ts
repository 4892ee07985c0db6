import fc from "fast-check";
import { expect, it } from "vitest";
import { PACKET_BROADCAST } from "../../../../src/core/packet.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import { encodeOptions, type Ipv4Option } from "../../../../src/protocols/ipv4/option-values.ts";
import { validHeader } from "../../../../src/protocols/ipv4/wire.ts";
import {
  allDrops,
  chain,
  device,
  encodeMessage as encodeIcmp,
  hear,
  inject,
  ip,
  ipPacket,
  type Lab,
  ping,
  read,
  type Seen,
  send,
  watch,
} from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";

const room = (words: number): number[] => new Array<number>(words).fill(0);
const recordRoute = (slots: number): Ipv4Option => ({ kind: "rr", pointer: 4, route: room(slots) });
const stamps = (flag: number, words: readonly number[]): Ipv4Option => ({
  kind: "timestamp",
  pointer: 5,
  overflow: 0,
  flag,
  words,
});
const addresses = (texts: readonly string[]): number[] => texts.map(ip);
const ask = (kernel: Kernel, to: string, ...options: readonly Ipv4Option[]): void =>
  ping(kernel, to, { options: encodeOptions(options) });
const echoRequest = encodeIcmp(message(8, 0, 1, new Uint8Array(8)));

/** The chain, with source routes accepted everywhere. */
function open(): ReturnType<typeof chain> {
  const scene = chain();
  for (const kernel of [scene.h1, scene.r1, scene.h2]) kernel.sysctl.all.accept_source_route = 1;
  return scene;
}

it("records the route there and back", () => {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  ask(h1, "10.0.2.1", { kind: "nop" }, recordRoute(9));
  lab.run(S);
  // As `ping -R` shows on Linux 6.18, whose last line is what the sender itself adds on receipt.
  const route = addresses(["10.0.1.1", "10.0.2.254", "10.0.2.1", "10.0.2.1", "10.0.1.254", "10.0.1.1", "0.0.0.0"]);
  expect(heard[0]?.ip.options).toEqual([{ kind: "rr", pointer: 28, route: [...route, 0, 0] }, { kind: "eol" }]);
  lab.end();
});

it("stops recording when there is no room left", () => {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  ask(h1, "10.0.2.1", recordRoute(2));
  lab.run(S);
  const full = { kind: "rr", pointer: 12, route: addresses(["10.0.1.1", "10.0.2.254"]) };
  expect(heard[0]?.ip.options[0]).toEqual(full);
  lab.end();
});

it("writes times; hops without room are counted", () => {
  const { lab, h1 } = chain();
  lab.run(90 * S + 5 * MS);
  const heard = hear(h1);
  ask(h1, "10.0.2.1", stamps(0, room(9)));
  ask(h1, "10.0.2.1", stamps(0, room(3)));
  lab.run(S);
  const now = 90_005;
  expect(heard[0]?.ip.options[0]).toMatchObject({
    pointer: 29,
    overflow: 0,
    words: [now, now, now, now, now, now, 0, 0, 0],
  });
  expect(heard[1]?.ip.options[0]).toMatchObject({ pointer: 17, overflow: 2, words: [now, now, now] });
  lab.end();
});

it("writes times with addresses: a forwarder gives the one that it is known by to the sender", () => {
  const { lab, h1 } = chain();
  lab.run(7 * MS);
  const heard = hear(h1);
  ask(h1, "10.0.2.1", stamps(1, room(8)));
  lab.run(S);
  const hops = addresses(["10.0.1.1", "10.0.1.254", "10.0.2.1", "10.0.2.1"]); // as `ping -T tsandaddr` on Linux 6.18
  expect(heard[0]?.ip.options[0]).toMatchObject({ overflow: 2, words: hops.flatMap((a) => [a, 7]) });
  lab.end();
});

it("writes times at the addresses that were asked", () => {
  const { lab, h1 } = chain();
  lab.run(9 * MS);
  const heard = hear(h1);
  const [r1, h2, other] = addresses(["10.0.2.254", "10.0.2.1", "10.0.9.9"]) as [number, number, number];
  ask(h1, "10.0.2.1", stamps(3, [r1, 0, h2, 0]));
  ask(h1, "10.0.2.1", stamps(3, [other, 0, h2, 0]));
  lab.run(S);
  expect(heard[0]?.ip.options[0]).toMatchObject({ pointer: 21, words: [r1, 9, h2, 9] });
  expect(heard[1]?.ip.options[0]).toMatchObject({ pointer: 5, words: [other, 0, h2, 0] });
  lab.end();
});

it("errors carry on the records of what they quote", () => {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  ping(h1, "10.0.2.1", { ttl: 1, options: encodeOptions([{ kind: "nop" }, recordRoute(9)]) });
  lab.run(S);
  const [error] = heard as [Seen];
  const route = addresses(["10.0.1.1", "10.0.1.254", "10.0.1.254", "10.0.1.1"]); // the last is the receiver's
  expect(error.ip.options[0]).toEqual({ kind: "rr", pointer: 20, route: [...route, ...room(5)] });
  expect(error.ip).toMatchObject({ totalLength: 192 }); // as captured on Linux 6.18
  const quoted = read(0, error.icmp?.body as Uint8Array);
  expect(validHeader(quoted.bytes, 0, quoted.bytes.length)).toBe(0);
  expect(quoted.ip.options[1]).toMatchObject({ route: [...route.slice(0, 2), ...room(7)] });
  lab.end();
});

it("no source routes by default", () => {
  const { lab, h1, r1 } = chain();
  const heard = hear(h1);
  send(h1, 1, "10.0.2.1", echoRequest, {
    options: encodeOptions([{ kind: "lsrr", pointer: 4, route: [ip("10.0.1.254")] }]),
  });
  lab.run(S);
  expect([heard, allDrops(r1)]).toEqual([[], { "ip: source route not accepted": 1 }]);
  lab.end();
});

it.each(["lsrr", "ssrr"] as const)("follows %s by way of the router, and the answer comes back by it", (kind) => {
  const { lab, h1, r1, h2 } = open();
  const heard = hear(h1);
  const [first, second] = [watch(h1, "eth0").out, watch(h2, "eth0")];
  ask(h1, "10.0.2.1", { kind, pointer: 4, route: addresses(["10.0.1.254"]) });
  lab.run(S);
  const option = { kind, pointer: 4, route: addresses(["10.0.2.1"]) };
  expect(first[0]?.ip).toMatchObject({ dst: ip("10.0.1.254"), options: [option, { kind: "eol" }] });
  const visited = { kind, pointer: 8, route: addresses(["10.0.2.254"]) };
  expect(second.in[0]?.ip).toMatchObject({ dst: ip("10.0.2.1"), options: [visited, { kind: "eol" }] });
  const back = { kind, pointer: 4, route: addresses(["10.0.1.1"]) };
  expect(second.out[0]?.ip).toMatchObject({
    src: ip("10.0.2.1"),
    dst: ip("10.0.2.254"),
    options: [back, { kind: "eol" }],
  });
  expect(heard.map((s) => [s.icmp?.type, s.ip.src])).toEqual([[0, ip("10.0.2.1")]]);
  expect([h1, r1, h2].map(allDrops)).toEqual([{}, {}, {}]);
  lab.end();
});

it("skips hops that are its own addresses, and passes by what is not for it", () => {
  const { lab, h1, h2, r1 } = open();
  const seen = watch(h2, "eth0").in;
  ask(h1, "10.0.2.1", { kind: "lsrr", pointer: 4, route: addresses(["10.0.1.254", "10.0.2.254"]) });
  lab.run(S);
  expect(seen[0]?.ip).toMatchObject({ dst: ip("10.0.2.1") });
  expect(allDrops(r1)).toEqual({});
  seen.length = 0;
  ask(h1, "10.0.2.1", { kind: "lsrr", pointer: 4, route: addresses(["10.0.2.1"]) });
  lab.run(S);
  expect(seen[0]?.ip.options[0]).toMatchObject({ pointer: 4, route: [ip("10.0.2.1")] });
  lab.end();
});

it("a source-routed packet gets the outgoing address into its timestamps", () => {
  const { lab, h1, h2 } = open();
  lab.run(3 * MS);
  const seen = watch(h2, "eth0").in;
  ask(h1, "10.0.2.1", { kind: "lsrr", pointer: 4, route: addresses(["10.0.1.254"]) }, stamps(1, room(6)));
  lab.run(S);
  const hops = addresses(["10.0.1.1", "10.0.2.254", "0.0.0.0"]);
  expect(seen[0]?.ip.options[1]).toMatchObject({ words: [hops[0], 3, hops[1], 3, 0, 0] });
  lab.end();
});

it("sets right a source route that begins with its sender", () => {
  const { lab, h2 } = open();
  const out = watch(h2, "eth0").out;
  const options = encodeOptions([{ kind: "lsrr", pointer: 12, route: addresses(["10.0.1.1", "10.0.2.254"]) }]);
  inject(h2, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 1, echoRequest, { options }));
  lab.run(S);
  const back = { kind: "lsrr", pointer: 4, route: addresses(["10.0.1.1"]) };
  expect(out[0]?.ip).toMatchObject({ dst: ip("10.0.2.254"), options: [back, { kind: "eol" }] });
  lab.end();
});

it("follows no source route of a link broadcast", () => {
  const { lab, r1 } = open();
  const options = encodeOptions([{ kind: "lsrr", pointer: 4, route: addresses(["10.0.2.1"]) }]);
  inject(r1, "eth0", ipPacket("10.0.1.1", "10.0.1.254", 1, echoRequest, { options }), { type: PACKET_BROADCAST });
  expect(allDrops(r1)).toEqual({ "ip: source route not accepted": 1 });
  lab.end();
});

it("records by which address a host without one of its own could reach this node", () => {
  const { lab, r1 } = chain();
  const recorded: unknown[] = [];
  r1.os.rawSocket(253).onReceive((b, _o, end, info) => recorded.push(read(0, b.slice(info.header, end)).ip.options[0]));
  const options = encodeOptions([recordRoute(1)]);
  inject(r1, "eth1", ipPacket("0.0.0.0", "255.255.255.255", 253, new Uint8Array(8), { options }));
  expect(recorded).toEqual([{ kind: "rr", pointer: 8, route: addresses(["10.0.2.254"]) }]);
  lab.end();
});

it("a strict route that would need a gateway fails, and says so", () => {
  const { lab, h1, r1, h2 } = open();
  const heard = hear(h1);
  r1.fib.addRoute({ dst: ip("10.0.3.0"), length: 24, gateway: ip("10.0.2.1") });
  ask(h1, "10.0.3.1", { kind: "ssrr", pointer: 4, route: addresses(["10.0.1.254"]) });
  lab.run(S);
  expect(heard.map((s) => [s.icmp?.type, s.icmp?.code])).toEqual([[3, 5]]);
  expect(allDrops(r1)).toEqual({ "ip: source route not accepted": 1 });
  expect(h2.icmp.stats.inMsgs).toBe(0);
  lab.end();
});

it("a strict route that does not name this hop is a parameter problem", () => {
  const { lab, h1, r1 } = open();
  const heard = hear(h1);
  const options = encodeOptions([{ kind: "ssrr", pointer: 4, route: addresses(["10.0.3.1"]) }]);
  inject(r1, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 1, echoRequest, { options }));
  lab.run(S);
  expect(heard.map((s) => [s.icmp?.type, s.icmp?.rest])).toEqual([[12, 16 * 2 ** 24]]);
  lab.end();
});

it("a program's strict route has to start at a neighbour", () => {
  const { lab, h1 } = open();
  ask(h1, "10.0.2.1", { kind: "ssrr", pointer: 4, route: addresses(["10.0.2.254"]) });
  lab.run(S);
  expect(allDrops(h1)).toEqual({ "ip: no route": 1 });
  lab.end();
});

it.each([
  ["an option that is longer than the header", [7, 39, 4, 0], 20],
  ["an option of length 1", [1, 7, 1, 4], 21],
  ["an option without a length", [1, 1, 1, 7], 23],
  ["a pointer of a record route before its first place", [7, 7, 3, 0, 0, 0, 0, 0], 22],
  ["a pointer of a record route with too little room", [7, 6, 4, 0, 0, 0, 0, 0], 22],
  ["two record routes", [7, 3, 4, 7, 3, 4, 0, 0], 23],
  ["a pointer of a timestamp before its first place", [68, 8, 4, 0, 0, 0, 0, 0], 22],
  ["a timestamp whose count of overflows overflows", [68, 4, 5, 0xf0], 23],
  ["a timestamp too short", [68, 3, 5, 0], 21],
  ["two source routes", [131, 3, 4, 137, 3, 4, 0, 0], 23],
  ["a short router alert", [148, 3, 0, 0], 21],
])("answers %s with its place", (_what, octets, place) => {
  const { lab, h1, r1 } = open();
  const heard = hear(h1);
  inject(r1, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 1, echoRequest, { options: Uint8Array.from(octets) }));
  lab.run(S);
  expect(heard.map((s) => [s.icmp?.type, s.icmp?.code, s.icmp?.content])).toMatchObject([[12, 0, { pointer: place }]]);
  expect(allDrops(r1)).toEqual({ "ip: bad options": 1 });
  lab.end();
});

it("keeps no sum that covers what it changed", () => {
  const { lab, r1, h2 } = open();
  const seen = watch(h2, "eth0").in;
  const options = encodeOptions([{ kind: "lsrr", pointer: 4, route: addresses(["10.0.2.1"]) }, recordRoute(2)]);
  const bytes = ipPacket("10.0.1.1", "10.0.1.254", 1, echoRequest, { options });
  for (const from of [0, 18, 26, 30, 36, 40]) {
    const p = r1.sim.pool.alloc(bytes.length);
    p.buf.set(bytes, p.start);
    p.cacheSum(p.start + from); // the harness compares it with the octets of every frame
    r1.ipv4.receive(p, device(r1, "eth0"));
    lab.run(S);
  }
  expect(seen.length).toBe(6);
  lab.end();
});

it("zeros what stands behind the end of the list", () => {
  const { lab, r1, h2 } = chain();
  const seen = watch(h2, "eth0").in;
  inject(r1, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 1, echoRequest, { options: Uint8Array.of(1, 0, 99, 7) }));
  lab.run(S);
  expect(seen[0]?.ip.optionsRaw).toEqual(Uint8Array.of(1, 0, 0, 0));
  lab.end();
});

it.each([
  ["malformed", Uint8Array.of(7, 39, 4, 0)],
  ["too long", new Uint8Array(44)],
  ["a source route that was begun", Uint8Array.of(131, 7, 8, 10, 0, 1, 254, 0)],
])("refuses options that are %s", (_what, options) => {
  const { lab, h1 } = chain();
  const sent = h1.os.rawSocket(1).sendTo(echoRequest, ip("10.0.2.1"), { options });
  expect(sent).toMatchObject({ ok: false, errno: "EINVAL" });
  lab.end();
});

it("property: whatever the options, what comes through is sound and nothing is lost count of", () => {
  const octet = fc.oneof(fc.nat(255), fc.constantFrom(7, 68, 131, 137, 148, 1, 3, 4, 5, 7, 8, 11));
  const options = fc
    .array(octet, { maxLength: 40 })
    .map((a) => Uint8Array.from({ length: (a.length + 3) & ~3 }, (_, i) => a[i] ?? 0));
  const whole: Lab[] = [];
  const { lab, r1, h2 } = open();
  whole.push(lab);
  fc.assert(
    fc.property(options, fc.constantFrom("10.0.2.1", "10.0.1.254", "10.0.9.9", "10.0.2.254"), (o, to) => {
      inject(r1, "eth0", ipPacket("10.0.1.1", to, 1, echoRequest, { options: o }));
      inject(h2, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 1, echoRequest, { options: o }));
      lab.run(10 * S); // every packet that leaves is checked by the harness
    }),
    { numRuns: cases(300, 30_000) },
  );
  lab.end();
});

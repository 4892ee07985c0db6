import fc from "fast-check";
import { expect, it } from "vitest";
import { formatMac } from "../../../src/core/addr.ts";
import * as stp from "../../../src/protocols/stp/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const rest = fc.uint8Array({ maxLength: 20 });
const bridgeId = fc.tuple(u16, fc.nat(0xffff_ffff_ffff)).map(([priority, mac]) => stp.bridgeId(priority, mac));
const configuration = {
  version: u8,
  flags: u8,
  root: bridgeId,
  rootCost: fc.nat(0xffffffff),
  bridge: bridgeId,
  port: u16,
  messageAge: u16,
  maxAge: u16,
  helloTime: u16,
  forwardDelay: u16,
  rest,
};
const bpdu: fc.Arbitrary<stp.Bpdu> = fc.oneof(
  fc.record({ kind: fc.constant("tcn" as const), version: u8, rest }),
  fc.record({ kind: fc.constant("config" as const), ...configuration }),
  fc.record({ kind: fc.constant("rapid" as const), ...configuration, version1Length: u8 }),
);

/** Ethernet and LLC. */
const AT = 14 + 3;

/** `v` with tshark's names. */
function shown(v: stp.Bpdu): Record<string, unknown> {
  const head = { p: "stp", proto: 0, ver: v.version };
  if (v.kind === "tcn") return { ...head, type: 0x80 };
  const seconds = (ticks: number): string => `${ticks / stp.TICKS_PER_SECOND}`;
  return {
    ...head,
    type: v.kind === "config" ? 0 : 2,
    flags: v.flags,
    root_prio: v.root.priority,
    root_ext: v.root.systemId,
    root_mac: formatMac(v.root.mac),
    root_cost: v.rootCost,
    bridge_prio: v.bridge.priority,
    bridge_ext: v.bridge.systemId,
    bridge_mac: formatMac(v.bridge.mac),
    port: v.port,
    msg_age: seconds(v.messageAge),
    max_age: seconds(v.maxAge),
    hello: seconds(v.helloTime),
    forward: seconds(v.forwardDelay),
    ...(v.kind === "rapid" && { v1len: v.version1Length }),
  };
}

itNeeds(haveShared).each([
  "stp/packetlife-802.1D_spanning_tree.pcap",
  "stp/packetlife-STP-TCN-TCAck.pcapng",
  "stp/rj-rstp-PA-flag.pcapng",
  "malformed/tcpdump-stp-v4-length-sigsegv.pcap",
])("agrees with tshark on %s", (name) => {
  const found = layersOf(name, "stp");
  expect(found.length).toBeGreaterThan(0);
  for (const { frame, layer } of found) {
    const end = 14 + ((frame.bytes[12] as number) << 8) + (frame.bytes[13] as number);
    const v = accepts(stp, frame.bytes, AT, end) as stp.Bpdu;
    expect(shown(v)).toEqual(layer);
  }
});

it("reads back what it writes", () => roundTrips(stp, bpdu));
it("never throws, and re-encodes what it accepts", () => survivesGarbage(stp, 64));
it("survives changed and cut BPDUs", () => survivesMutation(stp, bpdu));

const rapid = Uint8Array.of(0, 0, 3, 2, 0x7c, ...new Uint8Array(30), 0, 0, 64, ...new Uint8Array(64));

it("keeps the MSTP part of a version 3 BPDU raw", () => {
  const got = stp.decode(rapid, 0, rapid.length);
  expect(got).toMatchObject({ ok: true, value: { kind: "rapid", version: 3, version1Length: 0 } });
  expect(got.ok && got.value.rest).toEqual(rapid.slice(36));
});

it("refuses another protocol, unknown types and BPDUs cut short", () => {
  const changed = (at: number, to: number): Uint8Array => rapid.map((octet, i) => (i === at ? to : octet));
  expect(stp.decode(changed(1, 1), 0, 100)).toEqual({ ok: false, why: "protocol", at: 0 });
  expect(stp.decode(changed(3, 3), 0, 100)).toEqual({ ok: false, why: "type", at: 3 });
  expect(stp.decode(rapid, 0, 3)).toEqual({ ok: false, why: "short", at: 3 });
  expect(stp.decode(rapid, 0, 35)).toEqual({ ok: false, why: "short", at: 35 });
  expect(stp.decode(changed(3, 0), 0, 34)).toEqual({ ok: false, why: "short", at: 34 });
  expect(stp.decode(changed(3, 0), 0, 35).ok).toBe(true);
});

it("tells a port's role from the flags", () => {
  const got = stp.decode(rapid, 0, 36);
  expect(got.ok && got.value.kind === "rapid" && stp.role(got.value)).toBe(stp.ROLE_DESIGNATED);
});

it("orders and prints bridge identifiers by priority, extension and address", () => {
  const ids = [
    stp.bridgeId(0x8001, 1),
    stp.bridgeId(0x8000, 2),
    stp.bridgeId(100, 3),
    stp.bridgeId(0x8000, 0xaabbcc000100),
  ];
  expect(ids.toSorted(stp.compareBridgeIds).map(stp.formatBridgeId)).toEqual([
    "0064.000000000003",
    "8000.000000000002",
    "8000.aabbcc000100",
    "8001.000000000001",
  ]);
  expect(stp.bridgeId(0x8001, 1)).toEqual({ priority: 32768, systemId: 1, mac: 1 });
  expect(stp.compareBridgeIds(stp.bridgeId(7, 7), stp.bridgeId(7, 7))).toBe(0);
});

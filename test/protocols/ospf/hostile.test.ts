import fc from "fast-check";
import { expect, it } from "vitest";
import { setU16, setU32 } from "../../../src/core/bytes.ts";
import { MS, S } from "../../../src/core/time.ts";
import { lsaChecksum } from "../../../src/protocols/ospf/lsa-checksum.ts";
import { packetChecksum } from "../../../src/protocols/ospf/wire.ts";
import { inject, ipPacket, watch } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { neighborStates, OspfLab, type Router } from "./net.ts";

/** Two routers that are adjacent, and what r2 sent until then. */
function pair(extra = "", chains = ""): { lab: OspfLab; r1: Router; r2: Router; sent: Uint8Array[] } {
  const lab = new OspfLab();
  const [a, b] = [lab.router("r1"), lab.router("r2")];
  lab.cable([a, "e12 10.0.12.1/24"], [b, "e21 10.0.12.2/24"]);
  const seen = watch(b, "e21");
  const text = (name: string, id: number): string =>
    `${chains}interface ${name}\n ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n${extra}router ospf\n ospf router-id 10.255.0.${id}\n`;
  const r1 = lab.frr(a, text("e12", 1));
  const r2 = lab.frr(b, text("e21", 2));
  lab.run(20 * S);
  return { lab, r1, r2, sent: seen.out.filter((p) => p.ip.protocol === 89).map((p) => p.data) };
}

const drops = (r: Router, why: string): number => r.ospfd.ospf.dropped.get(why) ?? 0;
const full = (r: Router): boolean => Object.values(neighborStates(r)).every((s) => s === "Full");

/** Gives r1 an OSPF packet as if r2 had sent it; its checksum is made right when asked for. */
function give(lab: OspfLab, r1: Router, bytes: Uint8Array, sealed = true, from = "10.0.12.2"): void {
  const b = bytes.slice();
  if (sealed && b.length >= 24) setU16(b, 12, packetChecksum(b, 0, Math.min(b.length, (b[2]! << 8) | b[3]!)));
  inject(r1.kernel, "e12", ipPacket(from, "224.0.0.5", 89, b, { ttl: 1, tos: 0xc0 }));
  lab.run(2 * MS); // until ospfd has read it
}

const hello = (sent: readonly Uint8Array[]): Uint8Array => sent.filter((b) => b[1] === 1).at(-1) as Uint8Array;

it("counts what it does not take, by reason", () => {
  const { lab, r1, sent } = pair();
  const spoil = (at: number, value: number): Uint8Array => {
    const b = hello(sent).slice();
    b[at] = value;
    return b;
  };
  for (const [why, bytes, sealed] of [
    ["version", spoil(0, 3), true],
    ["length", spoil(3, 255), false],
    ["area", spoil(11, 9), true],
    ["checksum", spoil(20 + 4, 9), false],
    ["auth type", spoil(15, 1), true],
    ["hello interval", spoil(29, 7), true],
    ["hello dead interval", spoil(35, 7), true],
    ["hello mask", spoil(27, 128), true],
    ["hello options", spoil(30, 0), true],
    ["type", spoil(1, 9), true],
    ["short", hello(sent).slice(0, 20), false],
  ] as const) {
    const before = drops(r1, why);
    give(lab, r1, bytes, sealed);
    expect({ why, drops: drops(r1, why) }).toEqual({ why, drops: before + 1 });
  }
  const other = spoil(7, 77);
  other[1] = 4;
  give(lab, r1, other, true, "10.0.12.77");
  expect(drops(r1, "unknown neighbor")).toBe(1);
  const mine = spoil(7, 1);
  give(lab, r1, mine, true, "10.0.12.9");
  expect(drops(r1, "duplicate router id")).toBe(1);
  expect(full(r1)).toBe(true);
});

/** An update with one advertisement of `type`, of `length` octets, by r2. */
function update(sent: readonly Uint8Array[], fill: (b: Uint8Array, at: number) => void, length = 36): Uint8Array {
  const b = new Uint8Array(24 + 4 + length);
  b.set(hello(sent).subarray(0, 24));
  b[1] = 4;
  setU16(b, 2, b.length);
  setU32(b, 24, 1);
  setU16(b, 28 + 18, length);
  fill(b, 28);
  setU16(b, 28 + 16, lsaChecksum(b, 28, 28 + length));
  return b;
}

it("drops advertisements that make no sense, and keeps those that do", () => {
  const { lab, r1, sent } = pair();
  const external = (b: Uint8Array, at: number): void => {
    b[at + 3] = 5;
    setU32(b, at + 4, 0xc0a80000);
    setU32(b, at + 8, 0x0aff0002);
    setU32(b, at + 12, 0x80000001);
    setU32(b, at + 20, 0xffffff00);
    setU32(b, at + 24, 0x80000005);
  };
  const bad = update(sent, external);
  bad[50] = (bad[50] as number) ^ 1;
  give(lab, r1, bad);
  expect(drops(r1, "advertisement checksum")).toBe(1);
  give(
    lab,
    r1,
    update(sent, (b, at) => {
      external(b, at);
      b[at + 3] = 6;
    }),
  );
  expect(drops(r1, "advertisement type")).toBe(1);
  give(
    lab,
    r1,
    update(sent, (b, at) => {
      external(b, at);
      b[at + 3] = 1;
    }),
  );
  expect(drops(r1, "advertisement contents")).toBe(1);
  expect(r1.ospfd.ospf.lsdb.size).toBe(0);
  give(lab, r1, update(sent, external));
  expect(r1.ospfd.ospf.lsdb.size).toBe(1);
  // what this router is said to have said, and has not, it withdraws (RFC 2328 §13.4)
  give(
    lab,
    r1,
    update(sent, (b, at) => {
      external(b, at);
      setU32(b, at + 8, 0x0aff0001);
    }),
  );
  expect(r1.ospfd.ospf.lsdb.find(5, 0xc0a80000, 0x0aff0001)?.age).toBe(3600);
  lab.run(200 * S);
  expect(r1.ospfd.ospf.lsdb.size).toBe(1);
});

it("MaxAge of what nobody knows is acknowledged and not kept", () => {
  const { lab, r1, sent } = pair();
  for (let i = 0; i < 200; i++)
    give(
      lab,
      r1,
      update(sent, (b, at) => {
        setU16(b, at, 3600);
        b[at + 3] = 5;
        setU32(b, at + 4, 0xc0000000 + 256 * i);
        setU32(b, at + 8, 0x0aff0009);
        setU32(b, at + 12, 0x80000001);
        setU32(b, at + 20, 0xffffff00);
      }),
    );
  expect(r1.ospfd.ospf.lsdb.size).toBe(0);
});

it("wrong authentication is dropped; the right one is taken, whatever the algorithm", () => {
  for (const algorithm of ["md5", "hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512"]) {
    const { lab, r1, r2, sent } = pair(
      " ip ospf authentication key-chain KEYS\n",
      `key chain KEYS\n key 1\n  key-string secret\n  cryptographic-algorithm ${algorithm}\n`,
    );
    expect(full(r1) && full(r2)).toBe(true);
    const old = hello(sent);
    const [replayed, forged] = [drops(r1, "sequence"), drops(r1, "digest")];
    give(lab, r1, sent.find((b) => b[1] === 1) as Uint8Array, false);
    expect(drops(r1, "sequence")).toBe(replayed + 1);
    const changed = old.slice();
    changed[31] = 200;
    give(lab, r1, changed, false);
    expect(drops(r1, "digest")).toBe(forged + 1);
  }
  const { r1, r2 } = pair(" ip ospf authentication\n ip ospf authentication-key pass\n");
  expect(full(r1) && full(r2)).toBe(true);
});

it("whatever arrives, nothing breaks, and afterwards the neighbours are adjacent again", () => {
  const { lab, r1, r2, sent } = pair();
  const change = fc.tuple(fc.nat(0xffff), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.array(change, { maxLength: 4 }), fc.boolean()), { minLength: 1, maxLength: 10 }),
      (packets) => {
        for (const [which, changes, sealed] of packets) {
          const b = (sent[which % sent.length] as Uint8Array).slice();
          for (const [where, octet] of changes) b[where % b.length] = octet;
          give(lab, r1, b, sealed);
        }
        lab.run(S / 10);
      },
    ),
    { numRuns: cases(200, 20_000) },
  );
  lab.run(80 * S);
  expect([full(r1), full(r2)]).toEqual([true, true]);
  expect([...r1.ospfd.ospf.areas.values()][0]?.lsdb.size).toBeLessThan(2000);
});

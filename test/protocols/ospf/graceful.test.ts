import { expect, it } from "vitest";
import { setU16, setU32 } from "../../../src/core/bytes.ts";
import { MS, S } from "../../../src/core/time.ts";
import { isGrace, readGrace } from "../../../src/protocols/ospf/gr-helper.ts";
import { makeLsa } from "../../../src/protocols/ospf/lsa.ts";
import { lsaChecksum } from "../../../src/protocols/ospf/lsa-checksum.ts";
import { packetChecksum } from "../../../src/protocols/ospf/wire.ts";
import { device, inject, ipPacket } from "../../harness/kernels.ts";
import { configure, neighborStates, OspfLab, type Router, show } from "./net.ts";

const [PERIOD, REASON] = [1, 2];
/** The contents of a grace advertisement: a value of four octets for each type. */
function body(...tlvs: readonly (readonly [number, number, number])[]): Uint8Array {
  const b = new Uint8Array(8 * tlvs.length);
  for (const [i, [type, size, value]] of tlvs.entries()) {
    setU16(b, 8 * i, type);
    setU16(b, 8 * i + 2, size);
    setU32(b, 8 * i + 4, value);
  }
  return b;
}
const graceLsa = (bytes: Uint8Array, seq = 0x80000001 | 0) =>
  makeLsa({ type: 9, options: 0x42, id: 0x03000000, adv: 0x0aff0002, seq, body: { kind: "raw", bytes } });

/** r1 and r2 on a hub, by a link between two, and r3 behind r1. */
function trio(helper: string): { lab: OspfLab; r1: Router; r2: Router; r3: Router } {
  const lab = new OspfLab();
  const [a, b, c] = [lab.router("r1"), lab.router("r2"), lab.router("r3")];
  lab.hub([a, "e12 10.0.12.1/24"], [b, "e21 10.0.12.2/24"]);
  lab.cable([a, "e13 10.0.13.1/24"], [c, "e31 10.0.13.3/24"]);
  const at = (name: string): string =>
    `interface ${name}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n`;
  const process = (i: number, more = ""): string => `router ospf\n ospf router-id 10.255.0.${i}\n${more}`;
  const lo = "interface lo\n ip ospf area 0\n";
  const r1 = lab.frr(a, at("e12") + at("e13") + process(1, helper));
  const r2 = lab.frr(b, at("e21") + lo + process(2), "10.9.0.2/32");
  const r3 = lab.frr(c, at("e31") + process(3));
  lab.run(30 * S);
  return { lab, r1, r2, r3 };
}

/** Tells r1 that r2 is about to restart, or that it has. */
function tell(lab: OspfLab, r1: Router, bytes: Uint8Array, age = 0, seq = 0x80000001 | 0): void {
  const lsa = graceLsa(bytes, seq);
  const b = new Uint8Array(28 + lsa.length);
  b.set([2, 4]);
  setU16(b, 2, b.length);
  setU32(b, 4, 0x0aff0002);
  setU32(b, 24, 1);
  b.set(lsa.bytes, 28);
  setU16(b, 28, age);
  setU16(b, 28 + 16, lsaChecksum(b, 28, b.length));
  setU16(b, 12, packetChecksum(b, 0, b.length));
  inject(r1.kernel, "e12", ipPacket("10.0.12.2", "224.0.0.5", 89, b, { ttl: 1 }));
  lab.run(2 * MS); // until ospfd has read it
}
const silence = (r2: Router, is: boolean) => r2.kernel.setUp(device(r2.kernel, "e21"), !is);
const reaches = (r: Router): boolean => show(r, "show ip ospf route").includes("10.9.0.2/32");
const period = (seconds: number): Uint8Array => body([PERIOD, 4, seconds], [REASON, 1, 1 << 24]);

it("a neighbour that restarts counts as adjacent until its time is over", () => {
  const { lab, r1, r2, r3 } = trio(" graceful-restart helper enable\n");
  tell(lab, r1, period(60));
  silence(r2, true);
  lab.run(50 * S);
  expect(reaches(r1) && reaches(r3)).toBe(true);
  expect(show(r1, "show ip ospf neighbor detail")).toContain("Graceful Restart HELPER Status : Inprogress");
  const shown = JSON.parse(show(r1, "show ip ospf graceful-restart helper detail json"));
  expect(shown).toMatchObject({ helperSupport: "Enabled", activeRestarterCnt: 1 });
  expect(shown.neighbors["10.0.12.2"]).toMatchObject({ recvdGraceInterval: 60, restartReason: "Software restart" });
  lab.run(20 * S);
  expect(reaches(r1) || reaches(r3)).toBe(false);
  expect(show(r1, "show ip ospf graceful-restart helper")).toContain("Last Helper exit Reason :Grace timer expiry");
});

it("it is over at once when it says so, or when something changes that it cannot hear of", () => {
  for (const strict of [true, false]) {
    const { lab, r1, r2, r3 } = trio(
      ` graceful-restart helper enable\n${strict ? "" : " no graceful-restart helper strict-lsa-checking\n"}`,
    );
    tell(lab, r1, period(120));
    silence(r2, true);
    lab.run(20 * S);
    configure(r3, "interface e31", "ip ospf cost 77");
    lab.run(10 * S);
    expect(reaches(r1)).toBe(!strict);
    if (strict) continue;
    silence(r2, false);
    lab.run(10 * S);
    tell(lab, r1, period(120), 3600, 0x80000002 | 0);
    expect(show(r1, "show ip ospf graceful-restart helper")).toContain("Successful graceful restart");
    lab.run(20 * S);
    expect(Object.values(neighborStates(r1))).toEqual(["Full", "Full"]);
    expect(reaches(r1)).toBe(true);
  }
});

it("who does not help, or helps others, or after planned restarts only, lets it go", () => {
  const others = [
    "",
    " graceful-restart helper enable 10.255.0.9\n",
    " graceful-restart helper enable\n graceful-restart helper planned-only\n",
  ];
  for (const helper of others) {
    const { lab, r1, r2 } = trio(helper);
    tell(lab, r1, body([PERIOD, 4, 60], [REASON, 1, 0]));
    silence(r2, true);
    lab.run(20 * S);
    expect(reaches(r1)).toBe(false);
    expect(r1.ospfd.ospf.dropped.get("grace")).toBe(1);
  }
});

it("grace advertisements that make no sense are not taken", () => {
  expect(isGrace(graceLsa(period(60)))).toBe(true);
  expect(readGrace(graceLsa(period(60)))).toEqual({ periodS: 60, reason: 1, address: 0 });
  for (const bad of [period(0), period(1801), body([REASON, 1, 0]), body([PERIOD, 4, 60], [REASON, 1, 9 << 24])])
    expect(readGrace(graceLsa(bad))).toBeUndefined();
  expect(readGrace(graceLsa(body([PERIOD, 40, 60])))).toBeUndefined();
  expect(readGrace(graceLsa(new Uint8Array(2)))).toBeUndefined();
});

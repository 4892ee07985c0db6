import { expect, it } from "vitest";
import { S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import {
  allDrops,
  chain,
  device,
  encodeMessage,
  hear,
  inject,
  ipPacket,
  type Lab,
  ping,
  route,
  watch,
} from "../../../harness/kernels.ts";

const request = encodeMessage(message(8, 0, 1, new Uint8Array(8)));

/** Lets `r1` receive an echo request on eth0; why it was dropped, if it was. */
function dropped(from: string, to: string, set: (r1: Kernel) => void = () => {}): string[] {
  const { lab, r1 } = chain();
  set(r1);
  inject(r1, "eth0", ipPacket(from, to, 1, request));
  const reasons = Object.keys(allDrops(r1));
  lab.end();
  return reasons;
}

it.each([
  ["127.0.0.1", "10.0.1.254"],
  ["224.0.0.1", "10.0.1.254"],
  ["255.255.255.255", "10.0.1.254"],
  ["0.0.0.0", "10.0.2.1"],
  ["10.0.1.254", "10.0.2.1"],
  ["10.0.2.254", "10.0.1.254"],
])("a packet from %s to %s has a martian source", (from, to) => {
  expect(dropped(from, to)).toEqual(["ip: martian source"]);
});

it.each(["127.0.0.1", "0.0.0.0"])("%s is a martian destination", (to) => {
  expect(dropped("10.0.1.1", to)).toEqual(["ip: martian destination"]);
});

it("accepts its own source, and loopback addresses, where told to", () => {
  const own = (r1: Kernel): void => {
    device(r1, "eth0").inet.conf.accept_local = 1;
  };
  const loopback = (r1: Kernel): void => {
    device(r1, "eth0").inet.conf.route_localnet = 1;
  };
  expect(dropped("10.0.2.254", "10.0.1.254", own)).toEqual([]);
  expect(dropped("10.0.1.1", "127.0.0.1", loopback)).toEqual([]);
});

it("strict reverse path filtering wants the way back by the same device, loose filtering any", () => {
  const mode =
    (n: number, withDefault = false) =>
    (r1: Kernel): void => {
      device(r1, "eth0").inet.conf.rp_filter = n;
      if (withDefault) route(r1, "0.0.0.0/0", "10.0.2.1");
    };
  const filtered = ["ip: reverse path filter"];
  expect(dropped("10.0.1.1", "10.0.2.1", mode(1))).toEqual([]);
  expect(dropped("10.0.2.9", "10.0.1.254", mode(1))).toEqual(filtered); // by the other device
  expect(dropped("10.0.2.9", "10.0.1.254", mode(2))).toEqual([]);
  expect(dropped("10.0.2.9", "10.0.1.254", mode(0))).toEqual([]);
  expect(dropped("172.16.0.1", "10.0.1.254", mode(1))).toEqual(filtered); // by none
  expect(dropped("172.16.0.1", "10.0.1.254", mode(2))).toEqual(filtered);
  expect(dropped("172.16.0.1", "10.0.1.254", mode(2, true))).toEqual([]);
  expect(dropped("172.16.0.1", "10.0.1.254", mode(1, true))).toEqual(filtered);
});

it("the filter that is set for all devices counts where it is the stricter number", () => {
  const all = (r1: Kernel): void => {
    r1.sysctl.all.rp_filter = 1;
  };
  expect(dropped("10.0.2.9", "10.0.1.254", all)).toEqual(["ip: reverse path filter"]);
});

it("drops headers that are wrong, each for its reason", () => {
  const { lab, r1 } = chain();
  const good = ipPacket("10.0.1.1", "10.0.2.1", 1, request);
  const bad = (change: (b: Uint8Array) => void): Uint8Array => {
    const b = good.slice();
    change(b);
    return b;
  };
  inject(r1, "eth0", good.slice(0, 19));
  inject(
    r1,
    "eth0",
    bad((b) => b.fill(0x65, 0, 1)),
  );
  inject(
    r1,
    "eth0",
    bad((b) => b.fill(0x44, 0, 1)),
  );
  inject(
    r1,
    "eth0",
    bad((b) => b.fill(1, 8, 9)),
  );
  inject(r1, "eth0", good.slice(0, -1));
  expect(allDrops(r1)).toEqual({
    "ip: header cut short": 1,
    "ip: version is not 4": 1,
    "ip: header length out of bounds": 1,
    "ip: bad header checksum": 1,
    "ip: total length out of bounds": 1,
  });
  lab.end();
});

it("takes the padding of short frames off", () => {
  const { lab, r1, h2 } = chain();
  const seen = watch(h2, "eth0").in;
  inject(r1, "eth0", Uint8Array.of(...ipPacket("10.0.1.1", "10.0.2.1", 1, request), 0, 0, 0, 0, 0, 0));
  lab.run(S);
  expect(seen.map((s) => s.bytes.length)).toEqual([36]);
  lab.end();
});

it("one run is like the other, byte for byte", () => {
  const run = (): string => {
    const { lab, h1, r1 }: { lab: Lab; h1: Kernel; r1: Kernel } = chain(7);
    hear(h1);
    for (let seq = 1; seq <= 20; seq++) {
      ping(h1, seq % 2 ? "10.0.2.1" : "10.0.2.9", { seq, bytes: 100 * seq, ttl: (seq % 3) + 1 });
      inject(r1, "eth0", ipPacket("10.0.1.1", "172.16.0.1", 17, new Uint8Array(8)));
      lab.run(S);
    }
    lab.end();
    return lab.sim.fingerprint.toString();
  };
  expect(run()).toBe(run());
});

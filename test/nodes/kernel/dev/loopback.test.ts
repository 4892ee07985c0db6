import { describe, expect, it } from "vitest";
import { S } from "../../../../src/core/time.ts";
import { drops, hear, Lab, must, ping } from "../../../harness/kernels.ts";
import { bytes, udp } from "../datagrams.ts";

describe("the loopback", () => {
  it("is up from the start, as 127.0.0.1/8, without ARP, 65,536 octets wide", () => {
    const h = new Lab().host("h");
    const { loopback } = h;
    expect([loopback.ifindex, loopback.name, loopback.up, loopback.carrier, loopback.mtu]).toEqual([
      1,
      "lo",
      true,
      true,
      65_536,
    ]);
    expect([loopback.noArp, loopback.mac]).toEqual([true, 0]);
    expect(h.addresses.list(1).map((a) => [a.address, a.length, a.scope])).toEqual([[0x7f000001, 8, 254]]);
  });
  it("brings back what is sent to any address of the host, after what is due now", () => {
    const lab = new Lab();
    const h = lab.host("h");
    lab.cable([h, "e0 10.0.0.1/24"], [lab.host("o"), "e0"]);
    const heard = hear(h);
    ping(h, "127.5.5.5");
    ping(h, "10.0.0.1");
    expect(heard).toEqual([]);
    lab.run(0);
    expect(heard.map((s) => s.icmp?.type).toSorted()).toEqual([0, 0, 8, 8]);
    lab.end();
  });
  it("counts both ways", () => {
    const lab = new Lab();
    const h = lab.host("h");
    ping(h, "127.0.0.1", { bytes: 100 });
    lab.run(S);
    expect(h.loopback.stats).toMatchObject({ txPackets: 2, rxPackets: 2, txBytes: 284, rxBytes: 284 });
  });
  it("keeps order, and netdev_max_backlog packets, and one; the rest are dropped", () => {
    const lab = new Lab();
    const h = lab.host("h");
    const heard: number[] = [];
    udp(h, "", 9).onReceive((_b, o, end) => heard.push(end - o));
    const s = udp(h);
    for (let i = 1; i <= 1010; i++) must(s.sendTo(bytes(i), 0x7f000001, 9));
    lab.run(S);
    expect(heard).toEqual(Array.from({ length: 1001 }, (_, i) => i + 1));
    expect(drops(h, "cpu: backlog full")).toBe(9);
    must(s.sendTo(bytes(7), 0x7f000001, 9));
    lab.run(S);
    expect(heard.at(-1)).toBe(7);
    lab.end();
  });
  it("down, brings nothing back, though its routes stay", () => {
    const lab = new Lab();
    const h = lab.host("h");
    h.setUp(h.loopback, false);
    const heard = hear(h);
    ping(h, "127.0.0.1");
    lab.run(S);
    expect([heard.length, drops(h, "device is down"), h.fib.routes(255).length]).toEqual([0, 1, 2]);
    h.setUp(h.loopback, true);
    ping(h, "127.0.0.1");
    lab.run(S);
    expect(heard).toHaveLength(2);
  });
  it("takes any MTU", () => {
    const h = new Lab().host("h");
    must(h.setMtu(h.loopback, 1));
    must(h.setMtu(h.loopback, 0x7fffffff));
    expect(h.setMtu(h.loopback, -1).ok).toBe(false);
  });
});

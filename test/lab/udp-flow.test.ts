import { describe, expect, it } from "vitest";
import { MS, S } from "../../src/core/time.ts";
import { LabError } from "../../src/lab/errors.ts";
import { Net } from "../../src/lab/net.ts";
import type { LabNode } from "../../src/lab/node.ts";
import { UdpFlow, type UdpFlowOptions, UdpMeter } from "../../src/lab/udp-flow.ts";

function pair(delay = "5ms"): { net: Net; a: LabNode; b: LabNode } {
  const net = new Net();
  const [a, b] = [net.host("a"), net.host("b")];
  net.link(a, b, { ip: "10.0.0.1/24", peerIp: "10.0.0.2/24", delay });
  a.ping("b");
  return { net, a, b };
}
const options: UdpFlowOptions = { to: "b", port: 9, payloadBytes: 958 };

describe("a flow of datagrams", () => {
  it("sends at its rate of layer 2, and the meter tells rate and delay", () => {
    const { net, a, b } = pair();
    const meter = new UdpMeter(net, b, 9);
    const flow = new UdpFlow(net, a, { ...options, rate: "8mbit" });
    const from = net.now;
    net.run(2);
    expect(flow).toMatchObject({ sent: 2001, failed: 0 });
    expect(meter.between(from + S, from + 2 * S)).toEqual({ packets: 1000, mbit: 8, delayS: 0.005 });
    expect(meter.between(from, from + 4 * MS)).toEqual({ packets: 0, mbit: 0, delayS: 0 });
  });
  it("begins and ends when it is told to, and stops at once", () => {
    const { net, a, b } = pair();
    new UdpMeter(net, b, 9);
    const at = net.now;
    const timed = new UdpFlow(net, a, { ...options, rate: "8mbit", startsAt: at + 100 * MS, endsAt: at + 200 * MS });
    const stopped = new UdpFlow(net, a, { ...options, rate: "8mbit" });
    net.run("50ms");
    stopped.stop();
    net.run(1);
    expect([timed.sent, stopped.sent]).toEqual([100, 51]);
  });
  it("without a rate never pauses, and waits where a queue has filled its send buffer", () => {
    const { net, a, b } = pair();
    a.sh("tc qdisc add dev a-eth0 root tbf rate 8mbit burst 2kb limit 10mb");
    const meter = new UdpMeter(net, b, 9);
    const flow = new UdpFlow(net, a, options);
    const from = net.now;
    net.run(2);
    expect(meter.between(from + S, from + 2 * S)).toMatchObject({ packets: 1000, mbit: 8 });
    expect(flow.sent).toBeLessThan(2000 + 170); // 212,992 octets of 1,280 each
    expect(flow.failed).toBe(0);
  });
  it("asks for a type of service, and for one of its node's addresses", () => {
    const { net, a, b } = pair();
    a.addAddress("a-eth0", "10.0.0.7/24");
    const seen: [number, number][] = [];
    const socket = b.kernel.os.udpSocket();
    socket.bind(0, 9);
    socket.onReceive((_b, _o, _end, info) => seen.push([info.source, info.tos]));
    new UdpFlow(net, a, { ...options, rate: "8mbit", tos: 16, source: "10.0.0.7", endsAt: net.now + 1 });
    net.run(1);
    expect(seen).toEqual([[0x0a00_0007, 16]]);
  });
  it("says what it cannot do", () => {
    const { net, a, b } = pair();
    expect(() => new UdpFlow(net, a, { ...options, payloadBytes: 7 })).toThrow(
      "payload of 7 bytes: expected 8 or more",
    );
    expect(() => new UdpFlow(net, a, { ...options, to: "1.2.3.4" })).toThrow(
      new LabError("a: UDP to 1.2.3.4: ENETUNREACH"),
    );
    expect(() => new UdpFlow(net, a, { ...options, source: "1.2.3.4" })).toThrow("a: UDP from 1.2.3.4: EADDRNOTAVAIL");
    new UdpMeter(net, b, 9);
    expect(() => new UdpMeter(net, b, 9)).toThrow(new LabError("b: UDP port 9: EADDRINUSE"));
  });
});

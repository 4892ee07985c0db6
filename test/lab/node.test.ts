import { describe, expect, it } from "vitest";
import { S } from "../../src/core/time.ts";
import { LabError } from "../../src/lab/errors.ts";
import { Net } from "../../src/lab/net.ts";

const two = (): Net => {
  const net = new Net();
  net.link(net.host("h1"), net.host("h2"), { ip: "10.0.0.1/24", peerIp: "10.0.0.2/24", delay: "5ms" });
  return net;
};

describe("a command", () => {
  it("runs to its end, and gives what it printed", () => {
    const net = two();
    expect(net.node("h1").sh("echo hello")).toBe("hello\n");
    const done = net.node("h1").exec("ping -c 2 10.0.0.2");
    expect([done.status, done.ended, done.startedAt]).toEqual([0, true, 0]);
    expect(done.output).toContain("2 packets transmitted, 2 received");
    expect(done.endedAt).toBe(net.now);
  });
  it("that fails is an error of `sh`, with its words, and none of `exec`", () => {
    const net = two();
    expect(net.node("h1").exec("false").status).toBe(1);
    expect(() => net.node("h1").sh("false")).toThrow(new LabError("h1: false\n  status 1"));
    expect(() => net.node("h1").sh("nonsense -x")).toThrow("h1: nonsense -x\n  sh: nonsense: command not found");
  });
  it("that is spawned runs while time moves", () => {
    const net = two();
    const running = net.node("h1").spawn("sleep 3");
    expect([running.ended, net.now]).toEqual([false, 0]);
    net.run("2s");
    expect(running.ended).toBe(false);
    net.run("2s");
    expect([running.ended, running.endedAt, net.now]).toEqual([true, 3 * S, 4 * S]);
  });
  it("that is waited for is interrupted at the run's end", () => {
    const net = two();
    net.endsAt = 2 * S;
    const running = net.node("h1").spawn("sleep 10");
    net.waitFor(running);
    expect([running.status, running.endedAt, net.now]).toEqual([130, 2 * S, 2 * S]);
  });
});

describe("ping", () => {
  it("takes an address or a node's name, one echo unless told otherwise", () => {
    const net = two();
    const h1 = net.node("h1");
    expect(h1.ping("10.0.0.2")).toMatchObject({ transmitted: 1, received: 1 });
    expect(h1.ping("h2", { count: 3 })).toMatchObject({ transmitted: 3, received: 3 });
    expect(() => h1.ping("nobody")).toThrow('"nobody": expected an IPv4 address or the name of a node');
  });
});

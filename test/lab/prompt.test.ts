import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { S } from "../../src/core/time.ts";
import { Net } from "../../src/lab/net.ts";
import { type Prompt, prompt } from "../../src/lab/prompt.ts";
import { cases } from "../harness/shared.ts";

let net: Net;
let console: Prompt;
const run = (line: string): string => console.run(line);

/** `h1` and `h2` on switch `s1`, `h3` behind a hub on it. */
beforeEach(() => {
  net = new Net(1);
  const [h1, h2, h3] = [net.host("h1"), net.host("h2"), net.host("h3")];
  const [s1, hub] = [net.switch("s1"), net.hub("hub1")];
  net.link(h1, s1, { ip: "10.0.0.1/24" });
  net.link(h2, s1, { ip: "10.0.0.2/24", delay: "1ms" });
  net.link(s1, hub);
  net.link(h3, hub, { ip: "10.0.0.3/24" });
  console = prompt(net);
});

describe("Mininet's commands", () => {
  it.each([
    ["nodes", "available nodes are: \nh1 h2 h3 hub1 s1\n"],
    [
      "net",
      "h1 h1-eth0:s1-eth0\nh2 h2-eth0:s1-eth1\nh3 h3-eth0:hub1-eth1\ns1 s1-eth0:h1-eth0 s1-eth1:h2-eth0 s1-eth2:hub1-eth0\n" +
        "hub1 hub1-eth0:s1-eth2 hub1-eth1:h3-eth0\n",
    ],
    [
      "links",
      "h1-eth0<->s1-eth0 (OK OK)\nh2-eth0<->s1-eth1 (OK OK)\ns1-eth2<->hub1-eth0 (OK OK)\nh3-eth0<->hub1-eth1 (OK OK)\n",
    ],
    ["intfs", "h1: h1-eth0\nh2: h2-eth0\nh3: h3-eth0\ns1: s1,s1-eth0,s1-eth1,s1-eth2\n"],
    ["ports", "s1 s1-eth0:1 s1-eth1:2 s1-eth2:3\n"],
    [
      "dump",
      "<Host h1: h1-eth0:10.0.0.1>\n<Host h2: h2-eth0:10.0.0.2>\n<Host h3: h3-eth0:10.0.0.3>\n" +
        "<Switch s1: s1:None,s1-eth0:None,s1-eth1:None,s1-eth2:None>\n",
    ],
    ["", ""],
    ["# a comment", ""],
  ])("%s", (line, text) => {
    expect(run(line)).toBe(text);
  });

  it("pingall and pingpair", () => {
    expect(run("pingpair")).toBe(
      "*** Ping: testing ping reachability\nh1 -> h2 \nh2 -> h1 \n*** Results: 0% dropped (2/2 received)\n",
    );
    run("h3 power off");
    expect(run("pingall")).toBe(
      "*** Ping: testing ping reachability\nh1 -> h2 X \nh2 -> h1 X \nh3 -> X X \n*** Results: 66% dropped (2/6 received)\n",
    );
  });

  it("a command on a node, with names of nodes for addresses", () => {
    const text = run("h1 ping -c1 h3");
    expect(text).toContain("PING 10.0.0.3 (10.0.0.3) 56(84) bytes of data.\n");
    expect(text).toContain("1 packets transmitted, 1 received, 0% packet loss");
    expect(run("h1 nonsense")).toBe("sh: nonsense: command not found\n");
    expect(run("h1")).toBe("*** h1 and nothing to do: h1 COMMAND\n");
  });

  it("names of namespaces stay names", () => {
    expect(run("h1 ip netns exec h2 ip -br addr show h2-eth0")).toMatch(/^h2-eth0/);
  });

  it("link takes both ends down and up", () => {
    expect(run("link s1 h1 down")).toBe("");
    expect(run("links").split("\n")[0]).toBe("h1-eth0<->s1-eth0 (MISSING MISSING)");
    expect(run("pingpair")).toContain("100% dropped");
    run("link h1 s1 up");
    expect(run("pingpair")).toContain("0% dropped (2/2 received)");
  });

  it("exit and quit end it", () => {
    expect(console.ended).toBe(false);
    expect(run("exit")).toBe("");
    expect(console.ended).toBe(true);
  });
});

describe("netloom's own", () => {
  it("time passes with run, and is told by time", () => {
    expect(run("run 1.5s") + run("time")).toBe("1.500000 s\n");
    expect(run("time run 250ms")).toBe("*** Elapsed time: 0.250000 secs\n");
    expect(run("time h1 ping -c2 h2")).toMatch(/rtt .*\n\*\*\* Elapsed time: 1\.00\d+ secs\n$/);
    expect(run("until converged")).toMatch(/^converged at \d+\.\d{3} s\n$/);
  });

  it("cable shows, tunes, cuts and mends", () => {
    expect(run("cable h1 s1")).toMatch(/^h1-eth0 > s1-eth0: no rate, delay 0 ms; \d+ frames, \d+ bytes\n/);
    expect(run("cable h1 s1 loss 100% delay 5ms rate 1mbit queue 7")).toBe("");
    expect(run("cable s1 h1")).toMatch(/^h1-eth0 > s1-eth0: rate 1000000 bit\/s, delay 5 ms, loss 100%, queue 7; /);
    expect(run("pingpair")).toContain("100% dropped");
    run("cable h1 s1 loss 0");
    expect(run("pingpair")).toContain("0% dropped (2/2");
    run("cable h1 s1 cut");
    expect(run("links").split("\n")[0]).toBe("h1-eth0<->s1-eth0 (cut)");
    expect(run("pingpair")).toContain("100% dropped");
    run("cable h1 s1 mend");
    expect(run("pingpair")).toContain("0% dropped (2/2");
  });

  it("power off and on", () => {
    run("h2 power off");
    expect(run("dump")).toContain("<Host h2: h2-eth0:10.0.0.2 off>");
    expect(run("pingpair")).toContain("100% dropped");
    run("h2 power on");
    expect(run("pingpair")).toContain("0% dropped");
  });

  it("drops counts by reason", () => {
    expect(run("drops")).toBe("");
    run("cable h1 s1 loss 1");
    run("h1 ping -c1 h2");
    expect(run("drops h1")).toBe("h1         3  lost on the cable\nh1         1  neigh: resolution failed\n");
    expect(run("drops h2")).toBe("");
  });

  it("why tells what becomes of a packet", () => {
    expect(run("why h1 h3")).toMatch(
      /^why h1 10\.0\.0\.3: ICMP echo request, 56 bytes\n[\s\S]*\ndelivered: h3 answered after 0\.000 ms\n$/,
    );
    expect(run("why h1 h3 udp 9 size 100 ttl 3")).toMatch(
      /^why h1 10\.0\.0\.3: UDP to port 9, 100 bytes\n[\s\S]*udp: no socket on this port\n$/,
    );
    expect(run("why h1 h3 size 3000 df")).toContain("Message too long, mtu 1500");
  });

  it("a command in the background tells while time moves, and stops at the end", () => {
    expect(run("h1 ping -c2 h2 &")).toContain("PING 10.0.0.2");
    expect(run("run 100ms")).toContain("icmp_seq=1");
    expect(run("nodes")).not.toContain("icmp_seq");
    expect(run("run 2s")).toContain("2 packets transmitted, 2 received");
    run("h1 ping h2 &");
    run("run 1s");
    run("exit");
    const at = net.now;
    net.run("10s");
    expect(net.sim.nextAt()).toBeGreaterThan(at + 10 * S);
  });

  it("help names every command", () => {
    const help = run("help");
    for (const word of "nodes net links intfs ports dump pingall pingpair link cable power run until time why drops exit".split(
      " ",
    ))
      expect(help).toMatch(new RegExp(`\\b${word}\\b`));
  });
});

describe("commands that do not end", () => {
  it("are interrupted after a time", () => {
    console = prompt(net, { commandMax: 5 * S });
    const text = run("h1 ping h2");
    expect(text.match(/icmp_seq/g)?.length).toBe(5);
    expect(text).toMatch(/6 packets transmitted, 5 received.*\n.*\n\*\*\* interrupted after 5 s of simulated time\n$/);
    expect(net.now).toBe(5 * S);
  });

  it("end with Ctrl-C, and say what they have to say", () => {
    const pieces = console.start("h1 ping h2");
    const heard: string[] = [];
    for (let i = 0; i < 3; i++) heard.push(pieces.next().value as string);
    for (let r = pieces.return(); ; r = pieces.next()) {
      if (r.value) heard.push(r.value);
      if (r.done) break;
    }
    expect(heard.join("")).toMatch(/icmp_seq=3[\s\S]*--- 10\.0\.0\.2 ping statistics ---/);
    expect(run("h1 ping -c1 h2")).toContain("1 received");
  });

  it("give way to Ctrl-C while time runs, too", () => {
    const pieces = console.start("run 1h");
    for (let i = 0; i < 10; i++) pieces.next();
    pieces.return();
    expect(run("time")).toBe("10.000000 s\n");
  });
});

describe("bad input gets one line", () => {
  it.each([
    ["foo", "*** Unknown command: foo (help lists the commands)\n"],
    ["dpctl dump", "*** dpctl of Mininet is not built\n"],
    ["link s1 h9 down", "*** not in the network: h9\n"],
    ["link h1 h2 down", "*** h1 and h2 are not connected\n"],
    ["link s1 h1", "*** link: expected link NODE NODE up or down\n"],
    ["cable h1", "*** cable: expected two nodes, as in cable h1 s1 loss 10%\n"],
    [
      "cable h1 s1 speed 3",
      '*** cable: "speed": expected cut, mend or one of rate, delay, jitter, loss, duplicate, corrupt, reorder, queue\n',
    ],
    ["cable h1 s1 loss", "*** cable: loss without a value\n"],
    ["cable h1 s1 loss x", '*** loss "x": expected a share such as 1% or 0.01\n'],
    ["run", "*** run: expected a time, as in run 5s\n"],
    ["run soon", '*** run "soon": expected a time such as 50us, 1.5ms or 30s\n'],
    ["run 2000h run", "*** run: expected a time, as in run 5s\n"],
    ["until tomorrow", "*** until: expected until converged\n"],
    ["drops h9", "*** there is no node h9; there are h1, h2, h3, s1\n"],
    ["why h1", "*** why: expected why NODE DESTINATION [udp PORT] [size N] [ttl N] [df]\n"],
    ["why h1 h2 udp 0", '*** why: udp "0": expected a number from 1 to 65535\n'],
    ["why h1 s1", "*** s1 has no address\n"],
    ["pingall now", "*** pingall and pingpair take no arguments\n"],
    ["h1 power up", "sh: power: command not found\n"],
  ])("%s", (line, text) => {
    expect(run(line)).toBe(text);
  });

  it("whatever is typed", () => {
    const word = fc.constantFrom(
      ..."h1 h2 s1 hub1 link cable run until time why drops help nodes power off cut loss 10% 5ms udp 53 ttl up down ; && ' \" & ip ping -c1 #".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 6 }), (words) => {
        const lines = run(words.join(" "));
        expect(lines === "" || lines.endsWith("\n")).toBe(true);
      }),
      { numRuns: cases(100, 20_000) },
    );
  });
});

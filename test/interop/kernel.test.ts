import { expect } from "vitest";
import { eventually, itLive, joinPeer, type LiveLab, NETLOOM, PEER, runLive } from "../harness/live-lab.ts";
import { haveProgram } from "../harness/shared.ts";

/** A Linux kernel's VXLAN device at the other end of a gateway. Its offloads are as they are by default: netloom finishes its frames. */

const LAB: LiveLab = {
  nodes: {
    r1: { exec: ["ip addr add 10.1.0.1/24 dev eth1"] },
    h1: { exec: ["ip addr add 10.1.0.2/24 dev eth1", "ip route add default via 10.1.0.1"] },
  },
  cables: [["r1:eth1", "h1:eth1"]],
};
/** What the gateway's end waits for: the interface is not there before. */
const ADDRESS = "r1: ip addr add 10.2.0.1/24 dev eth5";
const WAY_BACK = "ip route add 10.1.0.0/24 via 10.2.0.1";

itLive(
  haveProgram("ping"),
  "a real ping crosses the simulated network, and a simulated one the real kernel",
  60,
  async (w) => {
    joinPeer(w);
    w.run(PEER, WAY_BACK);
    const live = runLive(w, LAB, { exec: [ADDRESS, "h1: ping -c 3 -i 0.2 10.2.0.2"], seconds: 20 });
    await eventually(15, live.output).toContain("3 packets transmitted, 3 received");
    const real = w.run(PEER, "ping -c 20 -i 0.05 -W 2 10.1.0.2");
    expect(real).toContain("20 packets transmitted, 20 received");
    expect(real).toContain("ttl=63");
    live.child.kill("SIGINT");
    expect(await live.ended).toBe(0);
    expect(live.output()).toMatch(/late by [\d.]+ ms \(median\)/);
  },
);

itLive(
  haveProgram("ping") && haveProgram("perl"),
  "works over loopback, without a cable between the kernels",
  60,
  async (w) => {
    w.namespace(NETLOOM);
    w.run(NETLOOM, "perl test/interop/fixtures/vxlan-over-loopback.pl");
    w.run(NETLOOM, `ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up && ${WAY_BACK}`);
    w.run(NETLOOM, "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 127.0.0.1 port 4790");
    const gateway = "r1:eth5=vxlan:42@127.0.0.1:4790,127.0.0.1:4789";
    const live = runLive(w, LAB, { gateway, exec: [ADDRESS], seconds: 20 });
    await eventually(15, live.output).toContain("ip addr add");
    expect(w.run(NETLOOM, "ping -c 20 -i 0.05 -W 2 10.1.0.2")).toContain("20 packets transmitted, 20 received");
  },
);

/** Of the file that is fetched. */
const MEGABYTES = 10;

itLive(
  haveProgram("curl"),
  "a real curl fetches 10 MB from a simulated server, and every octet arrives: frames come unsegmented and with unfilled checksums",
  90,
  async (w) => {
    joinPeer(w);
    w.run(PEER, WAY_BACK);
    const exec = [
      ADDRESS,
      `h1: dd if=/dev/urandom of=/srv/big bs=1M count=${MEGABYTES} status=none`,
      "h1: md5sum /srv/big",
      "h1: python3 -m http.server --directory /srv 80 &",
    ];
    const live = runLive(w, LAB, { exec, seconds: 40 });
    await eventually(15, live.output).toContain("http.server");
    const got = w.run(PEER, "curl -s --retry 5 --retry-connrefused http://10.1.0.2/big | md5sum");
    expect(live.output()).toContain(got.slice(0, 32));
  },
);

/** A web server of Node that gives the same pseudo-random octets for every path. */
const SERVER = `
const { createHash } = require("node:crypto");
const body = Buffer.concat(Array.from({ length: ${MEGABYTES} * 32768 }, (_, i) => createHash("sha256").update(String(i)).digest()));
console.log("md5 " + createHash("md5").update(body).digest("hex"));
require("node:http").createServer((_, answer) => answer.end(body)).listen(8080, () => console.log("listening"));
`;

itLive(
  true,
  "a simulated curl fetches 10 MB that a real kernel hands over unsegmented, with unfilled checksums",
  90,
  async (w) => {
    joinPeer(w);
    w.run(PEER, WAY_BACK);
    const server = w.start(PEER, process.execPath, ["-e", SERVER]);
    await eventually(20, server.output).toContain("listening");
    const live = runLive(w, LAB, { exec: [ADDRESS, "h1: curl -s http://10.2.0.2:8080/big | md5sum"], json: true });
    expect(await live.ended).toBe(0);
    const { exec, gateways } = JSON.parse(live.output());
    const sum = /md5 (\w+)/.exec(server.output())?.[1];
    expect(exec[1]).toMatchObject({ status: 0, output: `${sum}  -\n` });
    expect(gateways[0].segmented).toBeGreaterThan(0);
    expect(gateways[0].repaired).toBeGreaterThan(0);
    expect(gateways[0].tooLong).toBe(0);
  },
);

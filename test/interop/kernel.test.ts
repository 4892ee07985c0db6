import { afterEach, expect } from "vitest";
import { haveNamespaces, World, within } from "../harness/namespaces.ts";
import { haveProgram, itNeeds } from "../harness/shared.ts";

/** A Linux kernel's VXLAN device at the other end of a gateway. Its offloads are as they are by default: netloom finishes its frames. */

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

const LAB = `
name: gate
topology:
  nodes:
    r1:
      kind: linux
      exec: ["ip addr add 10.1.0.1/24 dev eth1"]
    h1:
      kind: linux
      exec: ["ip addr add 10.1.0.2/24 dev eth1", "ip route add default via 10.1.0.1"]
  links:
    - endpoints: ["r1:eth1", "h1:eth1"]
`;

/** Two namespaces and a cable between them: netloom runs in one, the kernel under test is the other. */
function joined(): World {
  const w = new World();
  world = w;
  w.namespace("a");
  w.namespace("b");
  w.veth("a:v0", "b:v0", "10.9.9.1/24", "10.9.9.2/24");
  w.run("b", "ip link add vx0 type vxlan id 42 dstport 4789 remote 10.9.9.1 local 10.9.9.2 dev v0");
  w.run("b", "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up && ip route add 10.1.0.0/24 via 10.2.0.1");
  return w;
}

const GATEWAY = "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2";

itNeeds(haveNamespaces && haveProgram("ping"))(
  "a real ping crosses the simulated network, and a simulated one the real kernel",
  { timeout: 60_000 },
  async () => {
    const w = joined();
    const lab = w.file("gate.clab.yml", LAB);
    const address = "r1: ip addr add 10.2.0.1/24 dev eth5";
    const ping = "h1: ping -c 3 -i 0.2 10.2.0.2";
    const live = w.netloom("a", ["live", lab, "--gateway", GATEWAY, "--exec", address, "--exec", ping, "--for", "20s"]);
    expect(await within(15, () => live.output().includes("3 packets transmitted"))).toBe(true);
    expect(live.output()).toContain("3 packets transmitted, 3 received");
    const real = w.run("b", "ping -c 20 -i 0.05 -W 2 10.1.0.2");
    expect(real).toContain("20 packets transmitted, 20 received");
    expect(real).toContain("ttl=63");
    live.child.kill("SIGINT");
    expect(await live.ended).toBe(0);
    expect(live.output()).toMatch(/late by [\d.]+ ms \(median\)/);
  },
);

itNeeds(haveNamespaces && haveProgram("ping") && haveProgram("perl"))(
  "works over loopback, without a cable between the kernels",
  { timeout: 60_000 },
  async () => {
    const w = new World();
    world = w;
    w.namespace("a");
    w.run("a", "perl test/interop/fixtures/vxlan-over-loopback.pl");
    w.run(
      "a",
      "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up && ip route add 10.1.0.0/24 via 10.2.0.1",
    );
    w.run("a", "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 127.0.0.1 port 4790");
    const lab = w.file("gate.clab.yml", LAB);
    const gateway = "r1:eth5=vxlan:42@127.0.0.1:4790,127.0.0.1:4789";
    const address = "r1: ip addr add 10.2.0.1/24 dev eth5";
    const live = w.netloom("a", ["live", lab, "--gateway", gateway, "--exec", address, "--for", "20s"]);
    expect(await within(15, () => live.output().includes("ip addr add"))).toBe(true);
    expect(w.run("a", "ping -c 20 -i 0.05 -W 2 10.1.0.2")).toContain("20 packets transmitted, 20 received");
  },
);

/** Of the file that is fetched. */
const MEGABYTES = 10;

itNeeds(haveNamespaces && haveProgram("curl"))(
  "a real curl fetches 10 MB from a simulated server, and every octet arrives: frames come unsegmented and with unfilled checksums",
  { timeout: 90_000 },
  async () => {
    const w = joined();
    const lab = w.file("gate.clab.yml", LAB);
    const execs = [
      "r1: ip addr add 10.2.0.1/24 dev eth5",
      `h1: dd if=/dev/urandom of=/srv/big bs=1M count=${MEGABYTES} status=none`,
      "h1: md5sum /srv/big",
      "h1: python3 -m http.server --directory /srv 80 &",
    ];
    const live = w.netloom("a", [
      "live",
      lab,
      "--gateway",
      GATEWAY,
      ...execs.flatMap((e) => ["--exec", e]),
      "--for",
      "40s",
    ]);
    expect(await within(15, () => live.output().includes("http.server"))).toBe(true);
    const got = w.run("b", "curl -s --retry 5 --retry-connrefused http://10.1.0.2/big | md5sum");
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

itNeeds(haveNamespaces)(
  "a simulated curl fetches 10 MB that a real kernel hands over unsegmented, with unfilled checksums",
  { timeout: 90_000 },
  async () => {
    const w = joined();
    const server = w.start("b", process.execPath, ["-e", SERVER]);
    expect(await within(20, () => server.output().includes("listening"))).toBe(true);
    const lab = w.file("gate.clab.yml", LAB);
    const execs = ["r1: ip addr add 10.2.0.1/24 dev eth5", "h1: curl -s http://10.2.0.2:8080/big | md5sum"];
    const live = w.netloom("a", ["live", lab, "--gateway", GATEWAY, ...execs.flatMap((e) => ["--exec", e]), "--json"]);
    expect(await live.ended).toBe(0);
    const { exec, gateways } = JSON.parse(live.output());
    const sum = /md5 (\w+)/.exec(server.output())?.[1];
    expect(exec[1]).toMatchObject({ status: 0, output: `${sum}  -\n` });
    expect(gateways[0].segmented).toBeGreaterThan(0);
    expect(gateways[0].repaired).toBeGreaterThan(0);
    expect(gateways[0].tooLong).toBe(0);
  },
);

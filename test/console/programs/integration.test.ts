import { expect, it } from "vitest";
import type { PingResult } from "../../../src/console/ping/api.ts";
import { startPing } from "../../../src/console/ping/engine.ts";
import { PROGRAMS } from "../../../src/console/programs/registry.ts";
import type { Program } from "../../../src/core/os.ts";
import { MS, S } from "../../../src/core/time.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { type FakeProcess, start } from "../../harness/fake-os.ts";
import { device, ip, Lab, route } from "../../harness/kernels.ts";

/**
 * h1 — r1 — r2 — h2 with 1 ms a cable. The transcripts below were checked line by line against Debian 12's programs in
 * network namespaces joined in the same way; only the times differ.
 */
function path(middleMtu = 1500): Record<"h1" | "r1" | "r2" | "h2", Kernel> & { lab: Lab } {
  const lab = new Lab();
  const [h1, r1, r2, h2] = [lab.host("h1"), lab.router("r1"), lab.router("r2"), lab.host("h2")];
  lab.cable([h1, "eth0 10.0.1.2/24"], [r1, "eth0 10.0.1.1/24"]).tune({ delayNs: MS });
  lab.cable([r1, "eth1 10.0.2.1/24"], [r2, "eth0 10.0.2.2/24"], middleMtu).tune({ delayNs: MS });
  lab.cable([r2, "eth1 10.0.3.1/24"], [h2, "eth0 10.0.3.2/24"]).tune({ delayNs: MS });
  route(h1, "0.0.0.0/0", "10.0.1.1");
  route(h2, "0.0.0.0/0", "10.0.3.1");
  route(r1, "10.0.3.0/24", "10.0.2.2");
  route(r2, "10.0.1.0/24", "10.0.2.1");
  return { lab, h1, r1, r2, h2 };
}

const type = (kernel: Kernel, line: string): FakeProcess => {
  const [name = "", ...args] = line.split(" ");
  return start(PROGRAMS.get(name) as Program, kernel.os, args.join(" "));
};

function run(lab: Lab, kernel: Kernel, line: string): FakeProcess {
  const process = type(kernel, line);
  lab.run(60 * S);
  if (process.status === undefined) throw new Error(`${line} still runs`);
  return process;
}

it("pings over routers, and the record of the route agrees", () => {
  const { lab, h1 } = path();
  run(lab, h1, "ping -c 1 10.0.3.2"); // neighbours
  const process = run(lab, h1, "ping -c 2 -R 10.0.3.2");
  expect(process.output).toBe(`PING 10.0.3.2 (10.0.3.2) 56(124) bytes of data.
64 bytes from 10.0.3.2: icmp_seq=1 ttl=62 time=6.00 ms
RR: \t10.0.1.2
\t10.0.2.1
\t10.0.3.1
\t10.0.3.2
\t10.0.3.2
\t10.0.2.2
\t10.0.1.1
\t10.0.1.2

64 bytes from 10.0.3.2: icmp_seq=2 ttl=62 time=6.00 ms\t(same route)

--- 10.0.3.2 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 1000ms
rtt min/avg/max/mdev = 6.000/6.000/6.000/0.000 ms
`);
  lab.end();
});

it("hears what routers and the own kernel say of pings that do not arrive", () => {
  const { lab, h1 } = path(1400);
  const said = (line: string): string[] => {
    const { output, errors } = run(lab, h1, line);
    return (output.split("\n\n")[0] as string).split("\n").slice(1).concat(errors.split("\n").slice(0, -1));
  };
  expect(said("ping -c 1 -t 1 10.0.3.2")).toEqual(["From 10.0.1.1 icmp_seq=1 Time to live exceeded"]);
  expect(said("ping -c 1 10.99.0.1")).toEqual(["From 10.0.1.1 icmp_seq=1 Destination Net Unreachable"]);
  expect(said("ping -c 2 10.0.1.77")).toEqual([
    "From 10.0.1.2 icmp_seq=1 Destination Host Unreachable",
    "From 10.0.1.2 icmp_seq=2 Destination Host Unreachable",
  ]);
  expect(said("ping -M do -s 1450 -c 3 10.0.3.2")).toEqual([
    "From 10.0.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)",
    "ping: local error: message too long, mtu=1400",
    "ping: local error: message too long, mtu=1400",
  ]);
  expect(said("ping -M do -s 2000 -c 1 10.0.1.1")).toEqual(["ping: local error: message too long, mtu=1500"]);
  lab.end();
});

it("keeps two pings of one node apart", () => {
  const { lab, h1 } = path();
  const results: PingResult[] = [];
  for (const to of ["10.0.3.2", "10.0.1.1"]) startPing(h1.os, { to: ip(to), count: 3 }, (r) => results.push(r));
  lab.run(10 * S);
  expect(results.map((r) => [r.transmitted, r.received, r.duplicates])).toEqual([
    [3, 3, 0],
    [3, 3, 0],
  ]);
  expect(results.map((r) => r.rttsNs.at(-1)).sort()).toEqual([2 * MS, 6 * MS]);
  lab.end();
});

it("traces the path by UDP and by ICMP, and its MTU", () => {
  const { lab, h1, r1, r2, h2 } = path(1400);
  for (const kernel of [r1, r2, h2]) kernel.sysctl.icmp_ratelimit = 0;
  run(lab, h1, "ping -c 1 10.0.3.2");
  const hops = ` 1  10.0.1.1  2.000 ms  2.000 ms  2.000 ms
 2  10.0.2.2  4.000 ms  4.000 ms  4.000 ms
 3  10.0.3.2  6.000 ms  6.000 ms  6.000 ms
`;
  const header = "traceroute to 10.0.3.2 (10.0.3.2), 30 hops max";
  expect(run(lab, h1, "traceroute -n 10.0.3.2").output).toBe(`${header}, 60 byte packets\n${hops}`);
  expect(run(lab, h1, "traceroute -n -I 10.0.3.2").output).toBe(`${header}, 60 byte packets\n${hops}`);
  expect(run(lab, h1, "traceroute -n --mtu 10.0.3.2").output).toBe(
    `${header}, 65000 byte packets\n${hops.replace("2.000 ms", "2.000 ms F=1500").replace("4.000 ms", "4.000 ms F=1400")}`,
  );
  expect(run(lab, h1, "traceroute -n 10.0.1.77").output).toMatch(
    /\n 1 {2}10\.0\.1\.2 {2}\d+\.\d{3} ms !H {2}\d+\.\d{3} ms !H /,
  );
  lab.end();
});

it("tells where a trace that must not be fragmented ends", () => {
  const { lab, h1, r1 } = path(1400);
  r1.sysctl.icmp_ratelimit = 0;
  run(lab, h1, "ping -c 1 10.0.1.1");
  const header = "traceroute to 10.0.3.2 (10.0.3.2), 30 hops max";
  expect(run(lab, h1, "traceroute -n -F 10.0.3.2 2000").output).toBe(
    `${header}, 2000 byte packets\n 1  *  0.000 ms !F-1500 *  0.000 ms !F-1500 *  0.000 ms !F-1500\n`,
  );
  expect(run(lab, h1, "traceroute -n -F 10.0.3.2 1450").output).toBe(
    `${header}, 1450 byte packets
 1  10.0.1.1  2.000 ms  2.000 ms  2.000 ms
 2  10.0.1.1  2.000 ms !F-1400  2.000 ms !F-1400  2.000 ms !F-1400
`,
  );
  lab.end();
});

it("says at once that there is no route", () => {
  const lab = new Lab();
  const h1 = lab.host("h1");
  lab.cable([h1, "eth0 10.0.1.2/24"], [lab.host("h2"), "eth0 10.0.1.3/24"]);
  expect(run(lab, h1, "ping -c 1 8.8.8.8")).toMatchObject({
    errors: "ping: connect: Network is unreachable\n",
    status: 2,
  });
  expect(run(lab, h1, "traceroute 8.8.8.8").errors).toBe("\nconnect: Network is unreachable\n");
  expect(run(lab, h1, "ping -c 1 10.0.1.255").errors).toContain("Do you want to ping broadcast? Then -b.");
  const own = run(lab, h1, "ping -c 2 -i 0.2 127.0.0.1");
  expect(own.output).toContain("64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.000 ms\n");
  expect(run(lab, h1, "ping -f -c 100 10.0.1.2").status).toBe(0);
  lab.end();
});

it("asks for neighbours by ARP", () => {
  const { lab, h1, r1 } = path();
  const mac = device(r1, "eth0").mac.toString(16).padStart(12, "0").toUpperCase().match(/../g)?.join(":");
  expect(run(lab, h1, "arping -c 2 -I eth0 10.0.1.1").output).toBe(`ARPING 10.0.1.1 from 10.0.1.2 eth0
Unicast reply from 10.0.1.1 [${mac}]  2.000ms
Unicast reply from 10.0.1.1 [${mac}]  2.000ms
Sent 2 probes (1 broadcast(s))
Received 2 response(s)
`);
  expect(run(lab, h1, "arping -D -c 2 -I eth0 10.0.1.1")).toMatchObject({ status: 1 });
  expect(run(lab, h1, "arping -D -c 2 -I eth0 10.0.1.78")).toMatchObject({ status: 0 });
  expect(run(lab, h1, "arping -c 1 -I lo 10.0.1.1").output).toBe('Interface "lo" is not ARPable\n');
  lab.end();
});

it("shows on every device of a router what passes it", () => {
  const { lab, h1, r1 } = path();
  const dumps = [
    "tcpdump -nn -t -i any icmp or arp",
    "tcpdump -nn -i eth1 -c 2 icmp",
    "tcpdump -t -Q in -i eth0 port 33434",
  ];
  const [any, one, udp] = dumps.map((line) => type(r1, line)) as [FakeProcess, FakeProcess, FakeProcess];
  run(lab, h1, "ping -c 1 -e 7 10.0.3.2");
  run(lab, h1, "traceroute -n -q 1 -m 1 10.0.3.2");
  any.interrupt();
  udp.interrupt();
  expect(any.output.split("\n").slice(0, 8)).toEqual([
    "eth0  B   ARP, Request who-has 10.0.1.1 tell 10.0.1.2, length 28",
    "eth0  Out ARP, Reply 10.0.1.1 is-at " + any.output.split("is-at ")[1]?.slice(0, 17) + ", length 28",
    "eth0  In  IP 10.0.1.2 > 10.0.3.2: ICMP echo request, id 7, seq 1, length 64",
    "eth1  Out ARP, Request who-has 10.0.2.2 tell 10.0.2.1, length 28",
    "eth1  In  ARP, Reply 10.0.2.2 is-at " + any.output.split("is-at ")[2]?.slice(0, 17) + ", length 28",
    "eth1  Out IP 10.0.1.2 > 10.0.3.2: ICMP echo request, id 7, seq 1, length 64",
    "eth1  In  IP 10.0.3.2 > 10.0.1.2: ICMP echo reply, id 7, seq 1, length 64",
    "eth0  Out IP 10.0.3.2 > 10.0.1.2: ICMP echo reply, id 7, seq 1, length 64",
  ]);
  expect(one.status).toBe(0);
  expect(one.output).toMatch(
    /^00:00:00\.0\d{5} IP 10\.0\.1\.2 > 10\.0\.3\.2: ICMP echo request, id 7, seq 1, length 64\n/,
  );
  expect(udp.output).toMatch(/^IP 10\.0\.1\.2\.\d+ > 10\.0\.3\.2\.33434: UDP, length 32\n$/);
  lab.end();
});

import { expect, it } from "vitest";
import { type Nanos, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import {
  allDrops,
  device,
  encodeMessage,
  hear,
  inject,
  ip,
  ipPacket,
  Lab,
  ping,
  route,
  type Seen,
  watch,
} from "../../../harness/kernels.ts";

/** `h1` has `r1` for a gateway, which knows that 10.9.0.1 is behind `r2` on the same link. */
function triangle(): { lab: Lab; h1: Kernel; r1: Kernel; r2: Kernel; heard: Seen[] } {
  const lab = new Lab();
  const [h1, r1, r2] = [lab.host("h1"), lab.router("r1"), lab.router("r2")];
  lab.hub([h1, "eth0 10.0.0.1/24"], [r1, "eth0 10.0.0.254/24"], [r2, "eth0 10.0.0.253/24"]);
  lab.cable([r2, "eth1 10.9.0.1/24"], [lab.host("h2"), "eth0 10.9.0.2/24"]);
  route(h1, "0.0.0.0/0", "10.0.0.254");
  route(r1, "10.9.0.0/16", "10.0.0.253");
  return { lab, h1, r1, r2, heard: hear(h1) };
}
const redirects = (heard: readonly Seen[]): readonly Seen[] => heard.filter((s) => s.icmp?.type === 5);

function pings(lab: Lab, from: Kernel, count: number, pace: Nanos = S): void {
  for (let seq = 1; seq <= count; seq++) {
    ping(from, "10.9.0.1", { seq });
    lab.run(pace);
  }
}

it("tells of a better gateway, which is used once it has shown that it is there", () => {
  const { lab, h1, r1, heard } = triangle();
  const sent = watch(h1, "eth0").out;
  pings(lab, h1, 4);
  expect(redirects(heard).map((s) => [s.ip.src, s.icmp?.code, s.icmp?.rest])).toEqual([
    [ip("10.0.0.254"), 1, ip("10.0.0.253")],
    [ip("10.0.0.254"), 1, ip("10.0.0.253")],
  ]);
  expect(heard.filter((s) => s.icmp?.type === 0).length).toBe(4);
  expect(h1.ipv4.routes.output(ip("10.9.0.1"), 0, 0, 0, 0).nextHop).toBe(ip("10.0.0.253"));
  expect([sent.length, r1.icmp.stats.outRedirects]).toEqual([4, 2]);
  lab.run(300 * S); // the redirect is forgotten
  expect(h1.ipv4.routes.output(ip("10.9.0.1"), 0, 0, 0, 0).nextHop).toBe(ip("10.0.0.254"));
  lab.end();
});

it("tells ever less often who does not listen, and nine times in all until there was silence", () => {
  const { lab, h1, heard } = triangle();
  h1.sysctl.all.accept_redirects = 0;
  device(h1, "eth0").inet.conf.accept_redirects = 0;
  pings(lab, h1, 40);
  // Linux 6.18: 1 2 3 4 5 6 8 11 16, with pings 1.02 s apart.
  expect(redirects(heard).map((s) => s.at / S + 1)).toEqual([1, 2, 3, 4, 5, 6, 8, 11, 17]);
  lab.run(21 * S);
  pings(lab, h1, 1);
  expect(redirects(heard).length).toBe(10);
  lab.end();
});

it("sends none when told so, nor about source routes", () => {
  const { lab, h1, r1, heard } = triangle();
  const loose = Uint8Array.of(131, 7, 4, 10, 9, 0, 1, 0);
  r1.sysctl.all.accept_source_route = 1;
  ping(h1, "10.9.0.1", { options: loose });
  lab.run(S);
  expect(allDrops(r1)).toEqual({});
  r1.sysctl.all.send_redirects = 0;
  device(r1, "eth0").inet.conf.send_redirects = 0;
  pings(lab, h1, 3);
  expect(redirects(heard)).toEqual([]);
  lab.end();
});

it.each([
  ["from another than the gateway in use", { from: "10.0.0.253", gateway: "10.0.0.9" }],
  ["to a group", { gateway: "224.0.0.5" }],
  ["to everybody", { gateway: "255.255.255.255" }],
  ["to the gateway itself", { gateway: "10.0.0.254" }],
  ["to this host", { gateway: "10.0.0.1" }],
  ["to a broadcast address", { gateway: "10.0.0.255" }],
  ["of a code that does not exist", { gateway: "10.0.0.9", code: 4 }],
  ["to a host off the link, where the link is not shared", { gateway: "10.5.0.9", shared: 0 }],
  ["to a host that is no gateway of ours, where that is asked for", { gateway: "10.0.0.9", shared: 0 }],
  ["about what it did not send", { gateway: "10.0.0.9", source: "10.0.0.2" }],
])("obeys no redirect %s", (_what, how: Forged) => {
  expect(obeyed(how)).toBe(ip("10.0.0.254"));
});

it("obeys redirects by the rules of links that are not shared", () => {
  expect(obeyed({ gateway: "10.0.0.9", shared: 0, secure: 0 })).toBe(ip("10.0.0.9"));
  expect(obeyed({ gateway: "10.0.0.253", shared: 0, known: true })).toBe(ip("10.0.0.253"));
  expect(obeyed({ gateway: "10.0.0.9" })).toBe(ip("10.0.0.9"));
});

interface Forged {
  readonly gateway: string;
  readonly from?: string;
  readonly code?: number;
  readonly shared?: number;
  readonly secure?: number;
  readonly source?: string;
  /** Some route goes by the gateway already. */
  readonly known?: boolean;
}

/** The next hop towards 10.9.0.1 after a redirect. */
function obeyed({
  gateway,
  from = "10.0.0.254",
  code = 1,
  shared = 1,
  secure = 1,
  source = "10.0.0.1",
  known,
}: Forged): number {
  const { lab, h1 } = triangle();
  const dev = device(h1, "eth0");
  dev.inet.conf.shared_media = h1.sysctl.all.shared_media = shared;
  dev.inet.conf.secure_redirects = h1.sysctl.all.secure_redirects = secure;
  if (known) route(h1, "10.77.0.0/16", gateway);
  h1.neigh.findOrCreate(dev, ip(gateway))?.update(0x020000000009, "reachable", true, true);
  const quoted = ipPacket(source, "10.9.0.1", 17, new Uint8Array(8));
  const redirect = encodeMessage(message(5, code, ip(gateway), quoted));
  inject(h1, "eth0", ipPacket(from, "10.0.0.1", 1, redirect));
  const { nextHop } = h1.ipv4.routes.output(ip("10.9.0.1"), 0, 0, 0, 0);
  expect(allDrops(h1)).toEqual({});
  lab.end();
  return nextHop;
}

it("forgets a redirect together with the route that it was about", () => {
  const { lab, h1, r2 } = triangle();
  pings(lab, h1, 3);
  expect(h1.ipv4.exceptions.find(ip("10.9.0.1"))?.gateway).toBe(ip("10.0.0.253"));
  h1.fib.flush((r) => r.length === 0);
  route(h1, "0.0.0.0/0", "10.0.0.252");
  expect(h1.ipv4.routes.output(ip("10.9.0.1"), 0, 0, 0, 0).nextHop).toBe(ip("10.0.0.252"));
  expect(r2.icmp.stats.outEchoReps).toBe(3);
  lab.end();
});

import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { op, spa } from "../../../src/protocols/arp/wire.ts";
import { device, ip, Lab, route } from "../../harness/kernels.ts";

/** A router with hosts' networks behind `eth0` and `eth1`; counts the ARP replies that leave `eth0`, by address. */
function router(): { readonly lab: Lab; readonly h: Kernel; readonly r: Kernel; readonly replies: number[] } {
  const lab = new Lab();
  const [h, r, s] = [lab.host("h"), lab.router("r"), lab.host("s")];
  lab.cable([h, "eth0 10.0.0.1/8"], [r, "eth0 10.0.1.254/24"]);
  lab.cable([s, "eth0 10.0.2.1/24"], [r, "eth1 10.0.2.254/24"]);
  const replies: number[] = [];
  device(r, "eth0").addTap({
    frame: (_, p, outgoing) => {
      const isArp = p.view.getUint16(p.start + 12) === 0x0806;
      if (outgoing && isArp && op(p.buf, p.start + 14) === 2) replies.push(spa(p.buf, p.start + 14));
    },
  });
  return { lab, h, r, replies };
}

const ask = (h: Kernel, target: string): void => h.neigh.findOrCreate(device(h, "eth0"), ip(target))?.probe();

it("proxy_arp answers for hosts behind another device, not for those on the asking one's", () => {
  const { lab, h, r, replies } = router();
  route(h, "10.0.1.0/24", "eth0");
  device(r, "eth0").inet.conf.proxy_arp = 1;
  for (const target of ["10.0.2.1", "10.0.1.77"]) ask(h, target);
  lab.run(5 * S);
  expect(replies).toEqual([ip("10.0.2.1")]);
});

it("proxy_arp_pvlan answers for hosts on the asking one's network only (RFC 3069)", () => {
  const { lab, h, r, replies } = router();
  device(r, "eth0").inet.conf.proxy_arp_pvlan = 1;
  for (const target of ["10.0.2.1", "10.0.1.77"]) ask(h, target);
  lab.run(5 * S);
  expect(replies).toEqual([ip("10.0.1.77")]);
});

it("no more answers wait than proxy_qlen says", () => {
  const { lab, h, r, replies } = router();
  Object.assign(device(r, "eth0").inet.neighParms, { proxyQueueLength: 4 });
  device(r, "eth0").inet.conf.proxy_arp = 1;
  device(h, "eth0").inet.neighParms.mcastSolicit = 1;
  for (let i = 1; i <= 20; i++) ask(h, `10.0.2.${i}`);
  lab.run(S);
  expect(replies.length).toBe(5); // as pneigh_enqueue counts: one more than the limit
  ask(h, "10.0.2.100");
  lab.run(S);
  expect(replies.length).toBe(6);
});

import type { LabNode } from "../node.ts";
import type { OspfRing } from "./ring.ts";

const PROBE_MS = 10;

/** Cuts the cable between r1 and r2 with and without anybody noticing, while r1 pings r2's own address every 10 ms. */
export function fail(ring: OspfRing): void {
  const { net, first, mode } = ring;
  const dead = 4 * mode.helloS;
  const cut = outage(ring, () => first.setUp(false), 5);
  first.setUp(true);
  net.run("30s");
  net.untilConverged();
  const silent = outage(ring, () => first.tune({ blocked: true }), dead + 5);
  first.tune({ blocked: false });
  net.run("60s");
  net.untilConverged();
  const back = (ring.routers[0] as LabNode).sh("ip route get 10.255.0.2");
  net.table({
    title: "r1 reaches r2's own address again after",
    columns: ["failure", "lost", "here, s", "FRR, hello 1 s"],
    rows: [
      ["carrier lost at both ends", `${cut}`, ((cut * PROBE_MS) / 1000).toFixed(2), "0.02 to 0.05"],
      ["silent", `${silent}`, ((silent * PROBE_MS) / 1000).toFixed(2), "3.1 to 4.0"],
    ],
  });
  net.check("a cut cable costs five probes at most", cut <= 5, `${cut} lost`);
  const s = (silent * PROBE_MS) / 1000;
  net.check(
    "a silent one the dead interval, less the age of the last hello",
    s > dead - mode.helloS - 0.2 && s < dead + 0.2,
    `${s} s`,
  );
  net.check("once it is mended the direct way is taken again", back.includes("dev e12"), back.trim());
}

/** Probes that are lost when `break_` happens after a second. */
function outage({ net, routers }: OspfRing, break_: () => void, forS: number): number {
  const sent = ((forS + 1) * 1000) / PROBE_MS;
  const ping = (routers[0] as LabNode).spawn(`ping -q -i ${PROBE_MS / 1000} -c ${sent} -I 10.255.0.1 10.255.0.2`);
  net.run("1s");
  break_();
  net.waitFor(ping);
  const received = /(\d+) received/.exec(ping.output)?.[1];
  return sent - Number(received ?? 0);
}

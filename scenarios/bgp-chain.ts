import { z } from "zod";
import { firewall, layHinges, steer } from "../src/lab/chain/hinge.ts";
import { CARRIERS, l2vpn } from "../src/lab/chain/l2vpn.ts";
import { layLine } from "../src/lab/chain/line.ts";
import { pace, start } from "../src/lab/chain/pace.ts";
import { lightOf, planets } from "../src/lab/chain/planets.ts";
import { reach } from "../src/lab/chain/reach.ts";
import { segments } from "../src/lab/chain/segments.ts";
import { compareTable } from "../src/lab/chain/table.ts";
import { scenario } from "../src/lab/scenario.ts";

const parameters = z.object({
  routers: z.coerce.number().int().min(4).max(1000).default(24).describe("routers in the line, from AS 34 on"),
  delay: z.string().default("20us").describe("one-way delay of every cable of the line"),
  light: z.string().default("12min").describe("one-way delay between the two planets"),
  l2vpn: z
    .enum(["all", ...CARRIERS])
    .default("all")
    .describe("what carries Ethernet over the line: l2tpv3, gretap, vxlan, or all in turn"),
});

export default scenario({
  name: "bgp-chain",
  title: "Hosts far apart: a line of BGP routers at the pace of FRR, steered paths, L2VPN, and a planet away.",
  parameters,
  captures: ["as57-eth0", "as34-eth1", "firewall-eth0", "long1-eth0", "long2-eth0", "earth-eth0"],
  story(net, p) {
    lightOf(p.light);
    const line = layLine(net, p.routers, p.delay);
    const started = start(line);
    compareTable(line);
    reach(line);
    pace(line, started);
    l2vpn(line, p.l2vpn === "all" ? CARRIERS : [p.l2vpn]);
    const hinges = layHinges(net);
    steer(hinges);
    firewall(hinges);
    segments(hinges);
    for (const node of net.nodes.values()) node.power(false);
    planets(net, p.light);
  },
});

import { z } from "zod";
import { layLine } from "../src/lab/chain/line.ts";
import { pace, start } from "../src/lab/chain/pace.ts";
import { reach } from "../src/lab/chain/reach.ts";
import { compareTable } from "../src/lab/chain/table.ts";
import { scenario } from "../src/lab/scenario.ts";

const parameters = z.object({
  routers: z.coerce.number().int().min(4).max(1000).default(24).describe("routers in the line, from AS 34 on"),
  delay: z.string().default("20us").describe("one-way delay of every cable of the line"),
});

export default scenario({
  name: "bgp-chain",
  title: "Hosts far apart: a line of BGP routers, an AS each, at the pace of FRR.",
  parameters,
  captures: ["as57-eth0"],
  story(net, p) {
    const line = layLine(net, p.routers, p.delay);
    const started = start(line);
    compareTable(line);
    reach(line);
    pace(line, started);
  },
});

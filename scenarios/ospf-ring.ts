import { z } from "zod";
import { fail } from "../src/lab/ring/fail.ts";
import { showMedians } from "../src/lab/ring/medians.ts";
import { layRing, type Mode, type OspfRing } from "../src/lab/ring/ring.ts";
import { startUp } from "../src/lab/ring/start-up.ts";
import { scenario } from "../src/lab/scenario.ts";

const parameters = z.object({
  network: z.enum(["broadcast", "point-to-point"]).default("broadcast").describe("the kind of the cables' interfaces"),
  hello: z.enum(["1", "10"]).default("1").describe("seconds between hellos; a neighbour is dead after four times that"),
  seeds: z.coerce.number().int().min(0).max(100).default(10).describe("rings of which medians are shown"),
});

export default scenario({
  name: "ospf-ring",
  title: "Four OSPF routers in a ring: start, a cut cable, a silent one, and the times of FRR.",
  parameters,
  captures: ["r1-e12", "r2-e21"],
  story(net, p) {
    const mode: Mode = { network: p.network, helloS: p.hello === "1" ? 1 : 10 };
    const ring: OspfRing = layRing(net, mode);
    startUp(ring);
    net.untilConverged();
    fail(ring);
    if (p.seeds > 0) showMedians(net, p.seeds);
  },
});

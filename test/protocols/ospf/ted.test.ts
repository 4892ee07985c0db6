import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { LSA_OPAQUE_AREA } from "../../../src/protocols/ospf/lsa-codec.ts";
import { originateIfChanged } from "../../../src/protocols/ospf/originate.ts";
import { makeTed } from "../../../src/protocols/ospf/ted.ts";
import { OPTION_O } from "../../../src/protocols/ospf/wire.ts";
import { ip } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { configure, OspfLab, type Router, show } from "./net.ts";

const FAST = " ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const P2P = `${FAST} ip ospf network point-to-point\n`;
const block = (text: string): string => ` link-params\n${text} exit-link-params\n`;
const FULL =
  "  metric 20\n  delay 10000 min 5000 max 20000\n  delay-variation 300\n  packet-loss 1.5\n  max-bw 10e+10\n  ava-bw 1.25e+08\n  admin-grp 0x20\n";

/** Two routers with two cables, as two real ones had them: only the first tells of the second cable, a broadcast network. */
function pair(second: string, more: readonly [string, string] = ["", ""]) {
  const lab = new OspfLab();
  const [k1, k2] = [lab.router("r1"), lab.router("r2")];
  for (const i of [0, 1]) lab.cable([k1, `e${i} 10.0.${i}.1/24`], [k2, `e${i} 10.0.${i}.2/24`]);
  const routers = [k1, k2].map((kernel, i) => {
    const id = `${i + 1}.${i + 1}.${i + 1}.${i + 1}`;
    const links = `interface e0\n${P2P}${block(i === 0 ? FULL : "")}interface e1\n${FAST}${i === 0 ? block(second) : ""}`;
    const te = ` mpls-te on\n mpls-te router-address ${id}\n${more[i]}`;
    return lab.frr(kernel, `${links}router ospf\n ospf router-id ${id}\n${te}`, `10.0.255.${i + 1}/32`);
  });
  lab.run(30 * S);
  return { lab, r1: routers[0] as Router, r2: routers[1] as Router };
}
const json = (at: Router, what: string) =>
  JSON.parse(show(at, `show ip ospf mpls-te database${what === "" ? "" : ` ${what}`} json`));

/** What ospfd 8.4.4 printed, but for the rate of the device, the loss, which that release mistakes, and the names of edges, which were numbers then. */
const RATES = `    Unreserved Bandwidth per Class Type
        [0]: 1.25e+06 (Bytes/sec)\t[1]: 1.25e+06 (Bytes/s)
        [2]: 1.25e+06 (Bytes/sec)\t[3]: 1.25e+06 (Bytes/s)
        [4]: 1.25e+06 (Bytes/sec)\t[5]: 1.25e+06 (Bytes/s)
        [6]: 1.25e+06 (Bytes/sec)\t[7]: 1.25e+06 (Bytes/s)
`;
const RATE = `    Maximum Bandwidth: 1.25e+06 (Bytes/s)
    Maximum Reservable Bandwidth: 1.25e+06 (Bytes/s)
${RATES}`;
const VERBOSE = `
\tTraffic Engineering Database: OSPF (key: 1)

  Vertex (16843009): 1.1.1.1\tRouter Id: 1.1.1.1\tOrigin: OSPFv2\tStatus: Sync
    Type: Standard
    Outgoing Edges: 2
      To:\t2.2.2.2(2.2.2.2)\tLocal:  10.0.0.1\tRemote: 10.0.0.2
      To:\t- (0.0.0.0)\tLocal:  10.0.1.1\tRemote: 0.0.0.0
    Incoming Edges: 1
      From:\t2.2.2.2(2.2.2.2)\tLocal:  10.0.0.2\tRemote: 10.0.0.1
    Subnets: 1
      Prefix:\t10.0.0.1/32

  Vertex (33686018): 2.2.2.2\tRouter Id: 2.2.2.2\tOrigin: OSPFv2\tStatus: Sync
    Type: Standard
    Outgoing Edges: 1
      To:\t1.1.1.1(1.1.1.1)\tLocal:  10.0.0.2\tRemote: 10.0.0.1
    Incoming Edges: 1
      From:\t1.1.1.1(1.1.1.1)\tLocal:  10.0.0.1\tRemote: 10.0.0.2
    Subnets: 1
      Prefix:\t10.0.0.2/32

  Edge (10.0.0.1): 10.0.0.1\tAdv. Vertex: 1.1.1.1\tMetric: 10\tStatus: Sync
    Origin: OSPFv2
    TE Metric: 20
    Admin Group: 0x20
    Local IPv4 address: 10.0.0.1
    Remote IPv4 address: 10.0.0.2
    Maximum Bandwidth: 1e+11 (Bytes/s)
    Maximum Reservable Bandwidth: 1.25e+06 (Bytes/s)
${RATES}    Average Link Delay: 10000 (micro-sec)
    Min/Max Link Delay: 5000/20000 (micro-sec)
    Delay Variation: 300 (micro-sec)
    Link Loss: 1.5 (%)
    Available Bandwidth: 1.25e+08 (Bytes/s)

  Edge (10.0.0.2): 10.0.0.2\tAdv. Vertex: 2.2.2.2\tMetric: 10\tStatus: Sync
    Origin: OSPFv2
    Local IPv4 address: 10.0.0.2
    Remote IPv4 address: 10.0.0.1
${RATE}
  Edge (10.0.1.1): 10.0.1.1\tAdv. Vertex: 1.1.1.1\tMetric: 0\tStatus: Sync
    Origin: OSPFv2
    Local IPv4 address: 10.0.1.1
${RATE}
  Subnet: 10.0.0.1/32\tAdv. Vertex: 1.1.1.1\tMetric: 10\tStatus: Sync
    Origin: OSPFv2

  Subnet: 10.0.0.2/32\tAdv. Vertex: 2.2.2.2\tMetric: 10\tStatus: Sync
    Origin: OSPFv2


\tTotal: 2 Vertices, 3 Edges, 2 Subnets

`;

describe("the database of traffic engineering", () => {
  it("is printed as FRR prints it", () => {
    const { r1, r2 } = pair("");
    for (const r of [r1, r2]) expect(show(r, "show ip ospf mpls-te database verbose")).toBe(VERBOSE);
    expect(show(r1, "show ip ospf mpls-te database vertex self-originate")).toBe(
      "  Vertex (16843009): 1.1.1.1\tRouter Id: 1.1.1.1\tOrigin: OSPFv2\tStatus: Sync\n\t2 Outgoing Edges, 1 Incoming Edges, 1 Subnets\n\n",
    );
    expect(show(r1, "show ip ospf mpls-te database vertex")).toMatch(/^ {2}Vertex \(16843009\).*\n.*\n\n {2}Vertex/);
    expect(show(r1, "show ip ospf mpls-te database edge 10.0.0.1")).toBe(
      "  Edge (10.0.0.1): 10.0.0.1\tAdv. Vertex: 1.1.1.1\tMetric: 10\tStatus: Sync\n\n",
    );
    expect(show(r1, "show ip ospf mpls-te database subnet 10.0.0.2/32")).toBe(
      "  Subnet: 10.0.0.2/32\tAdv. Vertex: 2.2.2.2\tMetric: 10\tStatus: Sync\n\n",
    );
  });

  it("what is not in it is said", () => {
    const { r1 } = pair("");
    const said = (what: string): string => show(r1, `show ip ospf mpls-te database ${what}`);
    expect(() => said("vertex adv-router 9.9.9.9")).toThrow("No vertex found for ID 9.9.9.9");
    expect(() => said("edge 9.9.9.9")).toThrow("No edge found for ID 9.9.9.9");
    expect(() => said("subnet 9.9.9.0/24")).toThrow("No subnet found for ID 9.9.9.0/24");
    expect(said("edge 9.9.9.9 json")).toBe("{}\n");
    configure(r1, "router ospf", "no mpls-te");
    expect(() => said("verbose")).toThrow("MPLS-TE database is not enabled");
    expect(said("json")).toBe("{}\n");
  });

  it("as JSON", () => {
    const { r1 } = pair("");
    const { ted } = json(r1, "");
    expect(Object.keys(ted)).toEqual(
      ["name", "key", "verticesCount", "edgesCount", "subnetsCount", "vertices", "edges", "subnets"], // in FRR's order
    );
    expect(ted).toMatchObject({ name: "OSPF", key: 1, verticesCount: 2, edgesCount: 3, subnetsCount: 2 });
    const about = { status: "Sync", origin: "OSPFv2" };
    expect(json(r1, "vertex adv-router 2.2.2.2")).toEqual({
      ...{ "vertex-id": 33686018, ...about, "router-id": "2.2.2.2", "vertex-type": "Standard" },
    });
    const rates = Array.from({ length: 8 }, (_, i) => ({ [`class-type-${i}`]: 1250000 }));
    expect(json(r1, "edge 10.0.0.1")).toEqual({
      ...{ "edge-id": "10.0.0.1", ...about, "advertised-router": "1.1.1.1" },
      ...{ "local-vertex-id": 16843009, "remote-vertex-id": 33686018, metric: 10 },
      "edge-attributes": {
        ...{ "te-metric": 20, "admin-group": 32, "local-address": "10.0.0.1", "remote-address": "10.0.0.2" },
        ...{ "max-link-bandwidth": 99999997952, "max-resv-link-bandwidth": 1250000, "unreserved-bandwidth": rates },
        ...{ delay: 10000, "min-delay": 5000, "max-delay": 20000, jitter: 300, loss: 1.5 },
        "available-bandwidth": 125000000,
      },
    });
    expect(json(r1, "subnet")).toEqual({
      subnets: [
        { "subnet-id": "10.0.0.1/32", ...about, "advertised-router": "1.1.1.1", "vertex-id": 16843009, metric: 10 },
        { "subnet-id": "10.0.0.2/32", ...about, "advertised-router": "2.2.2.2", "vertex-id": 33686018, metric: 10 },
      ],
    });
  });

  it("a link to another system leads to a router of that system", () => {
    const { r1, r2 } = pair("  neighbor 10.0.255.5 as 65535\n  metric 10\n", [" mpls-te inter-as as\n", ""]);
    for (const r of [r1, r2]) {
      expect(json(r, "vertex").vertices).toMatchObject([
        { "router-id": "1.1.1.1", "vertex-type": "ASBR" },
        { "router-id": "2.2.2.2", "vertex-type": "Standard" },
        { "router-id": "10.0.255.5", "vertex-type": "Remote ASBR", asn: 65535 },
      ]);
      expect(json(r, "edge 10.0.1.1")).toMatchObject({
        ...{ "local-vertex-id": 16843009, "remote-vertex-id": ip("10.0.255.5") },
        "edge-attributes": { "te-metric": 10, "remote-asn": 65535, "remote-as-address": "10.0.255.5" },
      });
      expect(json(r, "subnet").subnets).toMatchObject([
        ...[{ "subnet-id": "10.0.0.1/32" }, { "subnet-id": "10.0.0.2/32" }],
        { "subnet-id": "10.0.1.1/32", "advertised-router": "1.1.1.1", metric: 10 },
        { "subnet-id": "10.0.255.5/32", "advertised-router": "10.0.255.5", metric: 10 },
      ]);
    }
    expect(show(r2, "show ip ospf mpls-te database verbose")).toContain(
      "    Remote AS: 65535\n    Remote ASBR IPv4 address: 10.0.255.5\n",
    );
  });

  it("segments of routers and prefixes stand with them", () => {
    const segments =
      " capability opaque\n segment-routing on\n segment-routing global-block 10000 19999 local-block 5000 5999\n" +
      " segment-routing node-msd 12\n segment-routing prefix 10.0.255.2/32 index 400 no-php-flag\n";
    const { lab, r1, r2 } = pair("", ["", segments]);
    configure(r2, "interface lo", "ip ospf area 0");
    lab.run(20 * S);
    expect(json(r1, "vertex adv-router 2.2.2.2")["segment-routing"]).toEqual({
      ...{ "srgb-size": 10000, "srgb-lower": 10000, algorithms: [{ "0": "SPF" }] },
      ...{ "srlb-size": 1000, "srlb-lower": 5000, msd: 12 },
    });
    expect(show(r1, "show ip ospf mpls-te database vertex adv-router 2.2.2.2 verbose")).toContain(
      "    Segment Routing Capabilities:\n        SRGB: [10000/19999]\tSRLB: [5000/5999]\tAlgo: SPF \tMSD: 12\n",
    );
    expect(json(r1, "subnet 10.0.255.2/32")).toMatchObject({
      "advertised-router": "2.2.2.2",
      metric: 0,
      "segment-routing": { "pref-sid": 400, algo: 0, flags: "0x40" },
    });
    expect(show(r1, "show ip ospf mpls-te database subnet 10.0.255.2/32 verbose")).toContain(
      "    SID: 400\tAlgorithm: 0\tFlags: 0x40\n",
    );
  });

  it("is made whatever the advertisements say", () => {
    const { r1 } = pair("");
    const { ospf } = r1.ospfd;
    const area = ospf.areas.get(0);
    if (area === undefined) throw new Error("no area");
    fc.assert(
      fc.property(fc.constantFrom(1, 4, 6, 7), fc.uint8Array({ maxLength: 96, size: "max" }), (kind, bytes) => {
        const id = kind * 0x100_0000 + 99;
        const body = { kind: "raw", bytes } as const;
        originateIfChanged(ospf, area, { type: LSA_OPAQUE_AREA, id, options: OPTION_O, body });
        expect(makeTed(ospf).vertices.size).toBeGreaterThan(1);
      }),
      { numRuns: cases(300, 20_000) },
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import { S } from "../../../src/core/time.ts";
import { activeParams } from "../../../src/frr/link-params.ts";
import { LSA_OPAQUE_AREA, LSA_OPAQUE_AS } from "../../../src/protocols/ospf/lsa-codec.ts";
import { encodeTe, teJson, teText } from "../../../src/protocols/ospf/te-tlv.ts";
import { ip } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { configure, OspfLab, type Router, show } from "./net.ts";

const FAST = " ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const P2P = `${FAST} ip ospf network point-to-point\n`;

/** Two routers with two cables, a point-to-point and a broadcast one. `first`: parameters of the first router's links. */
function pair(params: readonly [string, string], more = "") {
  const lab = new OspfLab();
  const [k1, k2] = [lab.router("r1"), lab.router("r2")];
  const cables = [0, 1].map((i) => lab.cable([k1, `e${i} 10.0.${i}.1/24`], [k2, `e${i} 10.0.${i}.2/24`]));
  const routers = [k1, k2].map((kernel, i) => {
    const block = (text: string): string => ` link-params\n${i === 0 ? text : ""} exit-link-params\n`;
    const te = ` mpls-te on\n mpls-te router-address ${i + 1}.${i + 1}.${i + 1}.${i + 1}\n${i === 0 ? more : ""}`;
    const interfaces = `interface e0\n${P2P}${block(params[0])}interface e1\n${FAST}${block(params[1])}`;
    return lab.frr(kernel, `${interfaces}router ospf\n ospf router-id ${i + 1}.${i + 1}.${i + 1}.${i + 1}\n${te}`);
  });
  return { lab, cables, r1: routers[0] as Router, r2: routers[1] as Router };
}
/** Advertisements of the first router about links, as the second has them: by id, `1.0.0.1`. */
function told(at: Router, type = LSA_OPAQUE_AREA): Record<string, string> {
  const found: Record<string, string> = {};
  const { ospf } = at.ospfd;
  const lsdb = type === LSA_OPAQUE_AS ? ospf.lsdb : ospf.areas.get(0)?.lsdb;
  lsdb?.each(type, ({ lsa, age }) => {
    if (lsa.adv !== ip("1.1.1.1") || age >= 3600) return;
    found[[24, 16, 8, 0].map((n) => (lsa.id >>> n) & 255).join(".")] = teText(lsa.bytes, 20, lsa.length);
  });
  return found;
}

describe("what is said of links", () => {
  it("is in FRR's octets", () => {
    const link = { multiaccess: false, id: ip("1.1.1.1"), local: ip("10.0.0.2"), remote: ip("10.0.0.1") };
    // what ospfd 8.4.4 said, as far as it prints it
    const real =
      "00010004020202020002005400010001010000000002000401010101000300040a000002000400040a000001000600044d2817c8000700044d2817c80008002";
    const params = activeParams({ maxBw: 176258176, maxRsvBw: 176258176, unrsvBw: Array(8).fill(176258176) }, 0);
    const bytes = encodeTe(ip("2.2.2.2"), { ...link, params });
    expect(hex(bytes, 0, bytes.length, "").startsWith(real)).toBe(true);
    expect(bytes).toHaveLength(96);
  });

  it("is read whatever the octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96, size: "max" }), (bytes) => {
        teText(bytes, 0, bytes.length);
        teJson(bytes, 0, bytes.length);
      }),
      { numRuns: cases(500, 100_000) },
    );
  });
});

describe("traffic engineering", () => {
  const FULL =
    "  metric 20\n  delay 10000 min 5000 max 20000\n  delay-variation 300\n  packet-loss 1.5\n  max-bw 10e+10\n  ava-bw 1.25e+08\n  admin-grp 0x20\n";

  it("each link with a full neighbour is told of, with its parameters", () => {
    const { lab, r1, r2 } = pair([FULL, ""]);
    lab.run(30 * S);
    const links = told(r2);
    expect(Object.keys(links)).toEqual(["1.0.0.1", "1.0.0.2"]);
    // as ospfd 8.4.4 prints it, but for the rate of the device and the loss, which that release mistakes
    expect(links["1.0.0.1"]).toBe(`  Router-Address: 1.1.1.1
  Link: 144 octets of data
  Link-Type: Point-to-point (1)
  Link-ID: 2.2.2.2
  Local Interface IP Address(es): 1
    #0: 10.0.0.1
  Remote Interface IP Address(es): 1
    #0: 10.0.0.2
  Traffic Engineering Metric: 20
  Maximum Bandwidth: 1e+11 (Bytes/sec)
  Maximum Reservable Bandwidth: 1.25e+06 (Bytes/sec)
  Unreserved Bandwidth per Class Type in Byte/s:
    [0]: 1.25e+06 (Bytes/sec),\t[1]: 1.25e+06 (Bytes/sec)
    [2]: 1.25e+06 (Bytes/sec),\t[3]: 1.25e+06 (Bytes/sec)
    [4]: 1.25e+06 (Bytes/sec),\t[5]: 1.25e+06 (Bytes/sec)
    [6]: 1.25e+06 (Bytes/sec),\t[7]: 1.25e+06 (Bytes/sec)
  Resource class/color: 0x20
  Normal Average Link Delay: 10000 (micro-sec)
  Normal Min/Max Link Delay: 5000/20000 (micro-sec)
  Delay Variation: 300 (micro-sec)
  Normal Link Loss: 1.5 (%)
  Unidirectional Available Bandwidth: 1.25e+08 (Bytes/sec)
`);
    expect(links["1.0.0.2"]).toContain(
      "  Link: 76 octets of data\n  Link-Type: Multiaccess (2)\n  Link-ID: 10.0.1.2\n",
    );
    expect(show(r1, "show ip ospf mpls-te interface e0")).toContain(
      "-- MPLS-TE link parameters for e0 --\n  Link-Type: Point-to-point (1)\n",
    );
    expect(show(r1, "show ip ospf mpls-te interface lo")).toBe("  lo: MPLS-TE is disabled on this interface\n");
    expect(show(r1, "show ip ospf mpls-te router")).toBe(
      "--- MPLS-TE router parameters ---\n  Router-Address: 1.1.1.1\n  Link State distribution is Inactive\n",
    );
    expect(show(r2, "show ip ospf database opaque-area")).toContain(
      "  Opaque-Type 1 (Traffic Engineering LSA)\n  Opaque-ID   0x1\n",
    );
  });

  it("a link that loses its neighbour is withdrawn, and comes back with it", () => {
    const { lab, r1, r2, cables } = pair(["", ""]);
    lab.run(30 * S);
    cables[0]?.setUp(false);
    lab.run(10 * S);
    expect(Object.keys(told(r2))).toEqual(["1.0.0.2"]);
    cables[0]?.setUp(true);
    lab.run(20 * S);
    expect(Object.keys(told(r2)).sort()).toEqual(["1.0.0.1", "1.0.0.2"]);
    configure(r1, "router ospf", "no mpls-te");
    lab.run(10 * S);
    expect(told(r2)).toEqual({});
    configure(r1, "router ospf", "mpls-te on");
    lab.run(10 * S);
    expect(Object.keys(told(r2))).toHaveLength(2);
  });

  it("a link to another system is told in the whole system, or in an area", () => {
    const { lab, r1, r2 } = pair(["", "  neighbor 10.0.255.5 as 65535\n"], " mpls-te inter-as as\n");
    lab.run(30 * S);
    expect(Object.keys(told(r2))).toEqual(["1.0.0.1"]);
    const between = told(r2, LSA_OPAQUE_AS);
    expect(Object.keys(between)).toEqual(["6.0.0.2"]);
    expect(between["6.0.0.2"]).not.toContain("Router-Address");
    expect(between["6.0.0.2"]).toContain(
      "  Inter-AS TE Remote ASBR IP address: 10.0.255.5\n  Inter-AS TE Remote AS number: 65535\n",
    );
    const lines = (): string[] => r1.frr.writeConfig().flatMap((b) => b.lines);
    expect(lines()).toEqual(
      expect.arrayContaining([" mpls-te on", " mpls-te router-address 1.1.1.1", " mpls-te inter-as as"]),
    );
    expect(() => configure(r1, "router ospf", "mpls-te inter-as area 0")).toThrow("disable first");
    configure(r1, "router ospf", "no mpls-te inter-as", "mpls-te inter-as area 0");
    lab.run(10 * S);
    expect(told(r2, LSA_OPAQUE_AS)).toEqual({});
    expect(Object.keys(told(r2)).sort()).toEqual(["1.0.0.1", "6.0.0.2"]);
    configure(r1, "router ospf", "no mpls-te");
    expect(() => configure(r1, "router ospf", "mpls-te inter-as as")).toThrow("mpls-te has not been turned on");
  });
});

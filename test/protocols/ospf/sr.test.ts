import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Net } from "../../../src/lab/net.ts";
import {
  decodePrefixSegments,
  decodeRouterInformation,
  encodePrefixSegment,
  encodeRouterInformation,
  PREFIX_E,
  PREFIX_NP,
} from "../../../src/protocols/ospf/sr-tlv.ts";
import { cases } from "../../harness/shared.ts";

const label = fc.integer({ min: 16, max: 0xfffff });
const block = fc.record({ lower: label, size: fc.integer({ min: 1, max: 0xffffff }) });

describe("what is said of segments", () => {
  it("is read back as it was written", () => {
    const sr = fc.record({
      ...{ algorithms: fc.constantFrom([0], [0, 1], [0, 1, 128, 129, 130]), global: block },
      ...{ local: fc.option(block, { nil: undefined }), depth: fc.nat(16) },
    });
    const information = fc.record({ capabilities: fc.nat(0xffffffff), sr: fc.option(sr, { nil: undefined }) });
    fc.assert(
      fc.property(information, (i) => {
        const b = encodeRouterInformation(i);
        expect(b.length % 4).toBe(0);
        expect(decodeRouterInformation(b)).toEqual(i);
      }),
      { numRuns: cases(200, 20_000) },
    );
    const flags = fc.constantFrom(0, PREFIX_NP, PREFIX_NP | PREFIX_E);
    fc.assert(
      fc.property(fc.nat(32), fc.nat(65_535), flags, (length, sid, f) => {
        const address = length === 0 ? 0 : (0x0a0b0c0d >>> (32 - length)) * 2 ** (32 - length);
        const told = { prefix: { address, length }, routeType: 1, sid, flags: f };
        expect(decodePrefixSegments(encodePrefixSegment(told))).toEqual([told]);
      }),
      { numRuns: cases(200, 20_000) },
    );
  });
  it("may be anything: what cannot be read is passed over", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (b) => {
        for (const s of decodePrefixSegments(b)) expect(s.prefix.length).toBeLessThanOrEqual(32);
        const { sr } = decodeRouterInformation(b);
        if (sr !== undefined) expect(sr.global.size).toBeGreaterThan(0);
      }),
      { numRuns: cases(1000, 100_000) },
    );
  });
});

/** FRR's topology ospf_sr_topo1, without traffic engineering: cables as `router interface address router interface address network type`. */
const CABLES = [
  "rt2 eth-rt4-1 10.0.2.2 rt4 eth-rt2-1 10.0.2.4",
  "rt2 eth-rt4-2 10.0.3.2 rt4 eth-rt2-2 10.0.3.4",
  "rt3 eth-rt5-1 10.0.4.3 rt5 eth-rt3-1 10.0.4.5",
  "rt3 eth-rt5-2 10.0.5.3 rt5 eth-rt3-2 10.0.5.5",
  "rt4 eth-rt5 10.0.6.4 rt5 eth-rt4 10.0.6.5",
  "rt4 eth-rt6 10.0.7.4 rt6 eth-rt4 10.0.7.6",
  "rt5 eth-rt6 10.0.8.5 rt6 eth-rt5 10.0.8.6",
];
const LAST = ["", " no-php-flag", " no-php-flag", " no-php-flag", " no-php-flag", " explicit-null"];
const STEPS: readonly (readonly string[])[] = [
  [],
  ['rt4 -c "interface eth-rt5" -c "no ip ospf network point-to-point"'],
  ['rt6 -c "interface eth-rt4" -c "shutdown"', 'rt6 -c "interface eth-rt5" -c "shutdown"'],
  [
    'rt6 -c "interface eth-rt4" -c "no shutdown"',
    'rt6 -c "interface eth-rt5" -c "no shutdown"',
    'rt6 -c "router ospf" -c "segment-routing global-block 18000 25999"',
  ],
  ['rt6 -c "router ospf" -c "no segment-routing on"'],
  [
    'rt6 -c "router ospf" -c "segment-routing on"',
    'rt6 -c "router ospf" -c "segment-routing prefix 6.6.6.6/32 index 60 explicit-null"',
  ],
  ['rt1 -c "router ospf" -c "no segment-routing prefix 1.1.1.1/32 index 10"'],
  ['rt1 -c "router ospf" -c "segment-routing prefix 1.1.1.1/32 index 10"'],
  [
    'rt1 -c "router ospf" -c "segment-routing prefix 1.1.1.1/32 index 10 no-php-flag"',
    'rt6 -c "router ospf" -c "segment-routing prefix 6.6.6.6/32 index 60"',
  ],
  ['rt4 -c "interface eth-rt2-1" -c "no ip address 10.0.2.4/24"'],
];

function topology(): Net {
  const net = new Net(1);
  const routers = [1, 2, 3, 4, 5, 6].map((n) => net.router(`rt${n}`));
  const s1 = net.switch("s1");
  for (const n of [1, 2, 3]) net.link(net.node(`rt${n}`), s1, { name: "eth-sw1" });
  const interfaces = routers.map((_, i) => [
    `interface lo\n ip address ${i + 1}.${i + 1}.${i + 1}.${i + 1}/32\n ip ospf passive\n`,
    ...(i < 3 ? [`interface eth-sw1\n ip address 10.0.1.${i + 1}/24\n`] : []),
  ]);
  for (const cable of CABLES) {
    const [a, name, ip, b, peerName, peerIp] = cable.split(" ") as [string, string, string, string, string, string];
    net.link(net.node(a), net.node(b), { name, peerName });
    const ospf = " ip ospf network point-to-point\n";
    interfaces[Number(a[2]) - 1]?.push(`interface ${name}\n ip address ${ip}/24\n${ospf}`);
    interfaces[Number(b[2]) - 1]?.push(`interface ${peerName}\n ip address ${peerIp}/24\n${ospf}`);
  }
  for (const [i, router] of routers.entries()) {
    const n = i + 1;
    const lower = n === 3 ? 17_000 : 16_000;
    router.sh("sysctl -q -w net.mpls.platform_labels=30000");
    for (const dev of router.kernel.devices()) router.sh(`sysctl -q -w net.mpls.conf.${dev.name}.input=1`);
    router.frr(
      (interfaces[i] as string[])
        .map((text) => (text.includes("eth") ? `${text} ip ospf hello-interval 2\n ip ospf dead-interval 10\n` : text))
        .join("") +
        `router ospf\n ospf router-id ${n}.${n}.${n}.${n}\n network ${n}.${n}.${n}.${n}/32 area 0.0.0.0\n network 10.0.0.0/16 area 0.0.0.0\n` +
        ` router-info area\n segment-routing on\n segment-routing global-block ${lower} ${lower + 7999}\n segment-routing node-msd 8\n` +
        ` segment-routing prefix ${n}.${n}.${n}.${n}/32 index ${10 * n}${LAST[i]}\n`,
    );
  }
  return net;
}

interface Shown {
  readonly [label: string]: { readonly nexthops: readonly { readonly nexthop?: string; readonly outLabel: number }[] };
}
function labels(net: Net, router: string): string {
  const shown = JSON.parse(net.node(router).sh('vtysh -c "show mpls table json"')) as Shown;
  return Object.entries(shown)
    .map(([inLabel, { nexthops }]) => {
      const ways = nexthops.map((n) => `${(n.nexthop ?? "lo").replace("10.0.", "")}/${n.outLabel}`);
      return `${inLabel}:${ways.sort().join("+")}`;
    })
    .join(" ");
}

describe("six routers with segments", () => {
  const net = topology();
  const wanted = readFileSync("test/protocols/ospf/sr-labels.txt", "utf8").trim().split("\n").slice(1);
  it.each(STEPS.map((typed, i) => ({ step: i + 1, typed })))("have FRR's labels, step $step", ({ step, typed }) => {
    for (const line of typed) {
      const [router = "", ...words] = line.split(" ");
      net.node(router).sh(`vtysh -c "configure terminal" ${words.join(" ")}`);
    }
    net.run("60s");
    const seen = [1, 2, 3, 4, 5, 6].map((n) => `${step} rt${n} ${labels(net, `rt${n}`)}`.trim());
    expect(seen).toEqual(wanted.filter((line) => line.startsWith(`${step} `)));
  });
  it("push them on packets, and swap and pop them on the way", () => {
    const fresh = topology();
    fresh.run("60s");
    const trace = fresh.node("rt1").sh("traceroute -n -q 1 -e -s 1.1.1.1 6.6.6.6");
    expect(trace).toMatch(/^ 1 {2}10\.0\.(1\.2 <MPLS:L=16060|1\.3 <MPLS:L=17060),E=0,S=1,T=1>/m);
    expect(trace).toMatch(/6\.6\.6\.6/);
    expect(fresh.node("rt1").sh("ip route show 4.4.4.4")).toContain("encap mpls  16040 via 10.0.1.2");
    expect(fresh.node("rt1").sh('vtysh -c "show ip route 4.4.4.4/32"')).toContain("10.0.1.2, via eth-sw1, label 16040");
  });
  it("write their configuration and show their database as FRR does", () => {
    const fresh = topology();
    fresh.run("60s");
    const rt6 = fresh.node("rt6");
    expect(rt6.sh('vtysh -c "show running-config"')).toContain(
      " segment-routing on\n segment-routing node-msd 8\n segment-routing prefix 6.6.6.6/32 index 60 explicit-null\n router-info area\n",
    );
    expect(rt6.sh('vtysh -c "show ip ospf database segment-routing adv-router 1.1.1.1"')).toBe(`
\t\tOSPF Segment Routing database for ID 6.6.6.6

SR-Node: 1.1.1.1\tSRGB: [16000/23999]\tSRLB: [15000/15999]\tAlgo.(s): SPF\tMSD: 8

    Prefix or Link       Node or Adj. SID       Label Operation  Interface          Nexthop
------------------  ---------------------  --------------------  ---------  ---------------
        1.1.1.1/32        SR Pfx (idx 10)    Swap(16010, 16010)    eth-rt4         10.0.7.4
                                             Swap(16010, 16010)    eth-rt5         10.0.8.5

`);
  });
});

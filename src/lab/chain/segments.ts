import { u16 } from "../../core/bytes.ts";
import { decode } from "../../protocols/mpls/wire.ts";
import type { Net } from "../net.ts";
import { type Hinges, hostAddress, SEGMENTS_FROM } from "./hinge.ts";

/** The explicit list: over the middle of the long way, whatever BGP says. */
const LIST = ["long2", "east"] as const;
const [ETHERNET, ETHERTYPE_AT, ETHERTYPE_MPLS] = [14, 12, 0x8847];
const LONG_WAY = ["long1", "long2", "long3"] as const;

/**
 * Segment routing over MPLS: OSPF has told every router of every other's prefix segment (RFC 8665); packets follow it along the fewest
 * hops, and the last router but one pops it. `west` puts an explicit list of segments on packets to the first network.
 */
export function segments(hinges: Hinges): void {
  const { net, west, hosts, neighbours } = hinges;
  const [host] = hosts;
  const [from, to] = [hostAddress("west", 1), hostAddress("east", 1)];
  const stack = LIST.map((name) => labelOf(hinges, name));
  const route = `ip route add ${to}/32 encap mpls ${stack.join("/")} via ${neighbours.get("west")?.get("long1")}`;
  west.sh(route);
  const trace = host.sh(`traceroute -n -q 1 -e -s ${from} ${to}`);
  const table = west.sh('vtysh -c "show mpls table"');
  net.say(`${west.name}# vtysh -c "show mpls table"\n${table}${west.name}# ${route}\n`);
  net.check(
    "OSPF has told of a segment of every router",
    [...hinges.routers.keys()].every((name) => name === "west" || table.includes(` ${labelOf(hinges, name)} `)),
  );
  net.say(`${host.name}# traceroute -n -q 1 -e -s ${from} ${to}\n${trace}`);
  checkTrace(hinges, trace, stack);
  net.run("1s"); // Probes of the traceroute are still under way.
  const stacks = LONG_WAY.map((name) => watch(net, name));
  const ms = Number(/time=([\d.]+)/.exec(host.sh(`ping -c 1 -I ${from} ${to}`))?.[1]);
  net.check("there over the long way and back over the short one: 82 ms", Math.abs(ms - 82) < 0.01, `${ms} ms`);
  const [top = 0, rest = 0] = stack;
  const expected = [`${top}/${rest}`, `${rest}`, `${rest}`];
  net.table({
    title: `segments ${LIST.join(", ")}: the labels that each router of the long way receives`,
    columns: ["router", "labels", "expected"],
    rows: LONG_WAY.map((name, i) => [name, stacks[i]?.[0] ?? "none", expected[i] ?? ""]),
  });
  net.check("every router of the long way sees what is left of the list", stacks.join(" ") === expected.join(" "));
  west.sh(`ip route del ${to}/32`);
}

/**
 * Linux leaves the TTL of a label alone when it takes away the one on top (net/mpls/af_mpls.c:mpls_forward): the hop behind a
 * segment's end does not show in a traceroute.
 */
function checkTrace({ net, neighbours }: Hinges, trace: string, [top, rest]: readonly number[]): void {
  const seen = [...trace.matchAll(/^ *\d+ {2}([\d.]+)(?: <([^>]*)>)?/gm)].map((m) => `${m[1]} ${labelsIn(m[2] ?? "")}`);
  const first = `${neighbours.get("west")?.get("long1")} ${top}/${rest}`;
  // It answers from the side where its own shortest path back is; there are two.
  const thirds = ["long2", "east"].map((beside) => `${neighbours.get(beside)?.get("long3")} ${rest}`);
  net.say(
    "long2 does not show: Linux lowers no TTL of a label that is uncovered when the one on top of it is taken away.\n",
  );
  net.check(
    "the segment list takes the long way, where BGP takes the short one",
    seen.length === 5 && seen[1] === first && thirds.includes(seen[2] ?? ""),
    seen.slice(1, 3).join(", "),
  );
}

/** The label stacks of frames that a router of the long way receives from now on. */
function watch(net: Net, name: string): readonly string[] {
  const stacks: string[] = [];
  net
    .node(name)
    .dev(`${name}-eth0`)
    .addTap({
      frame: (_, p, outgoing) => {
        if (outgoing || u16(p.buf, p.start + ETHERTYPE_AT) !== ETHERTYPE_MPLS) return;
        const got = decode(p.buf, p.start + ETHERNET, p.end);
        if (got.ok) stacks.push(got.value.entries.map((e) => e.label).join("/"));
      },
    });
  return stacks;
}

const labelOf = ({ routers }: Hinges, name: string): number => SEGMENTS_FROM + (routers.get(name) ?? 0);
/** `MPLS:L=16005,E=0,S=0,T=1/L=16007,E=0,S=1,T=1` as `16005/16007`. */
const labelsIn = (text: string): string => [...text.matchAll(/L=(\d+)/g)].map((m) => m[1]).join("/");

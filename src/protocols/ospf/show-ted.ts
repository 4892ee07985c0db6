import { formatIp } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { formatG } from "../../frr/format-g.ts";
import { type JsonObject, prettyJson } from "../../frr/json.ts";
import { LOSS_PRECISION } from "../../frr/link-params.ts";
import type { Args } from "../../frr/pattern.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { SrInformation } from "./sr-tlv.ts";
import { type Attributes, type Edge, makeTed, type Subnet, subnetKey, type Ted, type Vertex } from "./ted.ts";

const ALL_ONES = 255;

/** `show ip ospf mpls-te database` (ospfd/ospf_te.c:show_ip_ospf_mpls_te_db, lib/link_state.c:ls_show_ted). */
export function installShowTed(set: CommandSet<OspfDaemon>): void {
  const on = (what: string, shown: (ted: Ted, d: OspfDaemon, args: Args) => Shown | string): void => {
    set.add("view", `show ip ospf mpls-te database${what} [<verbose$verbose|json$json>]`, (d, args) => {
      const json = args.has("json");
      const found = d.ospf.enabled && d.te.on ? shown(makeTed(d.ospf), d, args) : "MPLS-TE database is not enabled\n";
      if (typeof found === "string") return json ? "{}\n" : { refused: found };
      return json ? prettyJson(found.json()) : found.text(args.has("verbose"));
    });
  };
  on("", wholeOf);
  on(" vertex [<self-originate$self|adv-router A.B.C.D$id>]", (ted, { ospf }, args) => {
    const id = args.has("self") ? ospf.routerId : args.findIp("id");
    const one = id === undefined ? undefined : ted.vertices.get(id);
    if (one !== undefined) return { text: (verbose) => vertexText(ted, one, verbose), json: () => vertexJson(one) };
    return args.has("id") ? `No vertex found for ID ${args.text("id")}\n` : verticesOf(ted);
  });
  on(" edge [A.B.C.D$id]", (ted, _, args) => {
    const id = args.findIp("id");
    if (id === undefined) return edgesOf(ted);
    const one = ted.edges.get(id);
    if (one === undefined) return `No edge found for ID ${formatIp(id)}\n`;
    return { text: (verbose) => edgeText(one, verbose), json: () => edgeJson(one) };
  });
  on(" subnet [A.B.C.D/M$id]", (ted, _, args) => {
    if (!args.has("id")) return subnetsOf(ted);
    const one = ted.subnets.get(subnetKey(args.prefix("id")));
    if (one === undefined) return `No subnet found for ID ${args.text("id")}\n`;
    return { text: (verbose) => subnetText(one, verbose), json: () => subnetJson(one) };
  });
}

interface Shown {
  readonly text: (verbose: boolean) => string;
  readonly json: () => JsonObject;
}
const verticesOf = (ted: Ted): Shown => ({
  text: (verbose) => [...ted.vertices.values()].map((v) => vertexText(ted, v, verbose)).join(""),
  json: () => ({ vertices: [...ted.vertices.values()].map(vertexJson) }),
});
const edgesOf = ({ edges }: Ted): Shown => ({
  text: (verbose) => [...edges.values()].map((e) => edgeText(e, verbose)).join(""),
  json: () => ({ edges: [...edges.values()].map(edgeJson) }),
});
const subnetsOf = ({ subnets }: Ted): Shown => ({
  text: (verbose) => [...subnets.values()].map((s) => subnetText(s, verbose)).join(""),
  json: () => ({ subnets: [...subnets.values()].map(subnetJson) }),
});
function wholeOf(ted: Ted): Shown {
  const { vertices, edges, subnets } = ted;
  const parts = [verticesOf(ted), edgesOf(ted), subnetsOf(ted)];
  const [name, key] = ["OSPF", 1];
  const counts = { verticesCount: vertices.size, edgesCount: edges.size, subnetsCount: subnets.size };
  return {
    text: (verbose) =>
      `\n\tTraffic Engineering Database: ${name} (key: ${key})\n\n${parts.map((part) => part.text(verbose)).join("")}\n\tTotal: ${vertices.size} Vertices, ${edges.size} Edges, ${subnets.size} Subnets\n\n`,
    json: () => ({ ted: Object.assign({ name, key, ...counts }, ...parts.map((part) => part.json())) as JsonObject }),
  };
}

const ORIGIN = { status: "Sync", origin: "OSPFv2" };
const nameOf = (v: Vertex): string => (v.named ? formatIp(v.id) : "");

/** Lines as FRR indents them, with the empty one after them. */
const block = (lines: readonly string[]): string => `${lines.join("\n")}\n\n`;

function vertexText({ edges, subnets }: Ted, v: Vertex, verbose: boolean): string {
  const out = [...edges.values()].filter((e) => e.source === v);
  const into = [...edges.values()].filter((e) => e.destination === v);
  const own = [...subnets.values()].filter((s) => s.vertex === v);
  const head = `  Vertex (${v.id}): ${nameOf(v)}\tRouter Id: ${formatIp(v.id)}\tOrigin: OSPFv2\tStatus: Sync`;
  if (!verbose)
    return block([head, `\t${out.length} Outgoing Edges, ${into.length} Incoming Edges, ${own.length} Subnets`]);
  return block([
    head,
    ...(v.type === undefined ? [] : [`    Type: ${v.type}`]),
    ...(v.as === undefined ? [] : [`    AS number: ${v.as}`]),
    ...(v.sr === undefined ? [] : capabilities(v.sr)),
    `    Outgoing Edges: ${out.length}`,
    ...out.map((e) => `      To:\t${end(e.destination)}\t${addresses(e)}`),
    `    Incoming Edges: ${into.length}`,
    ...into.map((e) => `      From:\t${end(e.source)}\t${addresses(e)}`),
    `    Subnets: ${own.length}`,
    ...own.map((s) => `      Prefix:\t${idOf(s)}`),
  ]);
}
const end = (v: Vertex | undefined): string => (v === undefined ? "- (0.0.0.0)" : `${nameOf(v)}(${formatIp(v.id)})`);
const addresses = ({ local, attributes }: Edge): string =>
  `Local:  ${formatIp(local)}\tRemote: ${formatIp(attributes.remote ?? 0)}`;

/** Of all algorithms FRR keeps two. */
const algorithmsOf = ({ algorithms }: SrInformation): readonly number[] =>
  algorithms.slice(0, 2).filter((n) => n !== ALL_ONES);

function capabilities(sr: SrInformation): readonly string[] {
  const { global, local, depth } = sr;
  const range = ({ lower, size }: { readonly lower: number; readonly size: number }) =>
    `[${lower}/${lower + size - 1}]`;
  const algorithms = algorithmsOf(sr).map((n) => (n === 0 ? "SPF " : "S-SPF "));
  return [
    "    Segment Routing Capabilities:",
    `        SRGB: ${range(global)}${local === undefined ? "" : `\tSRLB: ${range(local)}`}\tAlgo: ${algorithms.join("")}${depth > 0 ? `\tMSD: ${depth}` : ""}`,
  ];
}

function vertexJson(v: Vertex): JsonObject {
  return {
    "vertex-id": v.id,
    ...ORIGIN,
    "router-id": formatIp(v.id),
    "vertex-type": v.type,
    asn: v.as,
    "segment-routing": v.sr === undefined ? undefined : capabilitiesJson(v.sr),
  };
}
function capabilitiesJson(sr: SrInformation): JsonObject {
  const { global, local, depth } = sr;
  return {
    "srgb-size": global.size,
    "srgb-lower": global.lower,
    algorithms: algorithmsOf(sr).map((n, i) => ({ [i]: n === 0 ? "SPF" : "S-SPF" })),
    "srlb-size": local?.size,
    "srlb-lower": local?.lower,
    msd: depth > 0 ? depth : undefined,
  };
}

function edgeText({ local, adv, metric, attributes: a }: Edge, verbose: boolean): string {
  const head = `  Edge (${formatIp(local)}): ${formatIp(local)}\tAdv. Vertex: ${formatIp(adv)}\tMetric: ${metric}\tStatus: Sync`;
  if (!verbose) return block([head]);
  const rates = a.unrsvBw?.map(formatG);
  const line = <T>(value: T | undefined, text: (value: T) => string): readonly string[] =>
    value === undefined ? [] : [`    ${text(value)}`];
  return block([
    head,
    "    Origin: OSPFv2",
    ...line(a.metric, (n) => `TE Metric: ${n}`),
    ...line(a.group, (n) => `Admin Group: 0x${n.toString(16)}`),
    `    Local IPv4 address: ${formatIp(local)}`,
    ...line(a.remote, (n) => `Remote IPv4 address: ${formatIp(n)}`),
    ...line(a.maxBw, (n) => `Maximum Bandwidth: ${formatG(n)} (Bytes/s)`),
    ...line(a.maxRsvBw, (n) => `Maximum Reservable Bandwidth: ${formatG(n)} (Bytes/s)`),
    ...(rates === undefined
      ? []
      : [
          "    Unreserved Bandwidth per Class Type",
          ...[0, 2, 4, 6].map((i) => `        [${i}]: ${rates[i]} (Bytes/sec)\t[${i + 1}]: ${rates[i + 1]} (Bytes/s)`),
        ]),
    ...line(a.remoteAs, (n) => `Remote AS: ${n}`),
    ...line(a.remoteAddress, (n) => `Remote ASBR IPv4 address: ${formatIp(n)}`),
    ...line(a.delay, (n) => `Average Link Delay: ${n | 0} (micro-sec)`),
    ...line(a.delayRange, ({ min, max }) => `Min/Max Link Delay: ${min | 0}/${max | 0} (micro-sec)`),
    ...line(a.jitter, (n) => `Delay Variation: ${n | 0} (micro-sec)`),
    ...line(a.loss, (n) => `Link Loss: ${formatG(n * LOSS_PRECISION)} (%)`),
    ...line(a.avaBw, (n) => `Available Bandwidth: ${formatG(n)} (Bytes/s)`),
    ...line(a.rsvBw, (n) => `Residual Bandwidth: ${formatG(n)} (Bytes/s)`),
    ...line(a.usedBw, (n) => `Utilized Bandwidth: ${formatG(n)} (Bytes/s)`),
  ]);
}

function edgeJson({ local, adv, source, destination, metric, attributes }: Edge): JsonObject {
  return {
    "edge-id": formatIp(local),
    ...ORIGIN,
    "advertised-router": formatIp(adv),
    "local-vertex-id": source.id,
    "remote-vertex-id": destination?.id,
    metric,
    "edge-attributes": attributesJson(attributes, formatIp(local)),
  };
}
function attributesJson(a: Attributes, local: string): JsonObject {
  return {
    "te-metric": a.metric,
    "admin-group": a.group,
    "local-address": local,
    "remote-address": a.remote === undefined ? undefined : formatIp(a.remote),
    "max-link-bandwidth": a.maxBw,
    "max-resv-link-bandwidth": a.maxRsvBw,
    "unreserved-bandwidth": a.unrsvBw?.map((rate, i) => ({ [`class-type-${i}`]: rate })),
    "remote-asn": a.remoteAs,
    "remote-as-address": a.remoteAddress === undefined ? undefined : formatIp(a.remoteAddress),
    delay: a.delay,
    "min-delay": a.delayRange?.min,
    "max-delay": a.delayRange?.max,
    jitter: a.jitter,
    loss: a.loss === undefined ? undefined : a.loss * LOSS_PRECISION,
    "available-bandwidth": a.avaBw,
    "residual-bandwidth": a.rsvBw,
    "utilized-bandwidth": a.usedBw,
  };
}

const idOf = ({ prefix: { address, length } }: Subnet): string => `${formatIp(address)}/${length}`;

function subnetText(s: Subnet, verbose: boolean): string {
  const head = `  Subnet: ${idOf(s)}\tAdv. Vertex: ${formatIp(s.adv)}\tMetric: ${s.metric}\tStatus: Sync`;
  if (!verbose) return block([head]);
  const segment =
    s.segment === undefined
      ? []
      : [`    SID: ${s.segment.sid}\tAlgorithm: 0\tFlags: 0x${s.segment.flags.toString(16)}`];
  return block([head, "    Origin: OSPFv2", ...segment]);
}
function subnetJson(s: Subnet): JsonObject {
  const { segment } = s;
  return {
    "subnet-id": idOf(s),
    ...ORIGIN,
    "advertised-router": formatIp(s.adv),
    "vertex-id": s.vertex.id,
    metric: s.metric,
    "segment-routing":
      segment === undefined
        ? undefined
        : { "pref-sid": segment.sid, algo: 0, flags: `0x${segment.flags.toString(16)}` },
  };
}

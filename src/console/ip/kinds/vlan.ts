import { refused } from "../../../core/errno.ts";
import { addVlanDevice, VlanDevice, type VlanOptions } from "../../../nodes/kernel/dev/vlan.ts";
import { ETHERTYPE_QINQ } from "../../../protocols/ethernet/wire.ts";
import { type Args, type Option, option, readOptions, unbuilt } from "../args.ts";
import { deviceNamed, type Ip } from "../context.ts";
import { answer, failure, wrong } from "../exit.ts";
import { type LinkRequest, onOff } from "../link-request.ts";
import { parseUnsigned } from "../values.ts";
import { type LinkKind, unknownOption, unsignedOr } from "./kind.ts";
import { readVlanProtocol } from "./vlan-protocol.ts";

type Mapping = readonly [from: number, to: number];
type Draft = { -readonly [K in keyof VlanOptions]?: VlanOptions[K] } & {
  readonly ingress: Mapping[];
  readonly egress: Mapping[];
};

const OPTIONS: readonly Option<Draft>[] = [
  option(
    "protocol",
    (o, args) => (o.protocol = readVlanProtocol("protocol is invalid", args.next(), "8021q: Invalid VLAN protocol")),
  ),
  option("id", (o, args) => (o.id = unsignedOr("id is invalid", args.next(), 0xffff))),
  option("reorder_hdr", (o, args) => (o.reorder_hdr = onOff("reorder_hdr", args.next()))),
  unbuilt("gvrp|mvrp", "vlan: "),
  option("loose_binding", (o, args) => (o.loose_binding = onOff("loose_binding", args.next()))),
  unbuilt("bridge_binding", "vlan: "),
  option("ingress-qos-map", (o, args) => readMap("invalid ingress-qos-map", o.ingress, args)),
  option("egress-qos-map", (o, args) => readMap("invalid egress-qos-map", o.egress, args)),
];

const USAGE = [
  "Usage: ... vlan id VLANID [ protocol { 802.1Q | 802.1ad } ] [ { reorder_hdr | loose_binding } { on | off } ]",
  "                [ ingress-qos-map FROM:TO ... ] [ egress-qos-map FROM:TO ... ]",
].join("\n");

/** A VLAN of another device (ip/iplink_vlan.c). */
export const vlan: LinkKind = {
  takesMtu: true,
  add(ip, request, args) {
    if (!args.more) answer(refused("EINVAL", "8021q: VLAN properties not specified"));
    const draft = read(args);
    return () => make(ip, request, draft);
  },
  change(_, dev, args) {
    const o = read(args);
    const vlan = dev as VlanDevice;
    vlan.reorderHdr = o.reorder_hdr ?? vlan.reorderHdr;
    vlan.looseBinding = o.loose_binding ?? vlan.looseBinding;
    setMaps(vlan, o);
  },
  put(ip, dev) {
    if (dev instanceof VlanDevice) put(ip, dev);
  },
  usage: USAGE,
};

function make(ip: Ip, request: LinkRequest, { id, ingress, egress, ...rest }: Draft): VlanDevice {
  if (id === undefined) return answer(refused("EINVAL", "8021q: VLAN id not specified"));
  if (request.link === undefined) return answer(refused("EINVAL", "8021q: link not specified"));
  const lower = deviceNamed(ip, request.link);
  const mac = request.address?.octets === 6 ? { mac: request.address.value } : {};
  const mtu = request.mtu === undefined ? {} : { mtu: request.mtu };
  const name = request.name ?? "vlan%d";
  const dev = answer(addVlanDevice(lower.kernel, name, lower, { ...rest, ...mac, ...mtu, id }));
  setMaps(dev, { ingress, egress });
  return dev;
}

function read(args: Args): Draft {
  const o: Draft = { ingress: [], egress: [] };
  readOptions(args, OPTIONS, o, (_, words) => {
    if (words.abbreviates("help")) throw failure(USAGE);
    throw unknownOption("vlan", words.word);
  });
  return o;
}

/** `FROM:TO` as often as it is given (lib/utils.c:parse_mapping). */
function readMap(why: string, map: Mapping[], args: Args): void {
  if (args.following === undefined) args.next();
  while (args.following?.includes(":")) {
    const [from, to] = args
      .next()
      .split(":")
      .map((part) => parseUnsigned(part));
    if (from === undefined || to === undefined) throw wrong(why, args.word);
    map.push([from, to]);
  }
}

function setMaps(dev: VlanDevice, { ingress, egress }: Pick<Draft, "ingress" | "egress">): void {
  for (const [from, to] of ingress) answer(dev.setIngressQos(from, to));
  for (const [from, to] of egress) answer(dev.setEgressQos(from, to));
}

function put(ip: Ip, dev: VlanDevice): void {
  const { out } = ip;
  const protocol = dev.etherType === ETHERTYPE_QINQ ? "802.1ad" : "802.1Q";
  out.put("protocol", protocol, `protocol ${protocol} `);
  out.put("id", dev.vid, `id ${dev.vid} `);
  out.array("flags", "<");
  const flags = [...(dev.reorderHdr ? ["REORDER_HDR"] : []), ...(dev.looseBinding ? ["LOOSE_BINDING"] : [])];
  for (const [i, flag] of flags.entries()) out.item(flag, i === flags.length - 1 ? flag : `${flag},`);
  out.endArray("> ");
  const ingress = [...dev.ingressQos.entries()].filter(([, priority]) => priority !== 0);
  if (ingress.length > 0) putMap(ip, "ingress", ingress);
  const egress = egressMap(dev);
  if (egress.length > 0) putMap(ip, "egress", egress);
}

/** Those with a code point, as the kernel's sixteen lists have them: the newest first (net/8021q/vlan_netlink.c:vlan_fill_info). */
const egressMap = (dev: VlanDevice): Mapping[] =>
  [...dev.egressQos]
    .reverse()
    .filter(([, pcp]) => pcp !== 0)
    .sort(([a], [b]) => (a & 0xf) - (b & 0xf));

function putMap(ip: Ip, direction: string, map: readonly Mapping[]): void {
  const { out } = ip;
  out.array(`${direction}_qos`);
  out.newline();
  out.text(`      ${direction}-qos-map { `);
  for (const [from, to] of map) {
    out.object();
    out.field("from", from);
    out.field("to", to);
    out.text(`${from}:${to} `);
    out.endObject();
  }
  out.endArray();
  out.text("} ");
}

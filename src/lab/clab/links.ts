import { parseDeviceMac } from "../../nodes/kernel/netdev.ts";
import { END_KEYS, FOREIGN_LINKS, LINK_KEYS } from "./keys.ts";
import type { ClabEnd, ClabLink, ClabNode } from "./lab.ts";
import { lineVars } from "./vars.ts";
import { type Entry, fail, integerOf, listOf, mapOf, onlyKeys, type Site, textOf, type Value } from "./yaml.ts";

/** `DefaultLinkMTU` of containerlab (constants/containerlab.go). */
const MTU_DEFAULT = 9500;
const MTU_MIN = 68;
const MTU_MAX = 65_535;
const LINKS_MAX = 1_000_000;
/** IFNAMSIZ without the closing zero. */
const DEVICE_NAME = /^[^\s/:]{1,15}$/;

/** What reading the links brings besides: where one says what changes nothing. */
export interface Remarks {
  addresses: Site | undefined;
}

/** `topology.links`: brief and extended veth links. */
export function linksOf(v: Value | undefined, nodes: ReadonlyMap<string, ClabNode>, remarks: Remarks): ClabLink[] {
  const items = v === undefined ? [] : listOf(v, "links");
  if (v !== undefined && items.length > LINKS_MAX) fail(v, "too many links", `at most ${LINKS_MAX}`);
  const taken = new Set<string>();
  return items.map((item) => {
    const link = linkOf(item, nodes, remarks);
    for (const end of link.ends) {
      const name = `${end.node}:${end.device}`;
      if (taken.has(name)) fail(link, `interface ${name} has two links`, "one link to an interface");
      taken.add(name);
    }
    return link;
  });
}

function linkOf(v: Value, nodes: ReadonlyMap<string, ClabNode>, remarks: Remarks): ClabLink {
  const entries = mapOf(v, "a link");
  const type = entries.get("type")?.value;
  if (type !== undefined) checkType(type);
  onlyKeys(entries, LINK_KEYS, "a link", v.path);
  for (const key of ["ipv4", "ipv6"]) remarks.addresses ??= siteOf(v.path, entries.get(key));
  const { path, line } = v;
  const endpoints = entries.get("endpoints")?.value;
  if (endpoints === undefined) fail(v, "a link without endpoints", 'endpoints such as ["a:eth1", "b:eth1"]');
  const items = listOf(endpoints, "endpoints");
  if (items.length !== 2) fail(endpoints, `a link with ${items.length} endpoints`, "two endpoints");
  const both = lineVars(entries.get("vars")?.value, "link");
  const ends = items.map((item) => {
    const end = item.kind === "map" ? extendedEnd(item, item.entries, remarks) : briefEnd(item);
    checkEnd(item, end, nodes);
    return { ...end, line: { ...both, ...end.line } };
  });
  const mtu = entries.get("mtu")?.value;
  const mtuBytes = mtu === undefined ? MTU_DEFAULT : integerOf(mtu, "mtu", MTU_MIN, MTU_MAX);
  return { path, line, ends: ends as unknown as [ClabEnd, ClabEnd], mtu: mtuBytes };
}

function checkType(v: Value): void {
  const type = textOf(v, "a link's type", "veth").toLowerCase();
  if (FOREIGN_LINKS.has(type)) fail(v, `links of type ${type} are not built`, "veth");
  if (type !== "veth" && type !== "brief") fail(v, `there is no link type "${type}"`, "veth");
}

/** `a:eth1`. */
function briefEnd(v: Value): ClabEnd {
  const text = textOf(v, "an endpoint", "a form such as a:eth1");
  const at = text.indexOf(":");
  const node = text.slice(0, Math.max(at, 0));
  if (FOREIGN_LINKS.has(node.toLowerCase())) fail(v, `links of type ${node} are not built`, "an endpoint of a node");
  if (at <= 0) fail(v, `endpoint "${text}"`, "a form such as a:eth1");
  return { node, device: text.slice(at + 1), mac: undefined, line: {} };
}

/** `{node: a, interface: eth1, mac: …}`. */
function extendedEnd(v: Value, entries: ReadonlyMap<string, Entry>, remarks: Remarks): ClabEnd {
  onlyKeys(entries, END_KEYS, "an endpoint", v.path);
  for (const key of ["ipv4", "ipv6"]) remarks.addresses ??= siteOf(v.path, entries.get(key));
  const [node, device] = ["node", "interface"].map((key) => {
    const value = entries.get(key)?.value;
    if (value === undefined) return fail(v, `an endpoint without "${key}"`, "node and interface");
    return textOf(value, key);
  }) as [string, string];
  const mac = entries.get("mac")?.value;
  return {
    node,
    device,
    mac: mac === undefined ? undefined : macOf(mac),
    line: lineVars(entries.get("vars")?.value, "endpoint"),
  };
}

function macOf(v: Value): string {
  const text = textOf(v, "mac").replaceAll("-", ":");
  if (parseDeviceMac(text) === undefined) fail(v, `mac "${text}"`, "a unicast address such as 02:00:00:00:00:01");
  return text;
}

function checkEnd(v: Value, end: ClabEnd, nodes: ReadonlyMap<string, ClabNode>): void {
  const node = nodes.get(end.node);
  if (node === undefined)
    return fail(v, `an endpoint at node "${end.node}", which there is not`, "a node of this file");
  if (!DEVICE_NAME.test(end.device) || end.device === "." || end.device === ".." || end.device.includes("%"))
    fail(v, `interface "${end.device}"`, "a name of up to 15 characters without spaces, / and :");
  if (end.device === "lo" || (node.kind === "bridge" && end.device === node.name))
    fail(v, `node ${end.node} has its own device ${end.device}`, "another interface name");
  if (end.device === "eth0" && node.kind === "linux" && !node.ownsEth0)
    fail(v, `eth0 of ${end.node} belongs to the management network`, "eth1 and up, or network-mode: none");
}

const siteOf = (path: string, entry: Entry | undefined): Site | undefined =>
  entry === undefined ? undefined : { path, line: entry.line };

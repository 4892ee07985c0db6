import { withoutIpv6 } from "./ipv6.ts";
import { TOP_KEYS, TOPOLOGY_KEYS } from "./keys.ts";
import type { ClabLab, ClabNode } from "./lab.ts";
import { linksOf, type Remarks } from "./links.ts";
import { Topology } from "./topology.ts";
import { captureOf, labVars, scheduleOf, seedOf } from "./vars.ts";
import { fail, mapOf, onlyKeys, readYaml, textOf, type Value } from "./yaml.ts";

const LAB_NAME = /^[A-Za-z0-9][\w.-]*$/;
/** Lines left out that are named one by one. */
const LEFT_OUT_NAMED = 4;

/**
 * Reads a containerlab topology file. `path` stands in messages. Whatever is wrong with the text is a `LabError` of one line:
 * file, line, what, and what was expected. Binds are not read here: `buildClab` does.
 */
export function parseClab(text: string, path: string): ClabLab {
  refuseTemplate(text, path);
  const root = readYaml(text, path);
  const top = mapOf(root, "the file");
  onlyKeys(top, TOP_KEYS, "a topology file", path);
  const topologyValue = top.get("topology")?.value;
  const name = nameOf(top.get("name")?.value ?? root);
  if (topologyValue === undefined) fail(root, 'there is no "topology"', "topology with nodes and links");
  const entries = mapOf(topologyValue, "topology");
  onlyKeys(entries, TOPOLOGY_KEYS, "topology", path);
  const topology = new Topology(entries, topologyValue);
  const remarks: Remarks = { addresses: undefined };
  const links = linksOf(entries.get("links")?.value, topology.nodes, remarks);
  const vars = labVars(topology.defaults.entries.get("config")?.value);
  const schedule = vars.get("schedule")?.value;
  const known = {
    nodes: new Set(topology.nodes.keys()),
    ends: new Set(links.flatMap((link) => link.ends.map((end) => `${end.node}:${end.device}`))),
  };
  const capture = vars.get("capture")?.value;
  const seed = vars.get("seed")?.value;
  const left: string[] = [];
  const nodes = [...topology.nodes.values()].map((node) => withoutIpv6(node, left));
  return {
    path,
    name,
    seed: seed === undefined ? undefined : seedOf(seed),
    captures: capture === undefined ? [] : captureOf(capture),
    nodes,
    links,
    schedule: schedule === undefined ? [] : scheduleOf(schedule, known),
    notes: notes(path, top.get("mgmt")?.line ?? topology.mgmt?.line, remarks.addresses?.line, left, nodes),
  };
}

/** containerlab runs files through Go's templates before it reads them. */
function refuseTemplate(text: string, path: string): void {
  const at = text.search(/\{\{-?\s*[\w.$]/);
  if (at < 0) return;
  const line = text.slice(0, at).split("\n").length;
  fail({ path, line }, "Go templates ({{ … }}) are not built", "a topology without them");
}

function nameOf(v: Value): string {
  if (v.kind === "map" || v.kind === "none") return fail(v, "the lab has no name", "name: and a word");
  const name = textOf(v, "name", "a word");
  if (!LAB_NAME.test(name)) fail(v, `name "${name}"`, "letters, digits, ., _ and -");
  return name;
}

/** What is left out, openly. */
function notes(
  path: string,
  mgmtLine: number | undefined,
  addressLine: number | undefined,
  ipv6: readonly string[],
  nodes: readonly ClabNode[],
): string[] {
  const lines: string[] = [];
  const eth0 = nodes.filter((n) => !n.ownsEth0).flatMap((n) => n.exec.filter((c) => /\beth0\b/.test(c.command)));
  const mgmt = mgmtLine ?? eth0[0]?.line;
  if (mgmt !== undefined) lines.push(`${path}:${mgmt}: the management network is left out: nodes have no eth0`);
  if (addressLine !== undefined) {
    const what = "ipv4 and ipv6 of links configure nothing on these kinds, in containerlab neither: use exec";
    lines.push(`${path}:${addressLine}: ${what}`);
  }
  if (ipv6.length > 0) {
    const more = ipv6.length > LEFT_OUT_NAMED ? ` and ${ipv6.length - LEFT_OUT_NAMED} more` : "";
    lines.push(`${path}: IPv6 is not built, left out: ${ipv6.slice(0, LEFT_OUT_NAMED).join(", ")}${more}`);
  }
  return lines;
}

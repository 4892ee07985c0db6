import { formatIp, formatPrefix, networkOf } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import type { On } from "./commands-area.ts";
import type { OspfDaemon } from "./daemon.ts";
import { GLOBAL_DEFAULT, keyOf, LOCAL_DEFAULT, type SegmentRouting } from "./sr.ts";
import type { LabelBlock, PrefixSegment } from "./sr-tlv.ts";

/** `segment-routing …` and `router-info …` (ospfd/ospf_sr.c, ospfd/ospf_ri.c). */
export function installSegmentRouting(on: On): void {
  on("segment-routing on", (d) => {
    d.sr.settings.on = true;
    d.sr.update();
  });
  on("no segment-routing [on]", (d) => {
    const { settings } = d.sr;
    settings.on = false;
    settings.depth = 0;
    settings.segments.clear();
    d.sr.update();
  });
  const block = "(16-1048575)$lower (16-1048575)$upper";
  on(`segment-routing global-block ${block} [local-block (16-1048575)$from (16-1048575)$to]`, (d, a) =>
    setBlocks(
      d.sr,
      blockOf(a.int("lower"), a.int("upper")),
      a.has("local-block") ? blockOf(a.int("from"), a.int("to")) : LOCAL_DEFAULT,
    ),
  );
  on("no segment-routing global-block [(16-1048575) (16-1048575) [local-block (16-1048575) (16-1048575)]]", (d) =>
    setBlocks(d.sr, GLOBAL_DEFAULT, LOCAL_DEFAULT),
  );
  on("segment-routing node-msd (1-16)$depth", (d, a) => {
    d.sr.settings.depth = a.int("depth");
    d.sr.update();
  });
  on("no segment-routing node-msd [(1-16)]", (d) => {
    d.sr.settings.depth = 0;
    d.sr.update();
  });
  installPrefixes(on);
  on("router-info area [A.B.C.D]", (d) => {
    d.sr.settings.routerInfo = true;
    d.sr.update();
  });
  on("router-info as", () => ({ refused: "% router-info as is not built\n" }));
  on("no router-info", (d) => {
    d.sr.settings.routerInfo = false;
    d.sr.update();
  });
}

function installPrefixes(on: On): void {
  on("segment-routing prefix A.B.C.D/M$prefix index (0-65535)$index [no-php-flag$keep|explicit-null$null]", (d, a) => {
    const { settings } = d.sr;
    if (!settings.on) return OFF;
    const typed = a.prefix("prefix");
    const prefix = { address: networkOf(typed.address, typed.length), length: typed.length };
    const index = a.int("index");
    if (index >= settings.global.size)
      return { refused: `Index ${index} must be lower than range size ${settings.global.size}\n` };
    const known = settings.segments.get(keyOf(prefix));
    const [other] = [...settings.segments.values()].filter((s) => s.index === index);
    if (known === undefined && other !== undefined)
      return { refused: `Index ${index} is already used by ${formatPrefix(prefix)}\n` };
    const last = a.has("null") ? "null" : a.has("keep") ? "keep" : "pop";
    const instance = known?.instance ?? 1 + Math.max(0, ...[...settings.segments.values()].map((s) => s.instance));
    settings.segments.set(keyOf(prefix), { prefix, index, last, instance });
    d.sr.update();
    return undefined;
  });
  on("no segment-routing prefix A.B.C.D/M$prefix [index (0-65535)] [no-php-flag|explicit-null]", (d, a) => {
    if (!d.sr.settings.on) return OFF;
    if (!d.sr.settings.segments.delete(keyOf(a.prefix("prefix"))))
      return { refused: `Prefix ${formatPrefix(a.prefix("prefix"))} is not found. Abort!\n` };
    d.sr.update();
    return undefined;
  });
}

const OFF: Said = { refused: "SR is not enabled\n" };
const blockOf = (lower: number, upper: number): LabelBlock => ({ lower, size: upper - lower + 1 });

/** ospfd/ospf_sr.c:update_sr_blocks. */
function setBlocks(sr: SegmentRouting, global: LabelBlock, local: LabelBlock): Said {
  for (const b of [global, local]) if (b.size < 1) return { refused: "Invalid range\n" };
  if (global.lower < local.lower + local.size && local.lower < global.lower + global.size)
    return { refused: "New SR Global Block overlaps with Local Block\n" };
  sr.settings.global = global;
  sr.settings.local = local;
  sr.update();
  return undefined;
}

/** Lines of the configuration (ospfd/ospf_sr.c:ospf_sr_config_write_router). */
export function writeSegmentRouting({ settings }: SegmentRouting): readonly string[] {
  const { global, local, depth } = settings;
  const upper = (b: LabelBlock): number => b.lower + b.size - 1;
  const [g, l] = [same(global, GLOBAL_DEFAULT), same(local, LOCAL_DEFAULT)];
  const block = `segment-routing global-block ${global.lower} ${upper(global)}`;
  return [
    ...(settings.on ? ["segment-routing on"] : []),
    ...(g && l ? [] : [l ? block : `${block} local-block ${local.lower} ${upper(local)}`]),
    ...(depth === 0 ? [] : [`segment-routing node-msd ${depth}`]),
    ...[...settings.segments.values()].map(
      (s) =>
        `segment-routing prefix ${formatPrefix(s.prefix)} index ${s.index}${s.last === "null" ? " explicit-null" : s.last === "keep" ? " no-php-flag" : ""}`,
    ),
    ...(settings.routerInfo ? ["router-info area"] : []),
  ];
}
const same = (a: LabelBlock, b: LabelBlock): boolean => a.lower === b.lower && a.size === b.size;

/** `show ip ospf database segment-routing`. */
export function installShowSegmentRouting(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf database segment-routing [<adv-router A.B.C.D$router|self-originate$self>]", (d, a) => {
    if (!d.sr.settings.on) return "Segment Routing is disabled on this router\n";
    const only = a.has("self") ? d.ospf.routerId : a.findIp("router");
    const nodes = [...d.sr.nodes.values()].filter((n) => only === undefined || n.id === only);
    const text = nodes.map((n) => nodeText(d, n.id)).join("");
    return `\n\t\tOSPF Segment Routing database for ID ${formatIp(d.ospf.routerId)}\n\n${text}`;
  });
}

const COLUMNS = "    Prefix or Link       Node or Adj. SID       Label Operation  Interface          Nexthop\n";
const RULE = "------------------  ---------------------  --------------------  ---------  ---------------\n";

/** ospfd/ospf_sr.c:show_sr_node. */
function nodeText({ sr, ospf }: OspfDaemon, id: number): string {
  const node = sr.nodes.get(id);
  if (node === undefined) return "";
  const { global, local, depth } = node.information;
  const block = (b: LabelBlock | undefined): string =>
    b === undefined ? "[0/0]" : `[${b.lower}/${b.lower + b.size - 1}]`;
  const head = `SR-Node: ${formatIp(id)}\tSRGB: ${block(global)}\tSRLB: ${block(local)}\tAlgo.(s): SPF${depth === 0 ? "" : `\tMSD: ${depth}`}`;
  const rows = node.segments.map((s) => {
    const begin = `${formatPrefix(s.prefix).padStart(18)}  ${`SR Pfx (idx ${s.sid})`.padStart(21)}  `;
    if (id === ospf.routerId) return begin + row(ownOperation(sr, s), "lo", s.prefix.address);
    const f = sr.forwarding.get(keyOf(s.prefix));
    const ways = f?.ways.map((w) => row(operation(f.label, w.label), w.ifname, w.gateway)) ?? [];
    return ways.length === 0 ? `${begin}\n` : begin + ways.join(" ".repeat(43));
  });
  return `${head}\n\n${COLUMNS}${RULE}${rows.join("")}\n`;
}
const row = (what: string, ifname: string, gateway: number): string =>
  `${what.padStart(20)}  ${ifname.padStart(9)}  ${formatIp(gateway).padStart(15)}\n`;

/** What this router does with labels of its own segment: it pops them where others leave them. */
function ownOperation({ settings }: SegmentRouting, { prefix }: PrefixSegment): string {
  const own = settings.segments.get(keyOf(prefix));
  return own?.last === "keep" ? `Pop(${settings.global.lower + own.index})` : "no-op.";
}

/** ospfd/ospf_sr.c:sr_op2str. */
function operation(label: number | undefined, out: number | undefined): string {
  if (label === undefined || out === undefined) return "no-op.";
  if (out === 3) return `Pop(${label})`;
  return out === 0 ? `Swap(${label}, null)` : `Swap(${label}, ${out})`;
}

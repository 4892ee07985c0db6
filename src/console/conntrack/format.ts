import { formatIp } from "../../core/addr.ts";
import { type Nanos, S } from "../../core/time.ts";
import type { ConntrackEvent } from "../../nodes/kernel/netfilter/conntrack/events.ts";
import type { Expectation } from "../../nodes/kernel/netfilter/conntrack/expect.ts";
import { IPCT_MARK, IPCT_PROTOINFO } from "../../nodes/kernel/netfilter/conntrack/flow.ts";
import type { CounterView, FlowView, TupleView } from "../../nodes/kernel/netfilter/conntrack/view.ts";

/** What `-o` asked for. */
export interface Output {
  readonly extended: boolean;
  readonly timestamp: boolean;
  readonly ktimestamp: boolean;
  readonly id: boolean;
}
export const PLAIN: Output = { extended: false, timestamp: false, ktimestamp: false, id: false };

/** An entry as `conntrack -L` prints it, `use` references and all; without the end of the line. */
export function entryLine(flow: FlowView, output: Output, now: Nanos, use = 1): string {
  const left = `${flow.timeoutS} `;
  const mark = ` mark=${flow.mark}`;
  const stamps = delta(flow, now) + (output.ktimestamp ? stamp("start", flow.startedAt) : "");
  const id = output.id ? ` id=${flow.id}` : "";
  return `${head(flow, output)}${left}${state(flow)}${ends(flow)}${mark}${stamps} use=${use}${id}`;
}

/** A line of /proc/net/nf_conntrack (net/netfilter/nf_conntrack_standalone.c:ct_seq_show). */
export function procLine(flow: FlowView, now: Nanos): string {
  const text = `${head(flow, { ...PLAIN, extended: true })}${flow.timeoutS} ${state(flow)}${ends(flow)}`;
  return `${text} mark=${flow.mark} zone=0${delta(flow, now)} use=2`;
}

/** An event as `conntrack -E` prints it (nf_conntrack_netlink.c:ctnetlink_conntrack_event: what the kernel tells, and when). */
export function eventLine(e: ConntrackEvent, output: Output): string {
  const { flow, type } = e;
  const over = type === "DESTROY";
  const when = output.timestamp ? `[${unixTime(e.at)}]\t` : "";
  const left = over && flow.timeoutS === 0 ? "" : `${flow.timeoutS} `;
  const told = over || (e.events & IPCT_PROTOINFO) !== 0 ? state(flow) : "";
  const mark = flow.mark !== 0 || (e.events & IPCT_MARK) !== 0 ? ` mark=${flow.mark}` : "";
  const stops = over ? stamp("stop", flow.startedAt === undefined ? undefined : e.at) : "";
  const stamps =
    (over ? delta(flow, e.at) : "") + (output.ktimestamp && over ? stamp("start", flow.startedAt) + stops : "");
  const id = output.id ? ` id=${flow.id}` : "";
  const who = e.userspace === undefined ? "" : ` [USERSPACE] portid=${e.userspace} progname=conntrack`;
  const text = ends(over ? flow : { ...flow, counters: undefined });
  return `${when}${LABELS[type]} ${head(flow, output)}${left}${told}${text}${mark}${stamps}${id}${who}`;
}
const LABELS = { NEW: "    [NEW]", UPDATE: " [UPDATE]", DESTROY: "[DESTROY]" } as const;

/** An expectation as `conntrack -L expect` prints it. */
export function expectLine(e: Expectation, master: FlowView | undefined, now: Nanos): string {
  const t = e.tuple;
  const ports = (source: number, destination: number): string => `sport=${source} dport=${destination}`;
  const anyPort = t.sport === 0 ? 0 : 65_535;
  const of =
    master === undefined
      ? ""
      : ` master-src=${formatIp(master.original.src)} master-dst=${formatIp(master.original.dst)} ${ports(master.original.sport ?? 0, master.original.dport ?? 0)}`;
  const addresses = `src=${formatIp(t.src >>> 0)} dst=${formatIp(t.dst >>> 0)} ${ports(t.sport, t.dport)}`;
  const mask = `mask-src=255.255.255.255 mask-dst=255.255.255.255 ${ports(anyPort, 65_535)}`;
  return `${Math.max(0, Math.floor((e.expiresAt - now) / S))} proto=${t.protocol} ${addresses} ${mask}${of} class=0 helper=${e.helper}`;
}

const head = (flow: FlowView, output: Output): string =>
  `${output.extended ? "ipv4     2 " : ""}${flow.protocolName.padEnd(8)} ${flow.protocol} `;
const state = (flow: FlowView): string => (flow.state === undefined ? "" : `${flow.state} `);

function ends(
  flow: Pick<FlowView, "original" | "reply" | "unreplied" | "assured"> & {
    counters?: FlowView["counters"] | undefined;
  },
): string {
  const unreplied = flow.unreplied ? " [UNREPLIED]" : "";
  const assured = flow.assured ? " [ASSURED]" : "";
  const { counters } = flow;
  return `${tuple(flow.original)}${counted(counters?.original)}${unreplied} ${tuple(flow.reply)}${counted(counters?.reply)}${assured}`;
}

function tuple(t: TupleView): string {
  const addresses = `src=${formatIp(t.src)} dst=${formatIp(t.dst)}`;
  if (t.sport !== undefined) return `${addresses} sport=${t.sport} dport=${t.dport}`;
  if (t.type !== undefined) return `${addresses} type=${t.type} code=${t.code} id=${t.id}`;
  if (t.srckey !== undefined && t.dstkey !== undefined)
    return `${addresses} srckey=0x${t.srckey.toString(16)} dstkey=0x${t.dstkey.toString(16)}`;
  return addresses;
}

const counted = (c: CounterView | undefined): string =>
  c === undefined ? "" : ` packets=${c.packets} bytes=${c.bytes}`;

const delta = (flow: FlowView, now: Nanos): string =>
  flow.startedAt === undefined ? "" : ` delta-time=${Math.floor((now - flow.startedAt) / S)}`;

/** ` [start=Thu Jan  1 00:00:05 1970]`: simulated time 0 is the first instant of 1970. */
function stamp(name: string, at: Nanos | undefined): string {
  if (at === undefined) return "";
  const seconds = Math.floor(at / S);
  const days = Math.floor(seconds / 86_400);
  let day = days;
  let month = 0;
  while (day >= (MONTHS[month % 12] as readonly [string, number])[1])
    day -= (MONTHS[month++ % 12] as readonly [string, number])[1];
  const two = (n: number): string => String(n % 60).padStart(2, "0");
  const hour = String(Math.floor(seconds / 3600) % 24).padStart(2, "0");
  const date = `${WEEKDAYS[days % 7]} ${(MONTHS[month % 12] as readonly [string, number])[0]} ${String(day + 1).padStart(2)}`;
  return ` [${name}=${date} ${hour}:${two(Math.floor(seconds / 60))}:${two(seconds)} ${1970 + Math.floor(month / 12)}]`;
}
const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
/** Names and lengths; simulated time ends long before 1972. */
const MONTHS: readonly (readonly [string, number])[] = [
  ["Jan", 31],
  ["Feb", 28],
  ["Mar", 31],
  ["Apr", 30],
  ["May", 31],
  ["Jun", 30],
  ["Jul", 31],
  ["Aug", 31],
  ["Sep", 30],
  ["Oct", 31],
  ["Nov", 30],
  ["Dec", 31],
];

function unixTime(at: Nanos): string {
  const micros = Math.floor(at / 1000);
  const seconds = String(Math.floor(micros / 1_000_000)).padStart(8, "0");
  return `${seconds}.${String(micros % 1_000_000).padStart(6, "0")}`;
}

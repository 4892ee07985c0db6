import { formatIp, type Ipv4 } from "../../core/addr.ts";
import type { Os } from "../../core/os.ts";
import { type Json, prettyJson } from "../json.ts";
import type { ZebraLabelWay } from "../zapi.ts";
import type { Interfaces } from "./interfaces.ts";
import type { RibTable } from "./rib.ts";

/** Labels and their ways out, the best of which the kernel has (zebra/zebra_mpls.c). */

/** The label that only says IPv4, and the one that says that nothing takes a label's place (RFC 3032 §2.1). */
export const EXPLICIT_NULL = 0;
export const IMPLICIT_NULL = 3;
const LABELS_MAX = 1 << 20;

/** Whose a way is: configured ones are better than those of OSPF (zebra/zebra_mpls.c:lsp_distance). */
interface Owner {
  readonly session: number;
  readonly type: "Static" | "SR (OSPF)";
  readonly distance: number;
  /** rtnetlink's number of who made it. */
  readonly protocol: number;
}
export const STATIC: Owner = { session: 0, type: "Static", distance: 10, protocol: 196 };
export const ospfOwner = (session: number): Owner => ({ session, type: "SR (OSPF)", distance: 110, protocol: 188 });

interface Way extends ZebraLabelWay {
  readonly owner: Owner;
}
interface Lsp {
  ways: readonly Way[];
  /** What the kernel has, and as text. */
  installed: readonly Way[];
  text: string;
}

export class Lsps {
  readonly #os: Os;
  readonly #main: RibTable;
  readonly #interfaces: () => Interfaces;
  readonly #lsps = new Map<number, Lsp>();

  constructor(os: Os, main: RibTable, interfaces: () => Interfaces) {
    this.#os = os;
    this.#main = main;
    this.#interfaces = interfaces;
  }

  /** `net.mpls.platform_labels` says so. */
  get enabled(): boolean {
    return this.#os.labels.limit() > 0;
  }
  /** The ways of one owner, in the place of those that it had. */
  set(label: number, owner: Owner, ways: readonly ZebraLabelWay[]): void {
    const known = this.#lsps.get(label);
    if (known === undefined && (ways.length === 0 || this.#lsps.size >= LABELS_MAX)) return;
    const lsp = known ?? { ways: [], installed: [], text: "" };
    const others = lsp.ways.filter((w) => w.owner.session !== owner.session);
    lsp.ways = [...others, ...ways.map((w) => ({ ...w, owner }))];
    this.#lsps.set(label, lsp);
    this.#sync(label, lsp);
  }
  /** The configured ways of a label. */
  configured(label: number): readonly ZebraLabelWay[] {
    return this.#lsps.get(label)?.ways.filter((w) => w.owner === STATIC) ?? [];
  }
  /** A session has ended. */
  forget(session: number): void {
    for (const [label, lsp] of this.#lsps)
      if (lsp.ways.some((w) => w.owner.session === session)) this.set(label, { ...STATIC, session }, []);
  }
  /** Interfaces or connected networks have changed. */
  reconsider(): void {
    for (const [label, lsp] of this.#lsps) this.#sync(label, lsp);
  }
  /** zebra ends. */
  stop(): void {
    for (const [label, lsp] of this.#lsps) if (lsp.installed.length > 0) this.#os.labels.del(label);
    this.#lsps.clear();
  }

  /** `mpls lsp …`, as it is written. */
  writeConfig(): readonly string[] {
    return this.#sorted().flatMap(([label, lsp]) =>
      lsp.ways
        .filter((w) => w.owner === STATIC)
        .map((w) => `mpls lsp ${label} ${formatIp(w.gateway)} ${labelText(w.label)}`),
    );
  }
  /** `show mpls table` (zebra/zebra_mpls.c:zebra_mpls_print_lsp_table). */
  show(): string {
    const rows = this.#sorted().flatMap(([label, lsp]) =>
      lsp.ways.map((w) => [String(label), w.owner.type, this.#nexthop(w), labelText(w.label)]),
    );
    const all = [["Inbound Label", "Type", "Nexthop", "Outbound Label"], ...rows];
    const widths = [0, 1, 2, 3].map((i) => Math.max(...all.map((row) => (row[i] as string).length)));
    const line = (row: readonly string[]): string =>
      ` ${row.map((cell, i) => cell.padEnd((widths[i] ?? 0) + 2)).join("")}\n`;
    const rule = ` ${"-".repeat(widths.reduce((sum, w) => sum + w + 2, 0))}\n`;
    return rows.length === 0 ? "" : `${line(all[0] as string[])}${rule}${rows.map(line).join("")}\n`;
  }
  json(only?: number): string {
    const shown = this.#sorted().filter(([label]) => only === undefined || label === only);
    return prettyJson(new Map(shown.map(([label, lsp]): [string, Json] => [String(label), this.#entry(label, lsp)])));
  }

  #entry(label: number, lsp: Lsp): Json {
    return {
      inLabel: label,
      installed: lsp.installed.length > 0 ? true : undefined,
      nexthops: lsp.ways.map((w) => ({
        type: w.owner.type,
        outLabel: w.label,
        distance: w.owner.distance,
        installed: lsp.installed.includes(w) ? true : undefined,
        ...(w.gateway === 0 ? { interface: "lo" } : { nexthop: formatIp(w.gateway) }),
      })),
    };
  }
  readonly #nexthop = (w: Way): string => (w.gateway === 0 ? "lo" : formatIp(w.gateway));
  #sorted(): [number, Lsp][] {
    return [...this.#lsps].sort(([a], [b]) => a - b);
  }

  /** zebra/zebra_mpls.c:lsp_process: the ways of the best owner that lead somewhere. */
  #sync(label: number, lsp: Lsp): void {
    const usable = lsp.ways.filter((w) => w.gateway === 0 || this.#device(w.gateway) !== undefined);
    const best = Math.min(...usable.map((w) => w.owner.distance));
    const chosen = usable.filter((w) => w.owner.distance === best);
    const text = chosen.map((w) => `${w.gateway} ${this.#device(w.gateway)} ${w.label} ${w.owner.protocol}`).join();
    if (text !== lsp.text) {
      lsp.text = text;
      lsp.installed = this.#install(label, chosen) ? chosen : [];
    }
    if (lsp.ways.length === 0) this.#lsps.delete(label);
  }
  #install(label: number, ways: readonly Way[]): boolean {
    const [first] = ways;
    if (first === undefined) {
      this.#os.labels.del(label);
      return false;
    }
    const nexthops = ways.map((w) => ({
      labels: w.label === IMPLICIT_NULL ? [] : [w.label],
      gateway: w.gateway,
      ifindex: this.#interfaces().find(this.#device(w.gateway) ?? "lo")?.link?.ifindex ?? 0,
    }));
    return this.#os.labels.replace({ label, protocol: first.owner.protocol, nexthops }).ok;
  }
  /** The device of the connected network that an address lies in. */
  #device(gateway: Ipv4): string | undefined {
    if (gateway === 0) return "lo";
    for (const node of this.#main.covering(gateway)) {
      const best = node.selected;
      if (best?.kind !== "connected") continue;
      const ifname = best.nexthops[0]?.ifname ?? "";
      return this.#interfaces().find(ifname)?.operative === true ? ifname : undefined;
    }
    return undefined;
  }
}

/** A label as FRR prints it (lib/mpls.c:label2str). */
export const labelText = (label: number): string =>
  label === IMPLICIT_NULL ? "implicit-null" : label === EXPLICIT_NULL ? "IPv4 Explicit Null" : String(label);

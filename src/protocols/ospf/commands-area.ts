import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { parseArea } from "./area-id.ts";
import { installReduction } from "./commands-reduction.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Area } from "./model.ts";
import type { AreaKind, RangeSettings } from "./settings.ts";

/** A command of `router ospf`. */
export type On = (text: string, run: (d: OspfDaemon, args: Args) => Said) => void;

const AREA = "area <A.B.C.D|(0-4294967295)>$area";

/** `area X …` (ospfd/ospf_vty.c). */
export function installAreaCommands(on: On): void {
  installKinds(on);
  installRanges(on);
  installNssaRanges(on);
  installLists(on);
  installReduction(on);
  on(`${AREA} authentication [message-digest]`, (d, args) => {
    areaOf(d, args).settings.auth = args.has("message-digest") ? "message-digest" : "simple";
  });
  on(`no ${AREA} authentication [message-digest]`, (d, args) => {
    areaOf(d, args).settings.auth = "null";
  });
  on(`${AREA} default-cost (0-16777215)$cost`, (d, args) => {
    const area = areaOf(d, args);
    if (area.settings.kind === "normal") return { refused: "The area is neither stub, nor NSSA\n" };
    area.settings.defaultCost = args.int("cost");
    d.borders.schedule();
    return undefined;
  });
  on(`no ${AREA} default-cost [(0-16777215)]`, (d, args) => {
    areaOf(d, args).settings.defaultCost = 1;
    d.borders.schedule();
  });
}

function areaOf(d: OspfDaemon, args: Args): Area {
  const text = args.text("area");
  const area = d.ospf.area(parseArea(text));
  area.text = text;
  return area;
}

const BACKBONE = { refused: "You can't configure stub on backbone area\n" };
const NSSA_BACKBONE = { refused: "You can't configure NSSA to backbone\n" };

function installKinds(on: On): void {
  on(`${AREA} stub [no-summary]`, (d, args) => {
    const area = areaOf(d, args);
    if (area.id === 0) return BACKBONE;
    area.settings.noSummary = args.has("no-summary");
    become(d, area, "stub");
    return undefined;
  });
  on(`no ${AREA} stub [no-summary]`, (d, args) => {
    const area = areaOf(d, args);
    area.settings.noSummary = false;
    if (!args.has("no-summary")) become(d, area, "normal");
    else d.borders.schedule();
  });
  on(
    `${AREA} nssa [{<translate-candidate|translate-never|translate-always>$role|default-information-originate [{metric (0-16777214)$metric|metric-type (1-2)$type}]|no-summary|suppress-fa}]`,
    (d, args) => {
      const area = areaOf(d, args);
      const { settings } = area;
      if (area.id === 0) return NSSA_BACKBONE;
      settings.noSummary = args.has("no-summary");
      settings.suppressForward = args.has("suppress-fa");
      const role = args.find("role");
      settings.translator = role === "translate-never" ? "never" : role === "translate-always" ? "always" : "candidate";
      settings.defaultOriginate = args.has("default-information-originate")
        ? { metric: args.findInt("metric") ?? 1, type: args.findInt("type") === 1 ? 1 : 2 }
        : undefined;
      become(d, area, "nssa");
      return undefined;
    },
  );
  on(
    `no ${AREA} nssa [{<translate-candidate|translate-never|translate-always>|default-information-originate [{metric [(0-16777214)]|metric-type [(1-2)]}]|no-summary|suppress-fa}]`,
    (d, args) => {
      const area = areaOf(d, args);
      area.settings.noSummary = false;
      area.settings.suppressForward = false;
      area.settings.defaultOriginate = undefined;
      become(d, area, "normal");
    },
  );
}

/** The kind of area decides which hellos are taken: adjacencies begin anew (ospfd/ospfd.c:ospf_area_type_set). */
function become(d: OspfDaemon, area: Area, kind: AreaKind): void {
  const changed = area.settings.kind !== kind;
  area.settings.kind = kind;
  d.watchDefault();
  if (changed) d.areaKindChanged(area);
  d.borders.schedule();
  d.externals.policyChanged();
}

/** `area X nssa range …`. */
function installNssaRanges(on: On): void {
  const notNssa = (area: Area, args: Args): Said =>
    area.settings.kind === "nssa" ? undefined : { refused: `% First configure ${args.text("area")} as an NSSA area\n` };
  on(`${AREA} nssa range A.B.C.D/M$prefix [<not-advertise|cost (0-16777215)$cost>]`, (d, args) => {
    const area = areaOf(d, args);
    const prefix = canonical(args.prefix("prefix"));
    const no = notNssa(area, args);
    if (no !== undefined) return no;
    const { nssaRanges } = area.settings;
    const before = nssaRanges.find((r) => same(r.prefix, prefix));
    putRange(nssaRanges, {
      prefix,
      advertise: !args.has("not-advertise"),
      cost: args.findInt("cost") ?? before?.cost,
      substitute: undefined,
    });
    d.borders.schedule();
    return undefined;
  });
  on(`no ${AREA} nssa range A.B.C.D/M$prefix [<not-advertise|cost [(0-16777215)]>]`, (d, args) => {
    const area = areaOf(d, args);
    const no = notNssa(area, args);
    if (no !== undefined) return no;
    const { nssaRanges } = area.settings;
    const at = nssaRanges.findIndex((r) => same(r.prefix, canonical(args.prefix("prefix"))));
    if (at >= 0) nssaRanges.splice(at, 1);
    d.borders.schedule();
    return undefined;
  });
}

/** Puts a range in the place of one of that prefix; the most specific one counts, so it comes first. */
function putRange(ranges: RangeSettings[], range: RangeSettings): void {
  const at = ranges.findIndex((r) => same(r.prefix, range.prefix));
  if (at >= 0) ranges.splice(at, 1);
  ranges.push(range);
  ranges.sort((a, b) => b.prefix.length - a.prefix.length || a.prefix.address - b.prefix.address);
}

function installRanges(on: On): void {
  const put = (d: OspfDaemon, args: Args, more: Partial<RangeSettings>): void => {
    const area = areaOf(d, args);
    const { ranges } = area.settings;
    const prefix = canonical(args.prefix("prefix"));
    const known = ranges.find((r) => same(r.prefix, prefix));
    putRange(ranges, { ...(known ?? { prefix, advertise: true, cost: undefined, substitute: undefined }), ...more });
    d.borders.schedule();
  };
  on(`${AREA} range A.B.C.D/M$prefix [advertise] [cost (0-16777215)$cost]`, (d, args) =>
    put(d, args, { advertise: true, cost: args.findInt("cost") }),
  );
  on(`${AREA} range A.B.C.D/M$prefix not-advertise`, (d, args) =>
    put(d, args, { advertise: false, substitute: undefined }),
  );
  on(`${AREA} range A.B.C.D/M$prefix substitute A.B.C.D/M$substitute`, (d, args) =>
    put(d, args, { advertise: true, substitute: canonical(args.prefix("substitute")) }),
  );
  on(
    `no ${AREA} range A.B.C.D/M$prefix [<advertise [cost (0-16777215)]|cost (0-16777215)|not-advertise|substitute A.B.C.D/M>]`,
    (d, args) => {
      const { ranges } = areaOf(d, args).settings;
      const at = ranges.findIndex((r) => same(r.prefix, canonical(args.prefix("prefix"))));
      if (at >= 0) ranges.splice(at, 1);
      d.borders.schedule();
    },
  );
}

const canonical = ({ address, length }: Prefix): Prefix => ({ address: networkOf(address, length) as Ipv4, length });
const same = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;

function installLists(on: On): void {
  const list = (words: string, end: string, key: "exportList" | "importList" | "filterIn" | "filterOut"): void => {
    on(`${AREA} ${words} WORD$list${end}`, (d, args) => {
      areaOf(d, args).settings[key] = args.text("list");
      d.borders.schedule();
    });
    on(`no ${AREA} ${words} WORD${end}`, (d, args) => {
      areaOf(d, args).settings[key] = undefined;
      d.borders.schedule();
    });
  };
  list("export-list", "", "exportList");
  list("import-list", "", "importList");
  list("filter-list prefix", " in", "filterIn");
  list("filter-list prefix", " out", "filterOut");
}

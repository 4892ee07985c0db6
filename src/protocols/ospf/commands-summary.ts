import { formatPrefix } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { Args } from "../../frr/pattern.ts";
import type { On } from "./commands-area.ts";
import type { OspfDaemon } from "./daemon.ts";
import { DEFAULT_METRIC } from "./externals.ts";
import { SUMMARIES_MAX, type SummarySettings } from "./settings.ts";
import { keyOf, summaryPrefix } from "./summaries.ts";

/** `summary-address …` and `aggregation timer` (ospfd/ospf_vty.c). */
export function installSummaryCommands(on: On): void {
  const P = "summary-address A.B.C.D/M$prefix";
  on(`${P} [tag (1-4294967295)$tag]`, (d, args) =>
    change(d, args, () => ({ advertise: true, tag: args.findInt("tag") ?? 0 })),
  );
  on(`no ${P} [tag (1-4294967295)]`, (d, args) => change(d, args, () => undefined));
  on(`${P} no-advertise`, (d, args) => change(d, args, (known) => ({ tag: 0, ...known, advertise: false })));
  on(`no ${P} no-advertise`, (d, args) => change(d, args, (known) => known && { ...known, advertise: true }));
  on("aggregation timer (5-1800)$value", (d, args) => {
    d.ospf.settings.aggregationS = args.int("value");
  });
  on("no aggregation timer [(5-1800)]", (d) => {
    d.ospf.settings.aggregationS = 5;
  });
}

type Words = Omit<SummarySettings, "prefix">;

function change(d: OspfDaemon, args: Args, to: (known: SummarySettings | undefined) => Words | undefined): Said {
  const got = summaryPrefix(args.prefix("prefix"));
  if ("why" in got) return { refused: got.why };
  const prefix = got.canonical;
  const { summaries } = d.ospf.settings;
  const words = to(summaries.get(keyOf(prefix)));
  if (words !== undefined && summaries.size >= SUMMARIES_MAX && !summaries.has(keyOf(prefix)))
    return { refused: "% Failed to set summary-address!\n" };
  if (words === undefined) summaries.delete(keyOf(prefix));
  else summaries.set(keyOf(prefix), { ...words, prefix });
  d.externals.summaries.configured();
  return undefined;
}

/** `show ip ospf summary-address` (ospfd/ospf_vty.c:ospf_show_summary_address). */
export function installShowSummary(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf summary-address [detail] [json]", (d, args) => {
    const shown = d.externals.summaries.shown();
    const { aggregationS, defaultMetric } = d.ospf.settings;
    const metric = defaultMetric ?? DEFAULT_METRIC;
    const detail = args.has("detail");
    if (args.has("json")) {
      const rows = shown.map(({ settings, members }): readonly [string, Json] => {
        const name = formatPrefix(settings.prefix);
        const routes = Object.fromEntries(detail ? members.map((m, i) => [`Exnl Addr-${i}`, m]) : []);
        const row = { summaryAddress: name, metricType: "E2", metric, tag: settings.tag };
        return [name, { ...row, externalRouteCount: members.length, ...routes }];
      });
      return prettyJson(new Map<string, Json>([["aggregationDelayInterval", aggregationS], ...rows]));
    }
    const rows = shown.map(({ settings, members }) => {
      const name = formatPrefix(settings.prefix).padEnd(20);
      const row = `${name}${"E2".padEnd(16)}${`${metric}`.padEnd(11)}${`${settings.tag}`.padEnd(12)}${`${members.length}`.padEnd(5)}\n`;
      if (!detail || members.length === 0) return `${row}\n`;
      const routes = members.map((m, i) => `${m}, ${i % 5 === 4 ? "\n" : ""}`).join("");
      return `${row}Matched External routes:\n${routes}\n\n`;
    });
    return [
      "Summary-address     Metric-type     Metric     Tag         External_Rt_count\n\n",
      `aggregation delay interval: ${aggregationS}(in seconds)\n\n`,
      ...rows,
      "\n",
    ].join("");
  });
}

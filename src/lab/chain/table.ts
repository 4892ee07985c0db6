import type { LabNode } from "../node.ts";
import { type Line, networkOf } from "./line.ts";

/** A path as `show ip bgp` prints it. */
export interface Shown {
  readonly best: boolean;
  readonly prefix: string;
  readonly nextHop: string;
  readonly metric: string;
  readonly weight: string;
  readonly path: string;
}

/** The table of a line of more routers is shown by its ends. */
const ROUTERS_SHOWN = 64;

/** Reads the rows of `show ip bgp`: columns stand where the heading has them; a path without a prefix belongs to the one above. */
export function readTable(text: string): readonly Shown[] {
  const lines = text.split("\n");
  const head = lines.findIndex((l) => l.includes("Next Hop"));
  const heading = lines[head] ?? "";
  const at = ["Network", "Next Hop", "LocPrf", "Weight", "Path"].map((name) => heading.indexOf(name));
  const [prefixAt = 0, hopAt = 0, preferenceAt = 0, weightAt = 0, pathAt = 0] = at;
  let prefix = "";
  return lines.slice(head + 1, lines.indexOf("", head + 1)).map((line) => {
    prefix = line.slice(prefixAt, hopAt).trim() || prefix;
    const hop = line.slice(hopAt, hopAt + 16).trim();
    return {
      best: line[1] === ">",
      prefix,
      nextHop: hop,
      metric: line.slice(hopAt + 16, preferenceAt).trim(),
      weight: line.slice(preferenceAt + "LocPrf ".length, weightAt + "Weight".length).trim(),
      path: line.slice(pathAt).trim(),
    };
  });
}

/** The AS path to a network of the line as the last router has it: up to the router at the network's far end. Empty: its own. */
export function pathByRule(line: Line, n: number): string {
  const path: number[] = [];
  for (let as = line.last - 1; as > n; as--) path.push(as);
  return path.join(" ");
}

/** Prints the last router's table and holds it, row by row, against the rule. */
export function compareTable(line: Line): void {
  const { net, first, last } = line;
  const router = line.routers.at(-1) as LabNode;
  const text = router.sh('vtysh -c "show ip bgp"');
  const shown = readTable(text).filter((s) => s.best);
  const rows = line.routers.map((_, i) => {
    const n = first + i;
    const row = shown.find((s) => s.prefix === networkOf(n));
    const own = n >= last - 1;
    const rule = `${pathByRule(line, n)}${own ? "" : " "}i`;
    const hop = own ? "0.0.0.0" : addressOf(last - 1);
    const ok = row !== undefined && row.path === rule && row.nextHop === hop && row.weight === (own ? "32768" : "0");
    return [
      networkOf(n),
      hop,
      row?.nextHop ?? "none",
      row?.metric ?? "",
      row?.weight ?? "",
      shortened(row?.path ?? ""),
      ok ? "yes" : "no",
    ];
  });
  if (line.routers.length <= ROUTERS_SHOWN) net.say(`${router.name}# vtysh -c "show ip bgp"\n${text}`);
  const wrong = rows.filter((r) => r.at(-1) === "no");
  net.table({
    title: `AS ${last}'s table, and the rule: a path ends at the router behind the network`,
    columns: ["prefix", "next hop by rule", "next hop", "metric", "weight", "path", "as the rule says"],
    rows:
      rows.length <= ROUTERS_SHOWN ? rows : [...rows.slice(0, 3), ...wrong.slice(0, ROUTERS_SHOWN), ...rows.slice(-3)],
  });
  net.check(
    `AS ${last} has ${rows.length} prefixes, and no other`,
    new Set(shown.map((s) => s.prefix)).size === rows.length,
  );
  net.check(
    "every path and next hop is the one that the rule says",
    wrong.length === 0,
    wrong
      .slice(0, 5)
      .map((r) => r[0])
      .join(", "),
  );
  net.say(
    `The document's Quagga prints metric 1 for a router's own networks, the metric of their connected routes; FRR prints 0. Both give them weight 32768.\n`,
  );
}

/** A path of many ASes by its ends. */
function shortened(path: string): string {
  const words = path.split(" ");
  if (words.length <= ROUTERS_SHOWN) return path;
  return [...words.slice(0, 3), `… ${words.length - 7} more …`, ...words.slice(-4)].join(" ");
}

const addressOf = (as: number): string => networkOf(as).replace(/\.0\/24$/, ".2");

import type { ConfigBlock, ConfigSection, VtyServer } from "./vty.ts";

/** The release of FRR whose ways are followed. */
export const FRR_VERSION = "10.3";

/**
 * The running configuration of several daemons as one, as vtysh puts it together (vtysh/vtysh_config.c): blocks with one head are merged, lines that
 * several daemons have stand once. `servers`: in the order in which vtysh asks them.
 */
export function runningConfig(hostname: string, servers: readonly VtyServer[]): string {
  const all = servers.map((s) => s.writeConfig());
  const blocks = all.flat();
  const global = blocks.filter((b) => b.section === "global").flatMap((b) => b.lines);
  const isLog = (line: string): boolean => /^(no )?log /.test(line);
  const [first = []] = all.map((own) => own.filter((b) => b.section === "global").flatMap((b) => b.lines));
  const top = [
    `frr version ${FRR_VERSION}`,
    global.find((line) => line.startsWith("frr defaults")) ?? "frr defaults traditional",
    `hostname ${hostname}`,
    ...first.filter(isLog),
    ...global.filter((line) => line === "no ip forwarding"),
    "no ipv6 forwarding",
    ...unique(global.filter((line) => isLog(line) && !first.includes(line))),
    "service integrated-vtysh-config",
    ...unique(global.filter((line) => line !== "no ip forwarding" && !isLog(line) && !line.startsWith("frr defaults"))),
  ];
  const sections = SECTIONS.map((section) => sectionText(blocks.filter((b) => b.section === section)));
  return `${top.join("\n")}\n!\n${sections.join("")}end\n`;
}

/** The order of sections (lib/command.h:enum node_type). */
const SECTIONS: readonly ConfigSection[] = [
  "key-chain",
  "static",
  "interface",
  "router",
  "access-list",
  "prefix-list",
  "as-path-list",
  "community-list",
  "route-map",
  "protocol",
];
/** Blocks whose lines are sorted. */
const SORTED: ReadonlySet<ConfigSection> = new Set(["interface", "route-map"]);

function sectionText(blocks: readonly ConfigBlock[]): string {
  const alone = unique(blocks.filter((b) => b.head === "").flatMap((b) => b.lines));
  const heads = new Map<string, ConfigBlock>();
  for (const b of blocks) {
    if (b.head === "") continue;
    const known = heads.get(b.head);
    heads.set(b.head, known === undefined ? b : { ...known, lines: unique([...known.lines, ...b.lines]) });
  }
  const order = [...heads.values()].sort((a, b) => routerRank(a) - routerRank(b));
  const text = order.map((b) => {
    const lines = SORTED.has(b.section) ? [...unique(b.lines)].sort() : b.lines;
    return `${[b.head, ...lines, ...(b.end === undefined ? [] : [b.end])].join("\n")}\n!\n`;
  });
  return (alone.length === 0 ? "" : `${alone.join("\n")}\n!\n`) + text.join("");
}

/** BGP comes before OSPF. */
const routerRank = (b: ConfigBlock): number => (b.section === "router" && !b.head.startsWith("router bgp") ? 1 : 0);

const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

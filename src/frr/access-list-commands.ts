import { formatIp, formatPrefix, networkOf } from "../core/addr.ts";
import {
  type AccessList,
  type AccessLists,
  type AccessMatch,
  type AccessRule,
  accessMatchText,
} from "./access-list.ts";
import type { CommandSet, Said } from "./command.ts";
import { type Json, prettyJson } from "./json.ts";
import type { Args } from "./pattern.ts";
import { LISTS_MAX } from "./prefix-list.ts";
import { tableFull } from "./refusal.ts";

const HEAD = "access-list WORD$name [seq (1-4294967295)$seq] <deny|permit>$action";
/** lib/filter_cli.c: the forms of zebra, and of Cisco's standard and extended lists. */
const FORMS = [
  "<A.B.C.D/M$prefix [exact-match$exact]|any>",
  "<[host$h] A.B.C.D$address|A.B.C.D$address A.B.C.D$wildcard>",
  "ip <A.B.C.D$src A.B.C.D$src_mask|host$src_host A.B.C.D$src|any$src_any> <A.B.C.D$dst A.B.C.D$dst_mask|host$dst_host A.B.C.D$dst|any$dst_any>",
];

/** Adds `access-list` and its show. `of`: the lists of the daemon that commands are run at. */
export function installAccessLists<Root>(set: CommandSet<Root>, of: (d: Root) => AccessLists, label: string): void {
  for (const form of FORMS) {
    set.add("config", `${HEAD} ${form}`, (d, a) => {
      const ok = of(d).add(a.text("name"), a.findInt("seq"), verdictOf(a), matchOf(a));
      return ok ? undefined : tableFull("access lists", LISTS_MAX);
    });
    set.add("config", `no ${HEAD} ${form}`, (d, a) => remove(of(d), a));
  }
  set
    .add("config", "no access-list WORD$name seq (1-4294967295)$seq", (d, a) => {
      of(d).remove(a.text("name"), (r) => r.seq === a.int("seq"));
    })
    .add("config", "no access-list WORD$name", (d, a) => of(d).drop(a.text("name")))
    .add("config", "access-list WORD$name remark LINE...$text", (d, a) =>
      of(d).remark(a.text("name"), a.text("text")) ? undefined : tableFull("access lists", LISTS_MAX),
    )
    .add("config", "no access-list WORD$name remark [LINE...]", (d, a) => {
      of(d).remark(a.text("name"), "");
    })
    .add("view", "show ip access-list [WORD$name] [json]", (d, a) => show(of(d), label, a));
}

const verdictOf = (a: Args): "permit" | "deny" => (a.text("action") === "permit" ? "permit" : "deny");

function matchOf(a: Args): AccessMatch {
  if (a.has("prefix")) {
    const { address, length } = a.prefix("prefix");
    return { kind: "prefix", prefix: { address: networkOf(address, length), length }, exact: a.has("exact") };
  }
  if (a.has("any")) return { kind: "prefix", prefix: { address: 0, length: 0 }, exact: false };
  if (a.has("address")) {
    const wildcard = a.findIp("wildcard") ?? 0;
    return { kind: "standard", address: (a.ip("address") & ~wildcard) >>> 0, wildcard };
  }
  const end = (name: string) => {
    const wildcard = a.has(`${name}_any`) ? 0xffffffff : (a.findIp(`${name}_mask`) ?? 0);
    return { address: ((a.findIp(name) ?? 0) & ~wildcard) >>> 0, wildcard };
  };
  const [src, dst] = [end("src"), end("dst")];
  return {
    kind: "extended",
    source: src.address,
    sourceWildcard: src.wildcard,
    destination: dst.address,
    destinationWildcard: dst.wildcard,
  };
}

/** A rule that is not there cannot be taken away: the command fails, and says nothing. */
function remove(lists: AccessLists, a: Args): Said {
  const [seq, verdict, text] = [a.findInt("seq"), verdictOf(a), accessMatchText(matchOf(a))];
  const unwanted = (r: AccessRule): boolean =>
    (seq === undefined || r.seq === seq) && r.verdict === verdict && accessMatchText(r.match) === text;
  if (!lists.remove(a.text("name"), unwanted)) return { refused: "" };
}

/** lib/filter.c:filter_show. Lists named by numbers come first. */
function show(lists: AccessLists, label: string, a: Args): Said {
  const name = a.find("name");
  const chosen = lists
    .all()
    .filter((l) => name === undefined || l.name === name)
    .sort((x, y) => rank(x.name) - rank(y.name) || (x.name < y.name ? -1 : 1));
  if (a.has("json")) return prettyJson(new Map([[label, new Map<string, Json>(chosen.map((l) => [l.name, json(l)]))]]));
  return `${label}:\n${chosen.map(text).join("")}`;
}

const rank = (name: string): number => (/^\d+$/.test(name) ? Number(name) : Number.POSITIVE_INFINITY);

const TYPES = { prefix: "Zebra", standard: "Standard", extended: "Extended" } as const;

function text(l: AccessList): string {
  const [first] = l.rules;
  if (first === undefined) return "";
  const lines = l.rules.map((r) => `    seq ${r.seq} ${r.verdict.padEnd(6)} ${shown(r.match)}\n`);
  return `${TYPES[first.match.kind]} IP access list ${l.name}\n${lines.join("")}`;
}
const shown = (m: AccessMatch): string =>
  m.kind === "standard" && m.wildcard !== 0
    ? `${formatIp(m.address)}, wildcard bits ${formatIp(m.wildcard)}`
    : accessMatchText(m);

function json(l: AccessList): Json {
  const type = TYPES[l.rules[0]?.match.kind ?? "prefix"];
  return {
    type,
    addressFamily: "IPv4",
    rules: l.rules.map((r) => ({ sequenceNumber: r.seq, filterType: r.verdict, ...matchJson(r.match) })),
  };
}

function matchJson(m: AccessMatch): { readonly [key: string]: Json } {
  switch (m.kind) {
    case "prefix":
      return { prefix: formatPrefix(m.prefix), "exact-match": m.exact };
    case "standard":
      return { address: formatIp(m.address), mask: formatIp(m.wildcard) };
    case "extended":
      return {
        extended: true,
        sourceAddress: formatIp(m.source),
        sourceMask: formatIp(m.sourceWildcard),
        destinationAddress: formatIp(m.destination),
        destinationMask: formatIp(m.destinationWildcard),
      };
  }
}

import { formatIp, type Ipv4, lengthOfMask, networkOf } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { OspfDaemon } from "./daemon.ts";
import { EXTERNAL_TYPE2 } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { detailJson, detailText } from "./show-lsa.ts";
import { hex4, hex8 } from "./show-text.ts";

/** `show ip ospf database …` (ospfd/ospf_vty.c). */
export function installShowDatabase(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf database [json]", (d, args) => summary(d, args.has("json"), false));
  set.add("view", "show ip ospf database self-originate [json]", (d, args) => summary(d, args.has("json"), true));
  set.add("view", "show ip ospf database max-age [json]", (d, args) => maxAge(d, args.has("json")));
  const words = [...WORDS.keys()].join("|");
  set.add(
    "view",
    `show ip ospf database <detail|<${words}>$type> [{A.B.C.D$id|<adv-router A.B.C.D$adv|self-originate$self>}] [json]`,
    (d, args) => {
      const word = args.find("type");
      const types = word === undefined ? [...WORDS.values()] : [WORDS.get(word) as number];
      const adv = args.has("self") ? d.ospf.routerId : args.findIp("adv");
      const of = { id: args.findIp("id"), adv };
      if (!args.has("json")) return `${heading(d)}${types.map((type) => details(d, type, of)).join("")}\n`;
      return prettyJson({
        routerId: formatIp(d.ospf.routerId),
        ...Object.fromEntries(types.map((type) => detailsJson(d, type, of))),
      });
    },
  );
}

const WORDS: ReadonlyMap<string, number> = new Map([
  ["router", 1],
  ["network", 2],
  ["summary", 3],
  ["asbr-summary", 4],
  ["external", 5],
  ["nssa-external", 7],
  ["opaque-link", 9],
  ["opaque-area", 10],
  ["opaque-as", 11],
]);

interface Naming {
  readonly text: string;
  readonly json: string;
  readonly head: string;
}
const COLUMNS = "ADV Router      Age  Seq#       CkSum";
const AREA_TYPES: ReadonlyMap<number, Naming> = new Map([
  [1, { text: "Router Link States", json: "routerLinkStates", head: `Link ID         ${COLUMNS}  Link count` }],
  [2, { text: "Net Link States", json: "networkLinkStates", head: `Link ID         ${COLUMNS}` }],
  [3, { text: "Summary Link States", json: "summaryLinkStates", head: `Link ID         ${COLUMNS}  Route` }],
  [4, { text: "ASBR-Summary Link States", json: "asbrSummaryLinkStates", head: `Link ID         ${COLUMNS}` }],
  [7, { text: "NSSA-external Link States", json: "nssaExternalLinkStates", head: `Link ID         ${COLUMNS}  Route` }],
  [9, { text: "Link-Local Opaque-LSA", json: "linkLocalOpaqueLsa", head: `Opaque-Type/Id  ${COLUMNS}` }],
  [10, { text: "Area-Local Opaque-LSA", json: "areaLocalOpaqueLsa", head: `Opaque-Type/Id  ${COLUMNS}` }],
]);
const SYSTEM_TYPES: ReadonlyMap<number, Naming> = new Map([
  [5, { text: "AS External Link States", json: "asExternalLinkStates", head: `Link ID         ${COLUMNS}  Route` }],
  [11, { text: "AS-external Opaque-LSA", json: "asExternalOpaqueLsa", head: `Opaque-Type/Id  ${COLUMNS}` }],
]);

const areasOf = (d: OspfDaemon) => [...d.ospf.areas.values()].sort((a, b) => a.id - b.id);

/** `0.0.0.1 [Stub]` (ospfd/ospf_dump.c:ospf_area_desc_string). */
function areaName(area: ReturnType<typeof areasOf>[number]): string {
  const { kind, noSummary } = area.settings;
  if (kind === "normal") return formatIp(area.id);
  return `${formatIp(area.id)} [${kind === "stub" ? "Stub" : "NSSA"}${noSummary ? ", no summary" : ""}]`;
}

const heading = (d: OspfDaemon): string => `\n       OSPF Router with ID (${formatIp(d.ospf.routerId)})\n\n`;

function summary(d: OspfDaemon, json: boolean, self: boolean): string {
  if (json) return prettyJson(summaryJson(d, self));
  let text = heading(d);
  for (const area of areasOf(d))
    for (const [type, naming] of AREA_TYPES) {
      const slots = area.lsdb.sorted(type).filter((s) => !self || s.self);
      if (slots.length === 0) continue;
      text += `                ${naming.text} (Area ${areaName(area)})\n\n${naming.head}\n`;
      text += `${slots.map((s) => row(d, s)).join("")}\n`;
    }
  for (const [type, naming] of SYSTEM_TYPES) {
    const slots = d.ospf.lsdb.sorted(type).filter((s) => !self || s.self);
    if (slots.length === 0) continue;
    text += `                ${naming.text}\n\n${naming.head}\n${slots.map((s) => row(d, s)).join("")}\n`;
  }
  return `${text}\n`;
}

function row(d: OspfDaemon, slot: Slot): string {
  const { lsa } = slot;
  const age = `${slot.ageNow(d.ospf.now)}`.padStart(4);
  const head = `${formatIp(lsa.id).padEnd(15)}${formatIp(lsa.adv).padEnd(15)} ${age} 0x${hex8(lsa.seq)} 0x${hex4(lsa.checksum)}`;
  const { body } = lsa;
  if (body.kind === "router") return `${head} ${body.links.length}\n`;
  if (body.kind === "summary" && lsa.type === 3) return `${head} ${route(lsa.id, body.mask)}\n`;
  const external = body.kind === "external" ? body.routes[0] : undefined;
  if (body.kind !== "external" || external === undefined) return `${head}\n`;
  const type = (external.flags & EXTERNAL_TYPE2) !== 0 ? "E2" : "E1";
  return `${head} ${type} ${route(lsa.id, body.mask)} [0x${external.tag.toString(16)}]\n`;
}

function route(id: Ipv4, mask: Ipv4): string {
  const length = lengthOfMask(mask) ?? 32;
  return `${formatIp(networkOf(id, length))}/${length}`;
}

function summaryJson(d: OspfDaemon, self: boolean): Json {
  const areas = areasOf(d).map((area) => {
    const table: Record<string, Json> = {};
    for (const [type, { json }] of AREA_TYPES) fill(d, table, json, area.lsdb.sorted(type), self);
    return [formatIp(area.id), table] as const;
  });
  const system: Record<string, Json> = {};
  for (const [type, { json }] of SYSTEM_TYPES) fill(d, system, json, d.ospf.lsdb.sorted(type), self);
  return { routerId: formatIp(d.ospf.routerId), areas: new Map(areas), ...system };
}

function fill(d: OspfDaemon, table: Record<string, Json>, name: string, slots: readonly Slot[], self: boolean): void {
  const chosen = slots.filter((s) => !self || s.self);
  if (chosen.length === 0) return;
  table[name] = chosen.map((s) => rowJson(d, s));
  table[`${name}Count`] = chosen.length;
}

function rowJson(d: OspfDaemon, slot: Slot): Json {
  const { lsa } = slot;
  const { body } = lsa;
  const head = {
    lsId: formatIp(lsa.id),
    advertisedRouter: formatIp(lsa.adv),
    lsaAge: slot.ageNow(d.ospf.now),
    sequenceNumber: hex8(lsa.seq),
    checksum: lsa.checksum.toString(16),
  };
  if (body.kind === "router") return { ...head, numOfRouterLinks: body.links.length };
  if (body.kind === "summary" && lsa.type === 3) return { ...head, summaryAddress: route(lsa.id, body.mask) };
  const external = body.kind === "external" ? body.routes[0] : undefined;
  if (body.kind !== "external" || external === undefined) return head;
  const metricType = (external.flags & EXTERNAL_TYPE2) !== 0 ? "E2" : "E1";
  return { ...head, metricType, route: route(lsa.id, body.mask), tag: external.tag };
}

/** Which advertisements are asked for. */
interface Chosen {
  readonly id: Ipv4 | undefined;
  readonly adv: Ipv4 | undefined;
}
const chosen = (slots: readonly Slot[], of: Chosen): readonly Slot[] =>
  slots.filter((s) => (of.id === undefined || s.lsa.id === of.id) && (of.adv === undefined || s.lsa.adv === of.adv));

function details(d: OspfDaemon, type: number, of: Chosen): string {
  const text = (slots: readonly Slot[]): string => slots.map((s) => detailText(d, s)).join("");
  const system = SYSTEM_TYPES.get(type);
  if (system !== undefined) return `                ${system.text} \n\n${text(chosen(d.ospf.lsdb.sorted(type), of))}`;
  const naming = AREA_TYPES.get(type) as Naming;
  return areasOf(d)
    .map((area) => {
      const slots = chosen(area.lsdb.sorted(type), of);
      return `\n                ${naming.text} (Area ${areaName(area)})\n\n${text(slots)}`;
    })
    .join("");
}

function detailsJson(d: OspfDaemon, type: number, of: Chosen): readonly [string, Json] {
  const system = SYSTEM_TYPES.get(type);
  const all = (slots: readonly Slot[]): Json[] => chosen(slots, of).map((s) => detailJson(d, s));
  if (system !== undefined) return [system.json, all(d.ospf.lsdb.sorted(type))];
  const tables = areasOf(d).map((area) => [formatIp(area.id), all(area.lsdb.sorted(type))] as const);
  return [(AREA_TYPES.get(type) as Naming).json, { areas: new Map(tables) }];
}

function maxAge(d: OspfDaemon, json: boolean): string {
  const slots = d.aging.leaving;
  if (json) {
    const table = slots.map(({ lsa }) => [
      formatIp(lsa.id),
      { linkType: lsa.type, linkStateId: formatIp(lsa.id), advertisingRouter: formatIp(lsa.adv) },
    ]) as readonly (readonly [string, Json])[];
    return prettyJson({ routerId: formatIp(d.ospf.routerId), maxAgeLinkStates: new Map(table) });
  }
  const texts = slots.map(
    ({ lsa }) =>
      `Link type: ${lsa.type}\nLink State ID: ${formatIp(lsa.id)}\nAdvertising Router: ${formatIp(lsa.adv)}\nLSA lock count: 1\n\n`,
  );
  return `${heading(d)}\n                MaxAge Link States:\n\n${texts.join("")}`;
}

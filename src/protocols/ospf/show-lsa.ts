import { formatIp, lengthOfMask } from "../../core/addr.ts";
import type { Json } from "../../frr/json.ts";
import type { OspfDaemon } from "./daemon.ts";
import {
  EXTERNAL_TYPE2,
  LINK_POINT_TO_POINT,
  LINK_STUB,
  LINK_TRANSIT,
  LINK_VIRTUAL,
  LSA_NSSA,
  type LsaBody,
  ROUTER_B,
  ROUTER_E,
  ROUTER_V,
  type RouterLink,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { opaqueJson, opaqueText } from "./show-opaque.ts";
import { hex4, hex8, optionsText } from "./show-text.ts";

/** One advertisement at length (ospfd/ospf_vty.c:show_ip_ospf_database_header and what follows there). */

const TYPES: ReadonlyMap<number, readonly [string, string]> = new Map([
  [1, ["router-LSA", ""]],
  [2, ["network-LSA", "(address of Designated Router)"]],
  [3, ["summary-LSA", "(summary Network Number)"]],
  [4, ["summary-LSA", "(AS Boundary Router address)"]],
  [5, ["AS-external-LSA", "(External Network Number)"]],
  [7, ["NSSA-LSA", "(External Network Number for NSSA)"]],
  [9, ["Link-Local Opaque-LSA", "(Link-Local Opaque-Type/ID)"]],
  [10, ["Area-Local Opaque-LSA", "(Area-Local Opaque-Type/ID)"]],
  [11, ["AS-external Opaque-LSA", "(AS-external Opaque-Type/ID)"]],
]);

/** ospfd/ospf_lsa.h: OSPF_LSA_SELF and OSPF_LSA_SELF_CHECKED, or OSPF_LSA_RECEIVED and OSPF_LSA_SELF_CHECKED. */
const flagsOf = (slot: Slot): number => (slot.self ? 3 : 6);

export function detailText(d: OspfDaemon, slot: Slot): string {
  const { lsa } = slot;
  const { body } = lsa;
  const [type, idText] = TYPES.get(lsa.type) ?? ["unknown", ""];
  const head = [
    `  LS age: ${slot.ageNow(d.ospf.now)}${slot.doNotAge ? (slot.self ? "(S-DNA)" : "(DNA)") : ""}`,
    `  Options: 0x${lsa.options.toString(16).padEnd(2)} : ${optionsText(lsa.options)}`,
    `  LS Flags: 0x${flagsOf(slot).toString(16).padEnd(2)} `,
    ...(body.kind === "router" ? [`  Flags: 0x${body.flags.toString(16)}${routerFlags(body.flags)}`] : []),
    `  LS Type: ${type}`,
    `  Link State ID: ${formatIp(lsa.id)} ${idText}`,
    `  Advertising Router: ${formatIp(lsa.adv)}`,
    `  LS Seq Number: ${hex8(lsa.seq)}`,
    `  Checksum: 0x${hex4(lsa.checksum)}`,
    `  Length: ${lsa.length}`,
    "",
    "",
  ].join("\n");
  return head + (body.kind === "raw" ? opaqueText(lsa) : bodyText(body, lsa.type));
}

function routerFlags(flags: number): string {
  if (flags === 0) return "";
  return ` :${flags & ROUTER_B ? " ABR" : ""}${flags & ROUTER_E ? " ASBR" : ""}${flags & ROUTER_V ? " VL-endpoint" : ""}`;
}

type Structured = Exclude<LsaBody, { kind: "raw" }>;

function bodyText(body: Structured, type: number): string {
  switch (body.kind) {
    case "router":
      return `   Number of Links: ${body.links.length}\n\n${body.links.map(linkText).join("")}\n`;
    case "network":
      return `  Network Mask: /${lengthOfMask(body.mask) ?? 0}\n${body.attached.map((id) => `        Attached Router: ${formatIp(id)}\n\n`).join("")}`;
    case "summary":
      return `  Network Mask: /${lengthOfMask(body.mask) ?? 0}\n        TOS: 0  Metric: ${body.metrics[0]?.metric ?? 0}\n\n`;
    case "external": {
      const [route] = body.routes;
      if (route === undefined) return "\n";
      const forward = type === LSA_NSSA ? "NSSA: Forward Address" : "Forward Address";
      return [
        `  Network Mask: /${lengthOfMask(body.mask) ?? 0}`,
        `        Metric Type: ${(route.flags & EXTERNAL_TYPE2) !== 0 ? "2 (Larger than any link state path)" : "1"}`,
        "        TOS: 0",
        `        Metric: ${route.metric}`,
        `        ${forward}: ${formatIp(route.forward)}`,
        `        External Route Tag: ${route.tag}`,
        "",
        "",
      ].join("\n");
    }
  }
}

const LINKS: ReadonlyMap<number, readonly [string, string, string]> = new Map([
  [
    LINK_POINT_TO_POINT,
    ["another Router (point-to-point)", "(Link ID) Neighboring Router ID", "(Link Data) Router Interface address"],
  ],
  [LINK_TRANSIT, ["a Transit Network", "(Link ID) Designated Router address", "(Link Data) Router Interface address"]],
  [LINK_STUB, ["Stub Network", "(Link ID) Net", "(Link Data) Network Mask"]],
  [LINK_VIRTUAL, ["a Virtual Link", "(Link ID) Neighboring Router ID", "(Link Data) Router Interface address"]],
]);

function linkText(l: RouterLink): string {
  const [what, id, data] = LINKS.get(l.type) ?? ["unknown", "(Link ID)", "(Link Data)"];
  return [
    `    Link connected to: ${what}`,
    `     ${id}: ${formatIp(l.id)}`,
    `     ${data}: ${formatIp(l.data)}`,
    "      Number of TOS metrics: 0",
    `       TOS 0 Metric: ${l.metric}`,
    "",
    "",
  ].join("\n");
}

export function detailJson(d: OspfDaemon, slot: Slot): Json {
  const { lsa } = slot;
  const { body } = lsa;
  const [type] = TYPES.get(lsa.type) ?? ["unknown"];
  return {
    lsaAge: slot.ageNow(d.ospf.now),
    options: optionsText(lsa.options),
    lsaFlags: flagsOf(slot),
    ...(body.kind === "router" ? { flags: body.flags } : {}),
    lsaType: type,
    linkStateId: formatIp(lsa.id),
    advertisingRouter: formatIp(lsa.adv),
    lsaSeqNumber: hex8(lsa.seq),
    checksum: lsa.checksum.toString(16),
    length: lsa.length,
    ...(body.kind === "raw" ? opaqueJson(lsa) : bodyJson(body)),
  };
}

function bodyJson(body: Structured): { readonly [key: string]: Json } {
  switch (body.kind) {
    case "router":
      return {
        numOfLinks: body.links.length,
        routerLinks: new Map(body.links.map((l, i) => [`link${i}`, linkJson(l)] as const)),
      };
    case "network":
      return {
        networkMask: lengthOfMask(body.mask) ?? 0,
        attchedRouters: new Map(body.attached.map((id) => [formatIp(id), { attachedRouterId: formatIp(id) }] as const)),
      };
    case "summary":
      return { networkMask: lengthOfMask(body.mask) ?? 0, tos0Metric: body.metrics[0]?.metric ?? 0 };
    case "external": {
      const [route] = body.routes;
      const networkMask = lengthOfMask(body.mask) ?? 0;
      if (route === undefined) return { networkMask };
      const metricType = (route.flags & EXTERNAL_TYPE2) !== 0 ? "E2 (Larger than any link state path)" : "E1";
      const { metric, forward, tag } = route;
      return { networkMask, metricType, tos: 0, metric, forwardAddress: formatIp(forward), externalRouteTag: tag };
    }
  }
}

function linkJson(l: RouterLink): Json {
  const metric = { numOfTosMetrics: 0, tos0Metric: l.metric };
  const [id, data] = [formatIp(l.id), formatIp(l.data)];
  switch (l.type) {
    case LINK_TRANSIT:
      return { linkType: "Transit Network", designatedRouterAddress: id, routerInterfaceAddress: data, ...metric };
    case LINK_STUB:
      return { linkType: "Stub Network", networkAddress: id, networkMask: data, ...metric };
    default:
      return {
        linkType: l.type === LINK_VIRTUAL ? "a Virtual Link" : "another Router (point-to-point)",
        neighborRouterId: id,
        routerInterfaceAddress: data,
        ...metric,
      };
  }
}

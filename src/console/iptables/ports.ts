import type { PortRange } from "../../nodes/kernel/netfilter/matches/tcpudp.ts";
import { problem } from "./exit.ts";
import { bang, type Style } from "./kind.ts";
import { whole } from "./numbers.ts";
import type { At } from "./option.ts";
import { serviceName, servicePort } from "./services.ts";

/** A port by number or name (libxtables/xtables.c:xtables_parse_port). */
export function parsePort(text: string, protocol: string | undefined): number {
  const port = whole(text, 65_535) ?? servicePort(text, protocol);
  if (port === undefined) throw problem(`invalid port/service \`${text}' specified`);
  return port;
}

/** `port`, `low:high`, `low:`, `:high` of tcp and udp (extensions/libxt_tcp.c:parse_tcp_ports). */
export function parsePortRange(text: string, protocol: string | undefined): Omit<PortRange, "invert"> {
  const colon = text.indexOf(":");
  if (colon < 0) {
    const port = parsePort(text, protocol);
    return { low: port, high: port };
  }
  const [from, to] = [text.slice(0, colon), text.slice(colon + 1)];
  const low = from === "" ? 0 : parsePort(from, protocol);
  const high = to === "" ? 65_535 : parsePort(to, protocol);
  if (low > high) throw problem("invalid portrange (min > max)");
  return { low, high };
}

/** The same of a port that may be one of any protocol's (libxtables/xtoptions.c:xtopt_parse_mport). */
export function parsePortsAnywhere(text: string, at: At): Omit<PortRange, "invert"> {
  const parts = text.split(":");
  const ports = parts.map((part, i) => {
    if (part === "" && parts.length > 1) return i === 0 ? 0 : 65_535;
    const port = /^ *\+?\d{1,9}$/.test(part) ? Number(part) : servicePort(part);
    if (port === undefined || port > 65_535) throw problem(`Port "${part}" does not resolve to anything.\n`);
    return port;
  });
  const [low = 0, high = low] = ports;
  if (ports.length > 2) throw problem(`${at.extension}: Too many components for option "--${at.option}" (max: 2)\n`);
  return { low, high };
}

export const listPort = (port: number, style: Style, protocol: string): string =>
  (style.numeric ? undefined : serviceName(port, protocol)) ?? String(port);

/** ` spt:80`, ` dpts:!1:9`. */
export function listPorts(name: string, range: PortRange | undefined, style: Style, protocol: string): string {
  if (range === undefined) return "";
  const low = listPort(range.low, style, protocol);
  if (range.low === range.high) return ` ${name}:${bang(range)}${low}`;
  return ` ${name}s:${bang(range)}${low}:${listPort(range.high, style, protocol)}`;
}

export const portsText = (range: { readonly low: number; readonly high: number }): string =>
  range.low === range.high ? String(range.low) : `${range.low}:${range.high}`;

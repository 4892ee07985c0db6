import { TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from "./route.ts";

/** /etc/iproute2/rt_tables as Debian ships it. */
const TABLES = new Map([
  [TABLE_LOCAL, "local"],
  [TABLE_MAIN, "main"],
  [TABLE_DEFAULT, "default"],
]);
/** /etc/iproute2/rt_scopes. */
const SCOPES = new Map([
  [0, "global"],
  [200, "site"],
  [253, "link"],
  [254, "host"],
  [255, "nowhere"],
]);
/** /etc/iproute2/rt_protos. */
const PROTOCOLS = new Map([
  [0, "unspec"],
  [1, "redirect"],
  [2, "kernel"],
  [3, "boot"],
  [4, "static"],
  [8, "gated"],
  [9, "ra"],
  [10, "mrt"],
  [11, "zebra"],
  [12, "bird"],
  [13, "dnrouted"],
  [14, "xorp"],
  [15, "ntk"],
  [16, "dhcp"],
  [18, "keepalived"],
  [42, "babel"],
  [99, "openr"],
  [186, "bgp"],
  [187, "isis"],
  [188, "ospf"],
  [189, "rip"],
  [192, "eigrp"],
  [196, "static"], // /etc/iproute2/rt_protos.d/frr.conf
]);

/** `local`, `main`, `default`, or the number. */
export const tableName = (table: number): string => TABLES.get(table) ?? String(table);
/** A table by name or number, 0…2^32−1; `undefined` for any other word. */
export const tableNumber = (text: string): number | undefined => lookUp(TABLES, text, 0xffffffff);

export const scopeName = (scope: number): string => SCOPES.get(scope) ?? String(scope);
export const scopeNumber = (text: string): number | undefined => lookUp(SCOPES, text, 255);

export const protocolName = (protocol: number): string => PROTOCOLS.get(protocol) ?? String(protocol);
export const protocolNumber = (text: string): number | undefined => lookUp(PROTOCOLS, text, 255);

function lookUp(names: ReadonlyMap<number, string>, text: string, max: number): number | undefined {
  for (const [number, name] of names) if (name === text) return number;
  if (!/^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text)) return undefined;
  const number = Number(text);
  return number <= max ? number : undefined;
}

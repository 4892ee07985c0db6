import { formatIp, formatPrefix } from "../../core/addr.ts";
import { uptimeText } from "../uptime.ts";
import type { ZebraNexthop } from "../zapi.ts";
import type { Client, Watched } from "./clients.ts";
import type { Zebra } from "./zebra.ts";

/** `show ip nht` (zebra/zebra_rnh.c:print_rnh). */
export function showNexthops(zebra: Zebra, address?: number): string {
  return zebra.clients
    .watched()
    .filter((w) => address === undefined || w.address === address)
    .map((w) => watchedText(zebra, w))
    .join("");
}

function watchedText(zebra: Zebra, w: Watched): string {
  const connected = [...w.by.values()].some((o) => o.connected === true);
  const prefix = zebra.release === "8.4" || w.match === undefined ? "" : `, prefix ${formatPrefix(w.match.prefix)}`;
  const lines = [
    `${formatIp(w.address)}${connected ? "(Connected)" : ""}`,
    w.match === undefined ? " unresolved" : ` resolved via ${w.match.kind}${prefix}`,
    ...w.ways.map((h) => ` ${hopText(zebra, h)}`),
    ` Client list: ${[...w.by.keys()].map((c) => `${c.client.kind}(fd ${descriptor(c)})`).join(" ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

function hopText(zebra: Zebra, h: ZebraNexthop): string {
  const weight = zebra.release === "8.4" ? "" : `, weight ${h.weight ?? 1}`;
  if (h.blackhole !== undefined) return `unreachable (${h.blackhole === "reject" ? "ICMP unreachable" : "blackhole"})`;
  if (h.gateway === 0) return `is directly connected, ${h.ifname}${weight}`;
  return `via ${formatIp(h.gateway)}, ${h.ifname}${weight}`;
}

/** The descriptor of a client's socket: zebra's own come before. */
const descriptor = (c: Client): number => 14 + c.id;

/** `show zebra client summary`. */
export function showClients(zebra: Zebra): string {
  const now = zebra.os.now();
  const rows = zebra.clients.all().map((c) => {
    const time = (at: number): string => uptimeText(now - at).padStart(12);
    const counts = `${String(c.added).padStart(10)}/${String(c.removed).padEnd(10)}`;
    const { kind, instance = 0 } = c.client;
    const name = instance === 0 ? kind : `${kind}[${instance}:0]`;
    return `${name.padEnd(10)}${time(c.connectedAt)} ${time(c.lastReadAt)}${time(c.lastWriteAt)} ${counts} ${NO_IPV6}\n`;
  });
  return `Name      Connect Time    Last Read  Last Write      IPv4 Routes           IPv6 Routes
------------------------------------------------------------------------------------------
${rows.join("")}Routes column shows (added+updated)/deleted
`;
}

/** Routes of IPv6, which is not built. */
const NO_IPV6 = `${"0".padStart(10)}/${"0".padEnd(10)}`;

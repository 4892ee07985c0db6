import { CENTIS, type Nanos } from "../../../core/time.ts";
import type { BridgeId } from "../../../protocols/stp/wire.ts";
import type { Printer } from "../printer.ts";

/** `8000.2:0:0:0:0:1`: octets without leading zeros, as `ether_ntoa` writes them (ip/iplink_bridge.c:br_dump_bridge_id). */
export function bridgeIdText(id: BridgeId): string {
  const octets = Array.from({ length: 6 }, (_, i) => Math.floor(id.mac / 256 ** (5 - i)) % 256);
  const priority = (id.priority | id.systemId).toString(16).padStart(4, "0");
  return `${priority}.${octets.map((octet) => octet.toString(16)).join(":")}`;
}

/** What is left of a timer, in seconds with two decimals. */
export function putTimer(out: Printer, key: string, left: Nanos): void {
  const centis = Math.floor(left / CENTIS);
  const seconds = String(Math.floor(centis / 100));
  const decimals = String(centis % 100).padStart(2, "0");
  out.text(`${key} ${seconds.padStart(4)}.${decimals} `);
  out.rawField(key, `${seconds}.${decimals}`);
}

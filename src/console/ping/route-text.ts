import { formatIp } from "../../core/addr.ts";
import { u8, u32 } from "../../core/bytes.ts";
import { IPOPT_EOL, IPOPT_NOP, IPOPT_RR } from "../../protocols/ipv4/option-values.ts";

/** The IP options of replies as `ping.c:pr_options` prints them; it remembers the route of the reply before. */
export class RouteText {
  #last = "";

  /** The options in [o, end). */
  format(b: Uint8Array, o: number, end: number): string {
    let text = "";
    for (let at = o; at < end && u8(b, at) !== IPOPT_EOL; ) {
      if (u8(b, at) === IPOPT_NOP) {
        text += "\nNOP";
        at++;
        continue;
      }
      const length = at + 1 < end ? u8(b, at + 1) : 0;
      if (length < 2 || at + length > end) break;
      text += u8(b, at) === IPOPT_RR ? this.#route(b, at, at + length) : `\nunknown option ${u8(b, at).toString(16)}`;
      at += length;
    }
    return text;
  }

  #route(b: Uint8Array, o: number, end: number): string {
    if (end - o < 3) return "";
    const filled = Math.min(o + u8(b, o + 2) - 1, end); // RFC 791 §3.1: the pointer counts octets from 1
    const hops: string[] = [];
    for (let at = o + 3; at + 4 <= filled; at += 4) hops.push(`\t${formatIp(u32(b, at))}\n`);
    if (hops.length === 0) return "";
    const route = hops.join("");
    if (route === this.#last) return "\t(same route)";
    this.#last = route;
    return `\nRR: ${route}`;
  }
}

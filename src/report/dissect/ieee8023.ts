import { u16 } from "../../core/bytes.ts";
import { llc } from "./llc.ts";
import { addTrailer } from "./trailer.ts";
import type { Fields, Span, Walk } from "./walk.ts";

/** The `length` octets of LLC and data from `at` on, and the trailer behind them, which becomes a field of the layer in front. */
export function dissect8023(w: Walk, s: Span, at: number, length: number, fields: Fields, frameEnd: boolean): void {
  fields["len"] = length;
  const payload = s.part(at, length);
  // Two octets of ones where LLC would begin: Novell's raw 802.3, which carries IPX.
  if (payload.captured >= 2 && u16(s.b, at) === 0xffff) {
    w.stack.push("ipx");
    w.data(payload);
  } else w.next(llc, payload);
  addTrailer(w, s, at + length, fields, frameEnd);
}

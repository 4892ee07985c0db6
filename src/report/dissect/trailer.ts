import { hex, u32 } from "../../core/bytes.ts";
import { FRAME_MIN } from "../../protocols/ethernet/wire.ts";
import type { Fields, Span, Walk } from "./walk.ts";

/** From this frame length on, a rest of four octets and more is taken to end with a frame check sequence. */
const FRAME_WITH_FCS = 64;

/**
 * What stands behind the payload of an Ethernet frame, from `at` on in `s`: zeros that fill the frame up to 60 octets are
 * `padding`, others `trailer`; `fcs` is the guessed check sequence, looked for where `frameEnd` says that a frame can end
 * here (epan/dissectors/packet-eth.c:add_ethernet_trailer).
 */
export function addTrailer(w: Walk, s: Span, at: number, fields: Fields, frameEnd: boolean): void {
  if (at > s.end || at >= s.wireEnd) return;
  let rest = s.from(at);
  const missing = FRAME_MIN - (w.info.length - rest.length);
  if (w.info.length >= FRAME_MIN && missing > 0 && missing <= rest.captured && isZero(rest, missing)) {
    fields["padding"] = hex(rest.b, rest.o, rest.o + missing);
    rest = rest.from(rest.o + missing);
  }
  let end = rest.end;
  if (frameEnd && s.length >= FRAME_WITH_FCS && rest.length >= 4) {
    const sequence = rest.wireEnd - 4;
    if (!rest.cut) fields["fcs"] = u32(rest.b, sequence);
    end = Math.min(end, sequence);
  }
  if (end > rest.o) fields["trailer"] = hex(rest.b, rest.o, end);
}

function isZero(s: Span, count: number): boolean {
  for (let i = s.o; i < s.o + count; i++) if (s.b[i] !== 0) return false;
  return true;
}

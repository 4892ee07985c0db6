import { dport, seq, sport } from "../../protocols/tcp/wire.ts";
import { type Dissector, Span, type Walk } from "./walk.ts";

/** Most directions of connections with an unfinished message, and most octets of such a message. */
const DIRECTIONS_MAX = 4096;
const MESSAGE_MAX = 1 << 20;

/** The beginning of a message whose end is still to come. */
interface Pending {
  readonly bytes: Uint8Array;
  /** Sequence number of the octet that continues it. */
  readonly next: number;
}

/**
 * Passes the whole messages in a segment to a dissector, one after the other. The rest waits for the segment that continues
 * it; that message then stands on the frame which completes it. A segment out of order is read as a new beginning.
 */
export function dissectStream(w: Walk, upper: Dissector, segment: Span, data: Span): void {
  const pending = w.state.table("tcp", () => new Map<string, Pending>());
  const { b, o } = segment;
  const key = `${w.endpoints} ${sport(b, o)} ${dport(b, o)}`;
  const waiting = pending.get(key);
  pending.delete(key);
  let rest = waiting?.next === seq(b, o) ? joined(waiting.bytes, data) : data;
  while (rest.captured > 0) {
    const length = upper.messageLength?.(rest);
    if (length !== undefined && length <= 0) return w.data(rest);
    if (length !== undefined && length <= rest.length) {
      w.next(upper, rest.part(rest.o, length));
      rest = rest.from(rest.o + length);
      continue;
    }
    if (rest.cut || rest.captured > MESSAGE_MAX) return w.next(upper, rest);
    if (pending.size >= DIRECTIONS_MAX) pending.delete(pending.keys().next().value as string);
    pending.set(key, { bytes: rest.b.slice(rest.o, rest.end), next: (seq(b, o) + data.length) >>> 0 });
    return;
  }
}

function joined(before: Uint8Array, data: Span): Span {
  const all = new Uint8Array(before.length + data.captured);
  all.set(before);
  all.set(data.b.subarray(data.o, data.end), before.length);
  return new Span(all, 0, all.length, all.length + data.length - data.captured);
}

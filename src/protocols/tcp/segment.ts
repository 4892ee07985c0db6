import { i32 } from "../../core/bytes.ts";
import {
  dataOffset,
  flags,
  type ReceivedOptions,
  readOptions,
  receivedOptions,
  TCP_FIN,
  TCP_SYN,
  window,
} from "./wire.ts";

/** A received segment: its fields as the engine wants them. One record serves all; it is read before anybody else is called. */
export class Segment {
  /** Sequence numbers, signed. `end` counts SYN and FIN. */
  seq = 0;
  end = 0;
  ack = 0;
  flags = 0;
  /** The field, not scaled. */
  window = 0;
  /** Octets of its header. */
  header = 0;
  /** Where its octets of data begin, and how many there are. */
  dataAt = 0;
  bytes = 0;
  /** Congestion was marked on its IP header, or might have been (RFC 3168 §5). */
  ecn = 0;
  /** Timestamps, signed. */
  tsval = 0;
  tsecr = 0;
  readonly options: ReceivedOptions = receivedOptions();

  /** Reads the segment [o, end) of `b`, whose header is whole. `ecn`: the codepoint of its IP header. */
  read(b: Uint8Array, o: number, end: number, ecn: number): void {
    this.seq = i32(b, o + 4);
    this.ack = i32(b, o + 8);
    const f = (this.flags = flags(b, o));
    this.window = window(b, o);
    this.header = dataOffset(b, o);
    this.dataAt = o + this.header;
    this.bytes = end - this.dataAt;
    this.end = (this.seq + this.bytes + ((f & TCP_SYN) !== 0 ? 1 : 0) + (f & TCP_FIN)) | 0;
    this.ecn = ecn;
    readOptions(b, o, this.options);
    this.tsval = this.options.tsval | 0;
    this.tsecr = this.options.tsecr | 0;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }
}

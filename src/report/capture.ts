/** What a capture file holds, whichever format it came in. */

export interface CaptureInterface {
  /** `if_name`; empty in classic pcap and where the file gives none. */
  readonly name: string;
  readonly description: string;
  /** LINKTYPE_ number of the tcpdump registry: 1 Ethernet, 101 raw IP, 113 Linux cooked, … */
  readonly linkType: number;
  /** Most octets kept of a packet; 0 when there is no limit. */
  readonly snaplen: number;
}

export interface CapturePacket {
  /** Index into `Capture.interfaces`. */
  readonly interface: number;
  /** Nanoseconds since the epoch of the file's clock; 0 where the format keeps none (a Simple Packet Block). */
  readonly timeNs: bigint;
  /** Octets that the packet had on the wire. */
  readonly originalLength: number;
  /** The octets that were kept: a view of the file's bytes, not a copy. */
  readonly bytes: Uint8Array;
  readonly comments: readonly string[];
}

export interface Capture {
  readonly format: "pcap" | "pcapng" | "unknown";
  readonly interfaces: readonly CaptureInterface[];
  readonly packets: readonly CapturePacket[];
  /** Why reading ended before the end of the bytes; absent when everything was read. */
  readonly message?: string;
}

/** Most octets of one packet that a reader believes, as wiretap: a longer one is a broken length field. */
export const PACKET_OCTETS_MAX = 262_144;

/** A capture while it is being read. */
export interface CaptureDraft {
  format: Capture["format"];
  readonly interfaces: CaptureInterface[];
  readonly packets: CapturePacket[];
  message?: string;
}

export const emptyCapture = (format: Capture["format"]): CaptureDraft => ({ format, interfaces: [], packets: [] });

/** Ends reading with a reason. */
export function stop(capture: CaptureDraft, message: string): Capture {
  capture.message = message;
  return capture;
}

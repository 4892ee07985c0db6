import { type Capture, emptyCapture, stop } from "./capture.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/** Reads a pcap or pcapng file. Never throws: what could not be read is told in `message`. */
export function readCapture(bytes: Uint8Array): Capture {
  if (isPcapng(bytes)) return readPcapng(bytes);
  if (isPcap(bytes)) return readPcap(bytes);
  return stop(emptyCapture("unknown"), bytes.length === 0 ? "the file is empty" : "neither a pcap nor a pcapng file");
}

import { readFileSync } from "node:fs";
import { sharedPath } from "./shared.ts";

/** One layer of an expectation: its name `p` and the fields that tshark showed. */
export type Layer = Readonly<Record<string, unknown>> & { readonly p: string };

/** A captured frame with tshark's reading of it. */
export interface Captured {
  readonly n: number;
  readonly bytes: Uint8Array;
  readonly layers: readonly Layer[];
}

/** The frames of `corpora/pcaps/<name>` (pcap or pcapng, Ethernet) with the expectation that lies beside it. */
export function captured(name: string): Captured[] {
  const file = readFileSync(sharedPath("corpora", "pcaps", name));
  const expected = readFileSync(sharedPath("corpora", "pcaps", name.replace(/\.pcap(ng)?$/, ".expect.json")), "utf8");
  const { frames } = JSON.parse(expected) as { frames: { n: number; layers: Layer[] }[] };
  const packets = name.endsWith("ng") ? pcapngPackets(file) : pcapPackets(file);
  return frames.map(({ n, layers }) => ({ n, layers, bytes: packets[n - 1] as Uint8Array }));
}

/** The layers called `p` of all frames, each with its frame. */
export const layersOf = (name: string, p: string): { frame: Captured; layer: Layer }[] =>
  captured(name).flatMap((frame) => frame.layers.filter((l) => l.p === p).map((layer) => ({ frame, layer })));

function pcapPackets(file: Buffer): Uint8Array[] {
  const little = [0xa1b2c3d4, 0xa1b23c4d].includes(file.readUInt32LE(0));
  const u32 = (o: number): number => (little ? file.readUInt32LE(o) : file.readUInt32BE(o));
  const packets: Uint8Array[] = [];
  for (let o = 24; o + 16 <= file.length; ) {
    const captured = u32(o + 8);
    packets.push(new Uint8Array(file.subarray(o + 16, o + 16 + captured)));
    o += 16 + captured;
  }
  return packets;
}

function pcapngPackets(file: Buffer): Uint8Array[] {
  const little = file.readUInt32LE(8) === 0x1a2b3c4d;
  const u32 = (o: number): number => (little ? file.readUInt32LE(o) : file.readUInt32BE(o));
  const packets: Uint8Array[] = [];
  for (let o = 0; o + 12 <= file.length; o += u32(o + 4)) {
    if (u32(o) === 6) packets.push(new Uint8Array(file.subarray(o + 28, o + 28 + u32(o + 20))));
  }
  return packets;
}

import { readFileSync } from "node:fs";
import { readCapture } from "../../src/report/read-capture.ts";
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
  const { packets } = readCapture(file);
  return frames.map(({ n, layers }) => ({ n, layers, bytes: new Uint8Array(packets[n - 1]?.bytes ?? []) }));
}

/** The layers called `p` of all frames, each with its frame. */
export const layersOf = (name: string, p: string): { frame: Captured; layer: Layer }[] =>
  captured(name).flatMap((frame) => frame.layers.filter((l) => l.p === p).map((layer) => ({ frame, layer })));

/** Frames taken apart layer by layer, as tshark names and counts things, and put together again. */

import type { Capture } from "./capture.ts";
import { TABLES } from "./dissect/registry.ts";
import { DissectState, type Fields, type FrameInfo, type Layer, Span, type Tables, Walk } from "./dissect/walk.ts";
import { readCapture } from "./read-capture.ts";

export interface Frame {
  /** Number in the capture, from 1. */
  readonly n: number;
  /** Octets on the wire. */
  readonly len: number;
  /** Octets captured. */
  readonly caplen: number;
  /** The protocols, outermost first, colon-separated, those in quoted packets included. */
  readonly stack: string;
  readonly layers: readonly Layer[];
  /** A length or value makes no sense; the layers are those before it. */
  readonly malformed: boolean;
  readonly timeNs: bigint;
  /** The frame itself, not copied. */
  readonly bytes: Uint8Array;
}

/** What is remembered from frame to frame: fragments of datagrams, beginnings of messages. One for each capture. */
export const newState = (): DissectState => new DissectState();

/**
 * Takes a frame apart. `linkType`: LINKTYPE_ number. Frames of a capture are given in order with one `state`. Never throws,
 * whatever the bytes. `info` tells what the octets do not; without it the frame is number 1, whole, of time 0.
 */
export function dissectFrame(
  bytes: Uint8Array,
  linkType: number,
  state: DissectState,
  info: FrameInfo = { n: 1, timeNs: 0n, length: bytes.length },
  tables: Tables = TABLES,
): Frame {
  const walk = new Walk(info, state, tables);
  walk.next(tables.linkTypes.get(linkType), new Span(bytes, 0, bytes.length, Math.max(info.length, bytes.length)));
  return {
    n: info.n,
    len: info.length,
    caplen: bytes.length,
    stack: walk.stack.join(":"),
    layers: walk.root,
    malformed: walk.malformed,
    timeNs: info.timeNs,
    bytes,
  };
}

/**
 * The octets of a frame: each header that was decoded is written again by its codec, everything between and behind them
 * (payload, padding, trailer, what could not be decoded) is what was kept.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const out = frame.bytes.slice();
  encodeLayers(frame.layers, frame.bytes, out);
  return out;
}

function encodeLayers(layers: readonly Layer[], source: Uint8Array, out: Uint8Array): void {
  for (const layer of layers) {
    if (layer.bytes !== source) continue; // it lies in a datagram made from several frames
    if (layer.encode) {
      out.fill(0, layer.start, layer.end);
      layer.encode(out, layer.start);
    }
    if (layer.quoted) encodeLayers(layer.quoted, source, out);
  }
}

/** A capture taken apart. `message`: why reading the file ended early. */
export interface Dissection {
  /** `unknown`: the file is no capture. */
  readonly format: Capture["format"];
  readonly frames: readonly Frame[];
  readonly message?: string;
}

/** Takes apart every packet of a pcap or pcapng file. Never throws. */
export function dissectCapture(file: Uint8Array): Dissection {
  const capture = readCapture(file);
  const state = newState();
  const frames = capture.packets.map((packet, i) => {
    const linkType = capture.interfaces[packet.interface]?.linkType ?? -1;
    return dissectFrame(packet.bytes, linkType, state, {
      n: i + 1,
      timeNs: packet.timeNs,
      length: packet.originalLength,
    });
  });
  return { format: capture.format, frames, ...(capture.message === undefined ? {} : { message: capture.message }) };
}

/** A frame as `dissect --json` prints it. */
export function frameJson(frame: Frame): Fields {
  const { n, len, caplen, stack } = frame;
  const json: Fields = { n, len, caplen, stack, layers: frame.layers.map(layerJson) };
  if (frame.malformed) json["malformed"] = true;
  if (caplen < len) json["truncated"] = true;
  return json;
}

function layerJson(layer: Layer): Fields {
  const json: Fields = { p: layer.p, ...layer.fields };
  if (layer.quoted && layer.quoted.length > 0) json["quoted"] = layer.quoted.map(layerJson);
  return json;
}

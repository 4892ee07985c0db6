import { type Mac, parseMac } from "../../../../src/core/addr.ts";
import { u16, u48 } from "../../../../src/core/bytes.ts";
import type { Nanos } from "../../../../src/core/time.ts";
import { addBridge, type BridgeDevice } from "../../../../src/nodes/kernel/dev/bridge.ts";
import type { BridgePort } from "../../../../src/nodes/kernel/dev/bridge-port.ts";
import { type BridgeSettings, changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { Cable } from "../../../../src/nodes/link.ts";
import { writeHeader } from "../../../../src/protocols/ethernet/wire.ts";
import { device, Lab, must } from "../../../harness/kernels.ts";

/** An EtherType that no kernel knows (IEEE 802 local experimental). */
export const EXPERIMENTAL = 0x88b5;
export const BROADCAST = 0xffff_ffff_ffff;

export interface Frame {
  readonly at: Nanos;
  readonly dst: Mac;
  readonly src: Mac;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A bridge `br0` on the node `sw` with ports `p1` to `pn`, each with the host `h1` to `hn`, which has the MAC 02:..:n. */
export interface Star {
  readonly lab: Lab;
  readonly sw: Kernel;
  readonly bridge: BridgeDevice;
  readonly hosts: readonly Kernel[];
  readonly cables: readonly Cable[];
}

export function star(count: number, settings: Partial<BridgeSettings> = {}): Star {
  const lab = new Lab();
  const sw = lab.host("sw");
  const bridge = must(addBridge(sw, "br0"));
  must(changeBridge(bridge, settings));
  sw.setUp(bridge, true);
  const hosts: Kernel[] = [];
  const cables: Cable[] = [];
  for (let n = 1; n <= count; n++) {
    const host = lab.host(`h${n}`);
    cables.push(lab.cable([host, `eth0 10.0.0.${n}/24`], [sw, `p${n}`]));
    host.setMac(device(host, "eth0"), hostMac(n));
    sw.setMac(device(sw, `p${n}`), 0x0200_0000_0a00 + n);
    must(bridge.addPort(device(sw, `p${n}`)));
    hosts.push(host);
  }
  return { lab, sw, bridge, hosts, cables };
}

export const hostMac = (n: number): Mac => 0x0200_0000_0000 + n;
export const mac = (text: string): Mac => parseMac(text) as Mac;

export function port(bridge: BridgeDevice, name: string): BridgePort {
  const found = bridge.port(name);
  if (found === undefined) throw new Error(`${bridge.name} has no port ${name}`);
  return found;
}

/** The frames that a device receives from now on. */
export function hears(kernel: Kernel, ifname = "eth0"): Frame[] {
  const frames: Frame[] = [];
  device(kernel, ifname).addTap({
    frame: (_dev, p, outgoing) => {
      if (outgoing) return;
      const bytes = p.buf.slice(p.start, p.end);
      const at = kernel.sim.now;
      frames.push({ at, dst: u48(bytes, 0), src: u48(bytes, 6), type: u16(bytes, 12), bytes });
    },
  });
  return frames;
}

/** Sends a frame from a device; `payload` follows the header's type field. */
export function frame(
  kernel: Kernel,
  dst: Mac,
  o: { readonly src?: Mac; readonly type?: number; readonly payload?: ArrayLike<number>; readonly dev?: string } = {},
): void {
  const dev = device(kernel, o.dev ?? "eth0");
  const payload = o.payload ?? new Uint8Array(46);
  const p = kernel.sim.pool.alloc(14 + payload.length);
  writeHeader(p.buf, p.start, dst, o.src ?? dev.mac, o.type ?? EXPERIMENTAL);
  p.buf.set(payload, p.start + 14);
  dev.send(p);
}

/** A tag and what it tags: the payload of a frame whose type is the tag's protocol. */
export const tag = (tci: number, inner = EXPERIMENTAL, payload: ArrayLike<number> = new Uint8Array(46)): Uint8Array =>
  Uint8Array.from([tci >> 8, tci & 255, inner >> 8, inner & 255, ...Array.from(payload)]);

/** Which hosts of the star have heard a frame, by number; the lists are emptied. */
export const who = (heard: readonly Frame[][]): number[] =>
  heard.flatMap((frames, i) => (frames.splice(0).some((f) => f.type !== 0x0806) ? [i + 1] : []));

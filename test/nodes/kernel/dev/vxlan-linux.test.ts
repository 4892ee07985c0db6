import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseMac } from "../../../../src/core/addr.ts";
import { hex, setU16, u16 } from "../../../../src/core/bytes.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { addVxlan, type VxlanDevice, type VxlanOptions } from "../../../../src/nodes/kernel/dev/vxlan.ts";
import type { NetDevice } from "../../../../src/nodes/kernel/netdev.ts";
import { fragmentOffset, protocol } from "../../../../src/protocols/ipv4/wire.ts";
import { checksum } from "../../../../src/protocols/udp/wire.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

/** What a Linux kernel did with frames, recorded by golden/record-vxlan.py, beside what ours does with the same ones. */

interface Sent {
  readonly device: string;
  readonly options: string;
  readonly inner: string;
  readonly frame: string;
  readonly sent: readonly string[];
  readonly back?: readonly string[];
}
interface Golden {
  readonly kernel: string;
  readonly transmit: readonly Sent[];
  readonly tooBig: readonly Sent[];
  readonly receive: readonly { readonly what: string; readonly frame: string; readonly received: readonly string[] }[];
}
const golden = JSON.parse(readFileSync(new URL("golden/vxlan-linux.json", import.meta.url), "utf8")) as Golden;

const OPTIONS: Readonly<Record<string, Partial<VxlanOptions>>> = {
  plain: {},
  "ttl 5": { ttl: 5 },
  "ttl inherit": { ttl: "inherit" },
  "tos 0x10": { tos: 0x10 },
  "tos inherit": { tos: "inherit" },
  "df set": { df: "set" },
  "df inherit": { df: "inherit" },
  noudpcsum: { udpcsum: false },
};
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const mac = (text: string): number => parseMac(text) as number;

/** The recorder's namespace: 10.0.0.1 on e0, the bare end e1, a VXLAN device of 10.0.0.1 to 10.0.0.2. */
class Recorded extends TunnelLab {
  readonly host = this.node("host");
  readonly far = this.node("far");
  readonly wire: Seen[];
  readonly vx: VxlanDevice;

  constructor(device = "plain") {
    super();
    this.link(this.host, "e0 10.0.0.1/24", this.far, "e1");
    const e0 = this.device("e0");
    this.host.setMac(e0, mac("02:00:00:00:01:01"));
    const n = this.host.neigh.findOrCreate(e0, ip("10.0.0.2"));
    n?.update(mac("02:00:00:00:01:02"), "permanent", true, true);
    this.wire = this.sniff(e0);
    const ends = { id: 100, dstport: 4789, remote: ip("10.0.0.2"), local: ip("10.0.0.1") };
    this.vx = granted(addVxlan(this.host, "vx0", { ...ends, ...OPTIONS[device] }));
    this.host.setMac(this.vx, mac("02:00:00:00:00:aa"));
  }

  device(name: string): NetDevice {
    const dev = this.host.device(name);
    if (dev === undefined) throw new Error(name);
    return dev;
  }

  sent(): string[] {
    return this.wire.filter((f) => f.outgoing && protocol(f.bytes, 14) === 17).map((f) => comparable(f.bytes));
  }
}

/** A datagram without what chance decides: IP id, source port, and the checksums over them, of which only the presence counts. */
function comparable(frame: Uint8Array): string {
  const b = frame.slice();
  setU16(b, 18, 0);
  setU16(b, 24, 0);
  if (fragmentOffset(b, 14) === 0) {
    setU16(b, 34, 0);
    setU16(b, 40, checksum(b, 34) === 0 ? 0 : 1);
  }
  return hex(b, 0, b.length, "");
}

describe(`as Linux ${golden.kernel} does`, () => {
  it.each(golden.transmit)("$device: sends $inner", ({ device, frame, sent }) => {
    const lab = new Recorded(device);
    lab.up(lab.vx);
    lab.vx.send(lab.packet(bytes(frame)));
    lab.run(S);
    expect(lab.sent()).toEqual(sent.map((f) => comparable(bytes(f))));
  });

  it.each(golden.tooBig)("$device, bridged: $inner", ({ device, frame, sent, back = [] }) => {
    const lab = new Recorded(device);
    const h = lab.node("h");
    lab.link(lab.host, "p0", h, "h0");
    const bridge = granted(addBridge(lab.host, "br0"));
    for (const port of [lab.vx, lab.device("p0")]) granted(bridge.addPort(port));
    lab.up(lab.vx);
    lab.up(bridge);
    lab.run(40 * S);
    const h0 = h.device("h0") as NetDevice;
    h.setMac(h0, mac("02:00:00:00:00:11"));
    const heard = lab.sniff(h0);
    h0.send(lab.packet(bytes(frame)));
    lab.run(S);
    expect(lab.sent()).toEqual(sent.map((f) => comparable(bytes(f))));
    expect(heard.filter((f) => !f.outgoing).map((f) => hex(f.bytes, 0, f.bytes.length, ""))).toEqual(back);
  });

  it.each(golden.receive)("receives $what", ({ what, frame, received }) => {
    const lab = new Recorded();
    lab.up(lab.vx);
    const heard = lab.sniff(lab.vx);
    const e1 = lab.far.device("e1") as NetDevice;
    e1.send(lab.packet(bytes(frame)));
    lab.run(S);
    const got = heard.filter((f) => !f.outgoing).map((f) => untagged(f.bytes));
    expect(got, what).toEqual(received);
    expect(lab.alive).toBe(0);
  });
});

/** A frame as a packet socket shows it: Linux carries the outermost tag beside the bytes. */
function untagged(frame: Uint8Array): string {
  if (u16(frame, 12) !== 0x8100) return hex(frame, 0, frame.length, "");
  return hex(frame, 0, 12, "") + hex(frame, 16, frame.length, "");
}

import { formatIp, formatMac, parseMac, parsePrefix } from "../../../src/core/addr.ts";
import { hex, u16, u32, u48 } from "../../../src/core/bytes.ts";
import type { SendOptions } from "../../../src/core/os.ts";
import type { Packet } from "../../../src/core/packet.ts";
import { Simulation } from "../../../src/core/sim.ts";
import { S } from "../../../src/core/time.ts";
import { EthernetDevice } from "../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { Cable } from "../../../src/nodes/link.ts";
import { LENGTH, writePacket } from "../../../src/protocols/arp/wire.ts";
import { ETHERTYPE_ARP, HEADER, writeHeader } from "../../../src/protocols/ethernet/wire.ts";
import { ip, must } from "../../harness/kernels.ts";
import { Recorder } from "../cables.ts";

export const OWN_MAC = "02:00:00:00:00:01";
export const ALL = "ff:ff:ff:ff:ff:ff";
export const NOBODY = "00:00:00:00:00:00";

const mac = (text: string): number => parseMac(text) as number;

/** One machine, and at the far end of its cable whoever the test plays: ARP is read as text and written by hand. */
export class ArpLab {
  readonly sim: Simulation;
  readonly kernel: Kernel;
  readonly dev: EthernetDevice;
  readonly cable: Cable;
  readonly far: Recorder;
  /** What came out of the machine: `2.000 ask 10.0.0.9 for 10.0.0.1 to all`, ICMP and UDP by their lengths. */
  readonly heard: string[] = [];
  /** What its neighbours went through: `2.000 10.0.0.9 incomplete failed`. */
  readonly states: string[] = [];

  constructor(addresses = "10.0.0.1/24", seed = 1) {
    this.sim = new Simulation(seed);
    this.kernel = new Kernel(this.sim, "h1");
    this.far = new Recorder(this.sim, "far");
    this.far.onReceive = (p) => this.#hear(p);
    this.dev = must(this.kernel.register("eth0", (n, i) => new EthernetDevice(this.kernel, n, i)));
    this.cable = new Cable(this.sim, 0, this.dev, this.far);
    this.dev.plug(this.cable);
    this.kernel.setMac(this.dev, mac(OWN_MAC));
    this.kernel.setUp(this.dev, true);
    for (const text of addresses.split(" ")) this.addAddress(text);
    this.sim.trace.listen(({ at, kind, fields: f }) => {
      if (kind === "neigh.state") this.states.push(`${seconds(at)} ${f["ip"]} ${f["from"]} ${f["to"]}`);
    });
  }

  addAddress(text: string): void {
    const prefix = parsePrefix(text) as { address: number; length: number };
    const broadcast = (prefix.address | (0xffffffff >>> prefix.length)) >>> 0;
    must(this.kernel.addresses.add(this.dev.ifindex, { ...prefix, broadcast }));
  }

  /** A second device with a cable that leads to nobody who speaks. */
  otherDevice(address: string): EthernetDevice {
    const { kernel, sim } = this;
    const dev = must(kernel.register("eth1", (n, i) => new EthernetDevice(kernel, n, i)));
    dev.plug(new Cable(sim, 1, dev, new Recorder(sim, "deaf")));
    kernel.setUp(dev, true);
    const prefix = parsePrefix(address) as { address: number; length: number };
    must(kernel.addresses.add(dev.ifindex, prefix));
    return dev;
  }

  /** Lets time pass until so many seconds from the start. */
  until(second: number): void {
    this.sim.advance(Math.round(second * S));
  }

  /** Sends a datagram of `bytes` octets of payload. */
  udp(to: string, bytes = 1, options?: SendOptions): void {
    const socket = this.kernel.os.udpSocket();
    must(socket.sendTo(new Uint8Array(bytes), ip(to), 9, options));
    socket.close();
  }

  /** Somebody at the far end sends a request: `sender` asks for `target`. */
  ask(target: string, sender: string, from: string, to = ALL): void {
    this.arp(1, to, from, sender, NOBODY, target);
  }
  /** Somebody at the far end answers the machine: `sender` is at `from`. */
  answer(sender: string, from: string, to = OWN_MAC): void {
    this.arp(2, to, from, sender, OWN_MAC, "10.0.0.1");
  }
  arp(operation: number, to: string, from: string, sender: string, targetMac: string, target: string): void {
    const p = this.sim.pool.alloc(HEADER + LENGTH);
    writeHeader(p.buf, p.start, mac(to), mac(from), ETHERTYPE_ARP);
    writePacket(p.buf, p.start + HEADER, operation, mac(from), ip(sender), mac(targetMac), ip(target));
    this.cable.lineFrom(this.far).transmit(p);
    this.sim.advance(this.sim.now);
  }

  /** The neighbours: `10.0.0.9 02:00:00:00:00:09 reachable`. */
  get table(): string[] {
    return [...this.kernel.neigh.entries()].map(
      (n) => `${formatIp(n.ip)} ${n.valid ? `${formatMac(n.mac)} ` : ""}${n.state}`,
    );
  }

  /** What was heard since the last time. */
  news(): string[] {
    return this.heard.splice(0);
  }

  #hear(p: Packet): void {
    const { buf, start, end } = p;
    const to = formatMac(u48(buf, start));
    const whom = to === ALL ? "all" : to;
    const at = seconds(this.sim.now);
    if (u16(buf, start + 12) !== ETHERTYPE_ARP) {
      this.heard.push(`${at} ${end - start - HEADER} octets of IP to ${whom}`);
      return;
    }
    const o = start + HEADER;
    const [sender, target] = [formatIp(u32(buf, o + 14)), formatIp(u32(buf, o + 24))];
    const claimed = hex(buf, o + 8, o + 14);
    const tha = hex(buf, o + 18, o + 24);
    const extra = `${claimed === OWN_MAC ? "" : ` (from ${claimed})`}${tha === NOBODY ? "" : ` (target ${tha})`}`;
    const what = u16(buf, o + 6) === 1 ? `ask ${target} for ${sender}` : `say ${sender} is here, to ${target}`;
    this.heard.push(`${at} ${what}, ${whom}${extra}`);
  }
}

const seconds = (at: number): string => (at / S).toFixed(3);

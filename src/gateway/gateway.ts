import { createSocket, type Socket } from "node:dgram";
import type { DropReason } from "../core/drop.ts";
import type { Packet } from "../core/packet.ts";
import type { Simulation } from "../core/sim.ts";
import type { EthernetDevice } from "../nodes/kernel/dev/ethernet.ts";
import { Cable, type Port } from "../nodes/link.ts";
import { dst, HEADER as ETHERNET_HEADER, isGroup, src } from "../protocols/ethernet/wire.ts";
import { type Encapsulation, type EncapsulationKind, encapsulation, PORTS } from "./encapsulation.ts";
import { finishFrame, type OffloadCounters } from "./offload.ts";
import { type Endpoint, Peers } from "./peers.ts";

/** Where an interface of a simulated node meets the world. */
export interface GatewayOptions {
  readonly kind: EncapsulationKind;
  /** VXLAN's or GENEVE's network identifier. */
  readonly vni: number;
  /** The address and UDP port of our socket; port 0 draws one. */
  readonly local: Endpoint;
  /** Endpoints that are spoken to from the beginning; others are learnt when they speak. */
  readonly remotes: readonly Endpoint[];
  /** The UDP port of endpoints that are learnt; the encapsulation's own unless told. */
  readonly remotePort?: number;
}

export interface GatewayCounters extends OffloadCounters {
  /** Frames and octets that came in from outside, and went out. */
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Datagrams that held no frame of ours: malformed, or another network's. */
  strangers: number;
  /** Frames that the socket did not take, and frames lost for want of a peer. */
  txErrors: number;
  txNowhere: number;
}

/** Octets that the sockets may hold: bursts of a kernel that sends 64 KiB at once. */
const SOCKET_BUFFER = 4 << 20;

/** One end of a cable is a simulated node's device; the other is a UDP socket. */
export class Gateway implements Port {
  readonly label: string;
  readonly counters: GatewayCounters = {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    strangers: 0,
    txErrors: 0,
    txNowhere: 0,
    repaired: 0,
    segmented: 0,
    segments: 0,
    tooLong: 0,
  };
  readonly #sim: Simulation;
  readonly #dev: EthernetDevice;
  readonly #options: GatewayOptions;
  readonly #encapsulation: Encapsulation;
  readonly #peers: Peers;
  readonly #cable: Cable;
  readonly #socket: Socket;
  readonly #step: () => void;
  readonly #arrived: () => void;

  /**
   * Plugs a cable to the world into `dev`. Before a frame from outside is handed in, `arriving` brings the simulation to the present;
   * `arrived` is called after it.
   */
  constructor(
    sim: Simulation,
    dev: EthernetDevice,
    options: GatewayOptions,
    arriving: () => void,
    arrived: () => void,
  ) {
    this.#sim = sim;
    this.#dev = dev;
    this.#options = options;
    this.#encapsulation = encapsulation(options.kind, options.vni);
    this.#peers = new Peers(options.remotes, options.remotePort ?? PORTS[options.kind]);
    this.label = `world-${dev.label}`;
    this.#step = arriving;
    this.#arrived = arrived;
    this.#cable = new Cable(sim, sim.nextCable(), dev, this);
    dev.plug(this.#cable);
    // Addresses are numbers already: nothing is to be looked up, and nothing to be waited for.
    this.#socket = createSocket({ type: "udp4", lookup: (host, _options, found) => found(null, host, 4) });
    this.#socket.on("message", (datagram, from) => this.#receive(datagram, from.address));
    this.#socket.on("error", () => this.counters.txErrors++);
  }

  /** Opens the socket; resolves to the port it has. */
  open(): Promise<number> {
    const { address, port } = this.#options.local;
    return new Promise((resolve, reject) => {
      this.#socket.once("error", reject);
      this.#socket.bind({ address, port, exclusive: true }, () => {
        this.#socket.off("error", reject);
        this.#socket.setRecvBufferSize(SOCKET_BUFFER);
        this.#socket.setSendBufferSize(SOCKET_BUFFER);
        resolve(this.#socket.address().port);
      });
    });
  }

  close(): void {
    this.#cable.setUp(false);
    this.#socket.close();
  }

  /** From the simulated node to the world. */
  receiveFrame(p: Packet): void {
    const { header } = this.#encapsulation;
    const datagram = Buffer.allocUnsafe(header + p.end - p.start);
    this.#encapsulation.write(datagram);
    datagram.set(p.buf.subarray(p.start, p.end), header);
    const to =
      p.end - p.start < ETHERNET_HEADER || isGroup(p.buf, p.start) ? undefined : this.#peers.find(dst(p.buf, p.start));
    this.#sim.pool.release(p);
    if (to !== undefined) return this.#send(datagram, to);
    let sent = false;
    for (const peer of this.#peers.all) {
      this.#send(datagram, peer);
      sent = true;
    }
    if (!sent) this.counters.txNowhere++;
  }

  carrierChanged(): void {}

  frameLost(p: Packet, _reason: DropReason): void {
    this.counters.tooLong++;
    this.#sim.pool.release(p);
  }

  #send(datagram: Buffer, to: Endpoint): void {
    const { counters } = this;
    counters.txFrames++;
    counters.txBytes += datagram.length - this.#encapsulation.header;
    this.#socket.send(datagram, to.port, to.address, (error) => {
      if (error !== null) counters.txErrors++;
    });
  }

  #receive(datagram: Buffer, from: string): void {
    const o = this.#encapsulation.frameAt(datagram);
    if (o < 0 || datagram.length - o < ETHERNET_HEADER) return void this.counters.strangers++;
    if (!this.#peers.heard(from, src(datagram, o), isGroup(datagram, o + 6))) return void this.counters.strangers++;
    this.#step();
    finishFrame(datagram, o, datagram.length, this.#dev.mtu, this.counters, (b, at, end) => this.#inject(b, at, end));
    this.#arrived();
  }

  #inject(b: Uint8Array, o: number, end: number): void {
    this.counters.rxFrames++;
    this.counters.rxBytes += end - o;
    const p = this.#sim.pool.alloc(end - o);
    p.buf.set(b.subarray(o, end), p.start);
    this.#cable.lineFrom(this).transmit(p);
  }
}

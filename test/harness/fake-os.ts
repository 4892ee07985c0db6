import { NOTHING } from "../../src/console/streams.ts";
import type { Ipv4, Mac } from "../../src/core/addr.ts";
import { done, granted, type Outcome, refused } from "../../src/core/errno.ts";
import { LocalTable } from "../../src/core/local.ts";
import type { OsRouteEntry } from "../../src/core/netlink.ts";
import type {
  DatagramHandler,
  FrameInfo,
  Input,
  Os,
  OsAddress,
  OsAlarm,
  OsLink,
  OsRoute,
  PacketSocket,
  Process,
  Program,
  RawSocket,
  SendOptions,
  SocketError,
  UdpSocket,
} from "../../src/core/os.ts";
import { RandomStream } from "../../src/core/rng.ts";
import type { TcpSocket } from "../../src/core/tcp-socket.ts";
import { type Nanos, NEVER } from "../../src/core/time.ts";
import { NodeFiles } from "../../src/nodes/kernel/files.ts";
import { writeHeader } from "../../src/protocols/ipv4/wire.ts";

/** A node without a network: a clock, alarms, and sockets whose sends a test answers. */
export class FakeOs implements Os {
  readonly hostname = "h1";
  readonly local = new LocalTable();
  clock: Nanos = 0;
  readonly files = new NodeFiles(
    () => this.clock,
    () => 1,
  );
  readonly links: OsLink[] = [];
  readonly addresses: OsAddress[] = [];
  /** Where datagrams leave; a test replaces it to refuse them. */
  routes: (destination: Ipv4, source?: Ipv4, ifname?: string) => Outcome<OsRoute> = () => refused("ENETUNREACH");
  /** Sees what raw sockets send, and may refuse it. */
  onRaw: (payload: Uint8Array, to: Ipv4, socket: FakeRaw) => Outcome = () => done;
  /** Sees what UDP sockets send, and may refuse it. */
  onUdp: (payload: Uint8Array, socket: FakeUdp) => Outcome = () => done;
  /** Sees frames that packet sockets send. */
  onFrame: (frame: Uint8Array, socket: FakePacket) => void = () => {};
  readonly raws: FakeRaw[] = [];
  readonly udps: FakeUdp[] = [];
  readonly packets: FakePacket[] = [];
  readonly #events: { at: Nanos; run: () => void }[] = [];
  #ports = 40_000;

  /** A device with one address; the first is where everything is routed. */
  device(ifname: string, address: Ipv4, mac: Mac, length = 24): this {
    const ifindex = this.links.length + 1;
    this.links.push({ ifname, ifindex, mac, mtuBytes: 1500, up: true, carrier: true, arp: true, ethernet: true });
    this.addresses.push({ ifname, address, length });
    if (ifindex === 1) this.routes = () => granted({ source: address, gateway: 0, ifname, mtuBytes: 1500 });
    return this;
  }

  /** Runs `what` at `at`. */
  at(at: Nanos, what: () => void): void {
    this.#events.push({ at, run: what });
  }
  /** Runs `what` after `span`. */
  after(span: Nanos, what: () => void): void {
    this.at(this.clock + span, what);
  }

  /** Lets time pass, in the order of time and then of setting; at most 100,000 events. */
  advance(until: Nanos): void {
    for (let n = 0; n < 100_000; n++) {
      let first = -1;
      for (const [i, e] of this.#events.entries())
        if (e.at <= until && (first < 0 || e.at < (this.#events[first] as { at: Nanos }).at)) first = i;
      if (first < 0) {
        this.clock = Math.max(this.clock, until);
        return;
      }
      const [event] = this.#events.splice(first, 1) as [{ at: Nanos; run: () => void }];
      this.clock = Math.max(this.clock, event.at);
      event.run();
    }
    throw new Error("the fake node is busy without end");
  }

  now(): Nanos {
    return this.clock;
  }
  alarm(ring: () => void): OsAlarm {
    const event = { at: NEVER, run: ring };
    return {
      set: (at) => {
        const i = this.#events.indexOf(event);
        if (i >= 0) this.#events.splice(i, 1);
        event.at = at;
        if (at !== NEVER) this.#events.push(event);
      },
      get deadline() {
        return event.at;
      },
    };
  }
  rng(purpose: string): RandomStream {
    return new RandomStream(purpose);
  }
  trace(): void {}

  udpSocket(): FakeUdp {
    const socket = new FakeUdp(this, ++this.#ports);
    this.udps.push(socket);
    return socket;
  }
  tcpSocket(): TcpSocket {
    throw new Error("the fake has no TCP: use kernels");
  }
  rawSocket(protocol: number): FakeRaw {
    const socket = new FakeRaw(this, protocol);
    this.raws.push(socket);
    return socket;
  }
  packetSocket(ifname: string, etherType: number): Outcome<PacketSocket> {
    if (this.link.find(ifname) === undefined) return refused("ENODEV");
    const socket = new FakePacket(this, ifname, etherType);
    this.packets.push(socket);
    return granted(socket);
  }

  readonly addr = { list: (): readonly OsAddress[] => this.addresses, add: () => done, del: () => done };
  readonly link = {
    list: (): readonly OsLink[] => this.links,
    find: (ifname: string): OsLink | undefined => this.links.find((l) => l.ifname === ifname),
    setUp: () => done,
  };
  readonly labels = {
    limit: () => 0,
    list: () => [],
    replace: () => refused("EINVAL"),
    del: () => refused("EINVAL"),
  };
  readonly route = {
    lookup: (destination: Ipv4, source?: Ipv4, ifname?: string): Outcome<OsRoute> =>
      this.routes(destination, source, ifname),
    list: (): readonly OsRouteEntry[] => [],
    replace: () => done,
    way: () => ({ protocol: 0 }),
    put: () => done,
    del: () => done,
    forwards: () => true,
    setForwards: () => {},
  };
  watch(): () => void {
    return () => {};
  }
  announce(): void {}

  /** Shows an IP payload to the open raw sockets of `protocol`, behind a header with `ttl` and `options`. */
  deliver(payload: Uint8Array, from: Ipv4, to: Ipv4, ttl = 64, protocol = 1, options = new Uint8Array()): void {
    const header = 20 + options.length;
    const b = new Uint8Array(header + payload.length);
    writeHeader(b, 0, 0, b.length, 0, 0, ttl, protocol, from, to);
    b[0] = 0x40 | (header >> 2);
    b.set(options, 20);
    b.set(payload, header);
    const info = {
      source: from,
      sourcePort: 0,
      destination: to,
      destinationPort: 0,
      ttl,
      tos: 0,
      ifindex: 1,
      header: 0,
    };
    for (const raw of [...this.raws])
      if (!raw.closed && raw.protocol === protocol) raw.handler(b, header, b.length, info);
  }
}

/** What the fake sockets share. */
class FakeDatagram {
  readonly options: SendOptions = {};
  readonly os: FakeOs;
  handler: DatagramHandler = () => {};
  failed: (error: SocketError) => void = () => {};
  closed = false;
  localAddress = 0;

  constructor(os: FakeOs) {
    this.os = os;
  }
  onReceive(handler: DatagramHandler): void {
    this.handler = handler;
  }
  onWritable(): void {}
  onError(handler: (error: SocketError) => void): void {
    this.failed = handler;
  }
  joinGroup(): Outcome {
    return done;
  }
  leaveGroup(): Outcome {
    return done;
  }
  close(): void {
    this.closed = true;
  }
  protected ownAddress(address: Ipv4): Outcome {
    if (address !== 0 && !this.os.addresses.some((a) => a.address === address)) return refused("EADDRNOTAVAIL");
    this.localAddress = address;
    return done;
  }
}

export class FakeRaw extends FakeDatagram implements RawSocket {
  readonly protocol: number;
  constructor(os: FakeOs, protocol: number) {
    super(os);
    this.protocol = protocol;
  }
  bind(address: Ipv4): Outcome {
    return this.ownAddress(address);
  }
  sendTo(payload: Uint8Array, to: Ipv4): Outcome {
    return this.os.onRaw(payload, to, this);
  }
}

export class FakeUdp extends FakeDatagram implements UdpSocket {
  localPort = 0;
  remoteAddress = 0;
  remotePort = 0;
  readonly #free: number;
  constructor(os: FakeOs, free: number) {
    super(os);
    this.#free = free;
  }
  bind(address: Ipv4, port: number): Outcome {
    this.localPort = port === 0 ? this.#free : port;
    return this.ownAddress(address);
  }
  connect(address: Ipv4, port: number): Outcome {
    const route = this.os.route.lookup(address, this.localAddress, this.options.ifname);
    if (!route.ok) return route;
    if ((address & 0xff) === 255 && !this.options.broadcast) return refused("EACCES");
    if (this.localAddress === 0) this.localAddress = route.value.source;
    if (this.localPort === 0) this.localPort = this.#free;
    this.remoteAddress = address;
    this.remotePort = port;
    return done;
  }
  send(payload: Uint8Array): Outcome {
    return this.os.onUdp(payload, this);
  }
  sendTo(payload: Uint8Array, address: Ipv4, port: number): Outcome {
    this.remoteAddress = address;
    this.remotePort = port;
    return this.os.onUdp(payload, this);
  }
}

export class FakePacket implements PacketSocket {
  readonly ifname: string;
  readonly etherType: number;
  closed = false;
  handler: (b: Uint8Array, o: number, end: number, info: FrameInfo) => void = () => {};
  readonly #os: FakeOs;
  constructor(os: FakeOs, ifname: string, etherType: number) {
    this.#os = os;
    this.ifname = ifname;
    this.etherType = etherType;
  }
  onReceive(handler: (b: Uint8Array, o: number, end: number, info: FrameInfo) => void): void {
    this.handler = handler;
  }
  send(frame: Uint8Array): Outcome {
    this.#os.onFrame(frame, this);
    return done;
  }
  close(): void {
    this.closed = true;
  }
  /** Shows a frame to the program, if the socket is still open. */
  deliver(frame: Uint8Array, outgoing = false): void {
    if (!this.closed) this.handler(frame, 0, frame.length, { ifindex: 1, outgoing });
  }
}

/** A program that runs, or has run: what it printed and how it ended. */
export class FakeProcess implements Process {
  readonly os: Os;
  readonly args: readonly string[];
  /** Standard output and standard error apart. */
  output = "";
  errors = "";
  input: Input = NOTHING;
  serving = false;
  status: number | undefined;
  #interrupted: () => void = () => this.exit(130);

  constructor(os: Os, line: string) {
    this.os = os;
    this.args = line.split(" ").filter((word) => word !== "");
  }
  out(text: string): void {
    if (this.status !== undefined) throw new Error(`output after the end: ${text}`);
    this.output += text;
  }
  write(b: Uint8Array, o = 0, end = b.length): void {
    this.out(new TextDecoder().decode(b.subarray(o, end)));
  }
  serve(): void {
    this.serving = true;
  }
  err(text: string): void {
    if (this.status !== undefined) throw new Error(`output after the end: ${text}`);
    this.errors += text;
  }
  exit(status: number): void {
    if (this.status !== undefined) throw new Error("ended twice");
    this.status = status;
  }
  onInterrupt(handler: () => void): void {
    this.#interrupted = handler;
  }
  interrupt(): void {
    this.#interrupted();
  }
}

/** Starts a program with the words of `line`. */
export function start(program: Program, os: Os, line: string): FakeProcess {
  const process = new FakeProcess(os, line);
  program(process);
  return process;
}

import { parseIp } from "../../../../src/core/addr.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import type { TcpOptions, TcpSocket } from "../../../../src/core/tcp-socket.ts";
import type { Nanos } from "../../../../src/core/time.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { Cable, type LineQuality } from "../../../../src/nodes/link.ts";
import { decode, IPPROTO_TCP } from "../../../../src/protocols/ipv4/wire.ts";
import { decode as decodeTcp, type TcpHeader } from "../../../../src/protocols/tcp/wire.ts";
import { device, must } from "../../../harness/kernels.ts";

/** Two hosts and a cable; nothing looks at their frames unless asked. */
export interface Pair {
  readonly sim: Simulation;
  readonly a: Kernel;
  readonly b: Kernel;
  readonly cable: Cable;
}

export const A = parseIp("10.0.0.1") as number;
export const B = parseIp("10.0.0.2") as number;

export function pair(seed = 1, quality: Partial<LineQuality> = {}): Pair {
  const sim = new Simulation(seed);
  const [a, b] = [new Kernel(sim, "a"), new Kernel(sim, "b")];
  const [x, y] = [card(a), card(b)];
  const cable = new Cable(sim, 0, x, y);
  cable.tune(quality);
  x.plug(cable);
  y.plug(cable);
  a.setUp(x, true);
  b.setUp(y, true);
  must(a.addresses.add(x.ifindex, { address: A, length: 24 }));
  must(b.addresses.add(y.ifindex, { address: B, length: 24 }));
  return { sim, a, b, cable };
}

/** What is lost of ARP is no concern of the test. */
export function patientArp({ a, b }: Pair): void {
  for (const k of [a, b]) Object.assign(device(k, "eth0").inet.neighParms, { mcastSolicit: 1000, ucastSolicit: 1000 });
}

const card = (k: Kernel): EthernetDevice =>
  must(k.register("eth0", (name, ifindex) => new EthernetDevice(k, name, ifindex)));

/** A segment that a device sent or received, with its data. */
export interface Seen {
  readonly at: Nanos;
  readonly out: boolean;
  readonly tcp: TcpHeader;
  readonly data: Uint8Array;
  readonly tos: number;
  readonly id: number;
  readonly ttl: number;
}

/** The TCP segments that pass `eth0` of a host from now on. */
export function watch(k: Kernel): Seen[] {
  const seen: Seen[] = [];
  k.device("eth0")?.addTap({
    frame: (_dev, p, out) => {
      if (p.view.getUint16(p.start + 12) !== 0x0800) return;
      const bytes = p.buf.slice(p.start + 14, p.end);
      const ip = decode(bytes, 0, bytes.length);
      if (!ip.ok || ip.value.protocol !== IPPROTO_TCP) return;
      const at = 20 + ip.value.optionsRaw.length;
      const tcp = decodeTcp(bytes, at, ip.value.totalLength);
      if (!tcp.ok) return;
      const data = bytes.slice(at + 20 + tcp.value.optionsRaw.length, ip.value.totalLength);
      const { tos, id, ttl } = ip.value;
      seen.push({ at: k.sim.now, out, tcp: tcp.value, data, tos, id, ttl });
    },
  });
  return seen;
}

/** What a program at one end has seen of a connection. */
export class End {
  readonly socket: TcpSocket;
  readonly chunks: Uint8Array[] = [];
  connected = false;
  ended = false;
  failed: string | null = null;
  received = 0;

  constructor(socket: TcpSocket) {
    this.socket = socket;
  }

  /** Reads whatever comes. */
  read(): this {
    this.socket.onData((b, o, end) => {
      this.chunks.push(b.slice(o, end));
      this.received += end - o;
    });
    this.socket.onEnd(() => {
      this.ended = true;
    });
    this.socket.onError((errno) => {
      this.failed = errno;
    });
    return this;
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.received);
    let at = 0;
    for (const c of this.chunks) {
      all.set(c, at);
      at += c.length;
    }
    return all;
  }

  /** Writes all of `data`, as the send buffer takes it; then calls `done`. */
  send(data: Uint8Array, done: () => void = () => {}): void {
    let at = 0;
    const more = (): void => {
      while (at < data.length) {
        const taken = this.socket.write(data, at, data.length);
        at += taken;
        if (at < data.length) return;
      }
      this.socket.onWritable(() => {});
      done();
    };
    this.socket.onWritable(more);
    more();
  }
}

/** The end of a connection that a listener accepts sooner or later. */
export interface Accepted {
  readonly accepted: boolean;
  end(): End;
}

/** A listener on `b` port 80, and a connection from `a`, from `port` or any. */
export function connect(
  { a, b }: Pair,
  options: TcpOptions = {},
  serverOptions: TcpOptions = {},
  port = 0,
): { readonly client: End; readonly server: Accepted } {
  const listener = b.os.tcpSocket();
  Object.assign(listener.options, serverOptions);
  must(listener.bind(0, 80));
  let server: End | undefined;
  must(
    listener.listen(16, (socket) => {
      server = new End(socket);
      server.connected = true;
      server.read();
    }),
  );
  const socket = a.os.tcpSocket();
  Object.assign(socket.options, options);
  if (port > 0) must(socket.bind(0, port));
  const client = new End(socket);
  must(
    socket.connect(B, 80, (failed) => {
      client.connected = failed === null;
      client.failed = failed;
    }),
  );
  client.read();
  return {
    client,
    server: {
      get accepted() {
        return server !== undefined;
      },
      end() {
        if (server === undefined) throw new Error("nobody has connected");
        return server;
      },
    },
  };
}

/** Octets that differ along the way, and between `salt`s. */
export const pattern = (length: number, salt = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17 + salt * 101) & 0xff);

import type { TcpSocket } from "../src/core/tcp-socket.ts";
import { S } from "../src/core/time.ts";
import type { Kernel } from "../src/nodes/kernel/kernel.ts";
import { buildPath, type Chain, must } from "./workloads.ts";

/** The anchor's bulk transfer (`tcp_bulk.cc`), built on netloom. */

const ROUTERS = 4;
const LINE = { rateBps: 1_000_000_000, delayNs: 200_000, queueFrames: 1000 };
const PORT = 9000;
/** What the program writes at once. */
const CHUNK_BYTES = 131_072;

/** One connection that carries `bytes` octets over four routers, 1 Gbit/s and 0.2 ms a cable. `congestion`: `cubic` or `reno`. */
export function buildBulk(congestion: string, bytes: number): Chain {
  const { sim, kernels, end } = buildPath(ROUTERS, LINE);
  const sink = new BulkSink();
  sink.listen(kernels.at(-1) as Kernel);
  const client = (kernels[0] as Kernel).os.tcpSocket();
  client.options.congestion = congestion;
  let startAt = 0;
  const start = (): void => {
    startAt = sim.now;
    must(
      client.connect(end, PORT, (failed) =>
        failed === null ? feed(client, bytes) : must({ ok: false, errno: failed }),
      ),
    );
  };
  sim.at(S, { label: "bulk", fire: start });
  return {
    sim,
    kernels,
    sink: {
      // Segments that came to either end, as the peer's program counts them.
      get packets() {
        return sink.segments + client.info().segsIn;
      },
      get bytes() {
        return sink.bytes;
      },
    },
    hopsPerPacket: ROUTERS + 1,
    figures: () => ({
      goodput_bps: (sink.bytes * 8 * S) / (sink.lastAt - startAt),
      late_goodput_bps: sink.lateBps(),
      retransmitted: client.info().retransTotal,
    }),
  };
}

/** Writes `bytes` octets as the connection takes them, then shuts it. */
function feed(socket: TcpSocket, bytes: number): void {
  const chunk = Uint8Array.from({ length: CHUNK_BYTES }, (_, i) => i * 7);
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const wanted = Math.min(left, chunk.length);
      const taken = socket.lend(chunk, 0, wanted);
      left -= taken;
      if (taken < wanted) return;
    }
    socket.close();
  };
  socket.onWritable(more);
  more();
}

/** Counts what arrives. */
class BulkSink {
  bytes = 0;
  /** When the last octet came, and what had come at `#lateAt`, after slow start. */
  lastAt = 0;
  #lateAt = 0;
  #lateBytes = 0;
  #socket: TcpSocket | null = null;

  get segments(): number {
    return this.#socket?.info().dataSegsIn ?? 0;
  }

  /** Bits in a second since `LATE_NS` after the first octet. */
  lateBps(): number {
    return this.#lateAt === 0 ? 0 : ((this.bytes - this.#lateBytes) * 8 * S) / (this.lastAt - this.#lateAt);
  }

  listen(kernel: Kernel): void {
    const { sim } = kernel;
    const listener = kernel.os.tcpSocket();
    must(listener.bind(0, PORT));
    const accept = (socket: TcpSocket): void => {
      this.#socket = socket;
      const lateAt = sim.now + LATE_NS;
      socket.onData((_b, o, end) => {
        this.bytes += end - o;
        this.lastAt = sim.now;
        if (this.#lateAt === 0 && sim.now >= lateAt) {
          this.#lateAt = sim.now;
          this.#lateBytes = this.bytes;
        }
      });
      socket.onEnd(() => socket.close());
    };
    must(listener.listen(1, accept));
  }
}

/** Slow start is over by then. */
const LATE_NS = S / 2;

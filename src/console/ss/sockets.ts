import type { TcpInfo } from "../../core/tcp-socket.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";

/** A socket as ss has it. */
export interface SocketRow {
  readonly netid: "udp" | "tcp";
  readonly state: string;
  readonly recvQueue: number;
  readonly sendQueue: number;
  readonly localAddress: number;
  readonly localPort: number;
  readonly remoteAddress: number;
  readonly remotePort: number;
  readonly ifname: string;
  readonly timer: string;
  readonly timerMs: number;
  readonly timerRetrans: number;
  readonly info: TcpInfo | undefined;
}

const NAMES: Readonly<Record<string, string>> = {
  ESTABLISHED: "ESTAB",
  CLOSED: "UNCONN",
  "SYN-RECEIVED": "SYN-RECV",
};

/** Every socket of a node in the order in which ss shows them: UDP; TCP listeners, connections, and those that wait. */
export function* socketsOf(kernel: Kernel, udp: boolean, tcp: boolean): Generator<SocketRow> {
  const none = { recvQueue: 0, sendQueue: 0, timer: "", timerMs: 0, timerRetrans: 0, info: undefined };
  if (udp)
    for (const s of kernel.udp.sockets())
      yield {
        ...none,
        netid: "udp",
        state: s.remotePort === 0 ? "UNCONN" : "ESTAB",
        sendQueue: s.sendBuffer.used,
        localAddress: s.localAddress,
        localPort: s.localPort,
        remoteAddress: s.remoteAddress,
        remotePort: s.remotePort,
        ifname: s.options.ifname ?? "",
      };
  if (!tcp) return;
  for (const s of kernel.tcp.listeners())
    yield {
      ...none,
      netid: "tcp",
      state: "LISTEN",
      recvQueue: s.listener?.waiting ?? 0,
      sendQueue: s.listener?.backlog ?? 0,
      localAddress: s.localAddress,
      localPort: s.localPort,
      remoteAddress: 0,
      remotePort: 0,
      ifname: s.ifname ?? "",
      info: undefined,
    };
  for (const s of kernel.tcp.connections()) {
    const info = s.info();
    yield {
      netid: "tcp",
      state: NAMES[s.state] ?? s.state,
      recvQueue: info.recvQueue,
      sendQueue: info.sendQueue,
      localAddress: s.localAddress,
      localPort: s.localPort,
      remoteAddress: s.remoteAddress,
      remotePort: s.remotePort,
      ifname: s.ifname ?? "",
      timer: info.timer,
      timerMs: info.timerMs,
      timerRetrans: info.timerRetrans,
      info,
    };
  }
  for (const w of kernel.tcp.waits())
    yield {
      ...none,
      netid: "tcp",
      state: "TIME-WAIT",
      localAddress: w.localAddress >>> 0,
      localPort: w.localPort,
      remoteAddress: w.remoteAddress >>> 0,
      remotePort: w.remotePort,
      ifname: w.ifname ?? "",
      timer: "timewait",
      timerMs: Math.max(0, (w.expiresAt - kernel.sim.now) / 1e6),
      timerRetrans: 0,
    };
}

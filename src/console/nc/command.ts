import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { type Errno, strerror } from "../../core/errno.ts";
import type { OsAlarm, Process, Program, UdpSocket } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { NEVER, S } from "../../core/time.ts";
import { spread } from "../files/reading.ts";
import { OctetSender } from "../sockets/sender.ts";
import { type NcCommand, parseNc, serviceName, UNKNOWN } from "./options.ts";

/** Octets that are taken from standard input at a time (BUFSIZE), and from made octets for TCP. */
const DATAGRAM = 16_384;
const TAKEN_MAX = 1 << 20;
/** How often `-z -u` asks, a second apart, whether somebody refuses. */
const UDP_TESTS = 3;

/** `nc` of Debian (OpenBSD's netcat 1.219), for TCP and UDP over IPv4. */
export const nc: Program = (self) => {
  const parsed = parseNc(self.args);
  if (!parsed.ok) {
    self.err(parsed.text);
    return self.exit(1);
  }
  const c = parsed.value;
  if (c.address === undefined) {
    self.err(`nc: getaddrinfo for host "${c.host}" port ${c.ports[0]}: ${UNKNOWN}\n`);
    return self.exit(1);
  }
  if (c.listen && c.udp) listenUdp(self, c, c.address);
  else if (c.listen) listenTcp(self, c, c.address);
  else new Dialer(self, c, c.address).next();
};

/** Tries one port after the other; without `-z` the first that answers is talked to. */
class Dialer {
  readonly #self: Process;
  readonly #c: NcCommand;
  readonly #address: Ipv4;
  #at = 0;
  #status = 1;
  #stop: (() => void) | undefined;

  constructor(self: Process, c: NcCommand, address: Ipv4) {
    this.#self = self;
    this.#c = c;
    this.#address = address;
    self.onInterrupt(() => {
      this.#stop?.();
      self.exit(130);
    });
  }

  next(): void {
    const port = this.#c.ports[this.#at++];
    if (port === undefined) return this.#self.exit(this.#status);
    if (this.#c.udp) this.#udp(port);
    else this.#tcp(port);
  }

  #tcp(port: number): void {
    const { os } = this.#self;
    const { source, sourcePort, waitS, host } = this.#c;
    const socket = os.tcpSocket();
    socket.options.reuseAddress = true;
    this.#stop = () => socket.close();
    if (source !== 0 || sourcePort !== 0) {
      const bound = socket.bind(source, sourcePort);
      if (!bound.ok) return this.#die(`nc: bind failed: ${strerror(bound.errno)}\n`);
    }
    let over = false;
    const failed = (why: string): void => {
      over = true;
      alarm.set(NEVER);
      socket.close();
      if (this.#c.verbose) this.#self.err(`nc: connect to ${host} port ${port} (tcp) ${why}\n`);
      this.next();
    };
    const alarm = os.alarm(() => failed("timed out: Operation now in progress"));
    if (waitS !== undefined && waitS > 0) alarm.set(os.now() + waitS * S);
    const begun = socket.connect(this.#address, port, (errno) => {
      if (over) return;
      if (errno !== null) return failed(`failed: ${strerror(errno)}`);
      alarm.set(NEVER);
      this.#succeeded(port, "tcp");
      if (this.#c.scan) {
        socket.close();
        return this.next();
      }
      const talk = new TcpTalk(this.#self, this.#c, socket, (status) => this.#self.exit(status));
      this.#stop = () => talk.stop();
    });
    if (!begun.ok) failed(`failed: ${strerror(begun.errno)}`);
  }

  #udp(port: number): void {
    const { os } = this.#self;
    const { source, sourcePort, scan, verbose } = this.#c;
    const socket = os.udpSocket();
    this.#stop = () => socket.close();
    if (source !== 0 || sourcePort !== 0) {
      const bound = socket.bind(source, sourcePort);
      if (!bound.ok) return this.#die(`nc: bind failed: ${strerror(bound.errno)}\n`);
    }
    const begun = socket.connect(this.#address, port);
    if (!begun.ok) {
      if (verbose)
        this.#self.err(`nc: connect to ${this.#c.host} port ${port} (udp) failed: ${strerror(begun.errno)}\n`);
      return this.next();
    }
    const talk = (): void => {
      this.#succeeded(port, "udp");
      if (!scan) return new UdpTalk(this.#self, this.#c, socket, undefined).start();
      socket.close();
      this.next();
    };
    if (!scan && !verbose) return talk();
    let tries = 0;
    let refused = false;
    socket.onError((e) => {
      refused ||= e.errno === "ECONNREFUSED";
    });
    const alarm = os.alarm(() => probe());
    const probe = (): void => {
      if (refused) {
        socket.close();
        return this.next();
      }
      if (tries++ === UDP_TESTS) return talk();
      socket.send(Uint8Array.of(0x58));
      alarm.set(os.now() + S);
    };
    probe();
  }

  #succeeded(port: number, protocol: string): void {
    this.#status = 0;
    if (!this.#c.verbose && !this.#c.scan) return;
    const { host, numeric } = this.#c;
    const service = numeric ? "*" : serviceName(port);
    if (this.#c.verbose) this.#self.err(`Connection to ${host} ${port} port [${protocol}/${service}] succeeded!\n`);
  }
  #die(text: string): void {
    this.#self.err(text);
    this.#self.exit(1);
  }
}

function listenTcp(self: Process, c: NcCommand, address: Ipv4): void {
  const { os } = self;
  const listener = os.tcpSocket();
  listener.options.reuseAddress = true;
  const bound = listener.bind(address, c.ports[0] as number);
  let talk: TcpTalk | undefined;
  const listening = bound.ok
    ? listener.listen(1, (socket) => {
        listener.holdAccept(true);
        if (!c.keep) listener.close();
        if (c.verbose) self.err(`Connection received on ${formatIp(socket.remoteAddress)} ${socket.remotePort}\n`);
        talk = new TcpTalk(self, c, socket, (status) => {
          talk = undefined;
          if (!c.keep) return self.exit(status);
          listener.holdAccept(false);
        });
      })
    : bound;
  if (!listening.ok) {
    self.err(`nc: ${strerror(listening.errno)}\n`);
    return self.exit(1);
  }
  if (c.verbose) self.err(`Listening on ${formatIp(address)} ${c.ports[0]}\n`);
  self.serve();
  self.onInterrupt(() => {
    talk?.stop();
    listener.close();
    self.exit(130);
  });
}

function listenUdp(self: Process, c: NcCommand, address: Ipv4): void {
  const socket = self.os.udpSocket();
  const bound = socket.bind(address, c.ports[0] as number);
  if (!bound.ok) {
    self.err(`nc: ${strerror(bound.errno)}\n`);
    return self.exit(1);
  }
  if (c.verbose) self.err(`Bound on ${formatIp(address)} ${c.ports[0]}\n`);
  self.serve();
  const talk = new UdpTalk(self, c, socket, c.keep ? "anybody" : "first");
  self.onInterrupt(() => {
    socket.close();
    self.exit(130);
  });
  talk.start();
}

/** Standard input to a connection, and a connection to standard output (`netcat.c:readwrite`). */
class TcpTalk {
  readonly #self: Process;
  readonly #c: NcCommand;
  readonly #socket: TcpSocket;
  readonly #sender: OctetSender;
  readonly #ended: (status: number) => void;
  readonly #idle: OsAlarm;
  readonly #quit: OsAlarm;
  #inputOver: boolean;
  #over = false;

  constructor(self: Process, c: NcCommand, socket: TcpSocket, ended: (status: number) => void) {
    this.#self = self;
    this.#c = c;
    this.#socket = socket;
    this.#sender = new OctetSender(socket);
    this.#ended = ended;
    this.#inputOver = c.detached;
    this.#idle = self.os.alarm(() => this.#finish());
    this.#quit = self.os.alarm(() => this.#finish());
    this.#active();
    this.#sender.onDrained = () => this.#pump();
    socket.onError((errno) => this.#failed(errno));
    socket.onEnd(() => this.#finish());
    self.input.onReadable(() => this.#pump());
    socket.onData((b, o, end) => {
      this.#active();
      self.write(b, o, end);
    });
    this.#pump();
  }

  stop(): void {
    this.#over = true;
    this.#idle.set(NEVER);
    this.#quit.set(NEVER);
    this.#socket.close();
  }

  #active(): void {
    const { waitS } = this.#c;
    if (waitS !== undefined && waitS > 0 && !this.#over) this.#idle.set(this.#self.os.now() + waitS * S);
  }

  #pump(): void {
    const { input, os } = this.#self;
    while (!this.#over && !this.#inputOver && this.#sender.idle) {
      const run = input.take(TAKEN_MAX);
      if (run === undefined) {
        if (!input.ended) return;
        this.#inputOver = true;
        const { shut, quitS } = this.#c;
        if (shut) this.#socket.shutdown();
        if (quitS !== undefined && quitS >= 0) this.#quit.set(os.now() + quitS * S);
        return;
      }
      this.#active();
      this.#sender.send(run);
    }
  }

  #failed(errno: Errno): void {
    if (this.#over) return;
    if (this.#c.verbose) this.#self.err(`nc: read failed (0/4): ${strerror(errno)}\n`);
    this.stop();
    this.#ended(1);
  }
  #finish(): void {
    if (this.#over) return;
    this.stop();
    this.#ended(0);
  }
}

/** The same with datagrams. `from`: who may be talked to, where that is not settled. */
class UdpTalk {
  readonly #self: Process;
  readonly #c: NcCommand;
  readonly #socket: UdpSocket;
  readonly #from: "first" | "anybody" | undefined;
  readonly #alarm: OsAlarm;
  #over = false;

  constructor(self: Process, c: NcCommand, socket: UdpSocket, from: "first" | "anybody" | undefined) {
    this.#self = self;
    this.#c = c;
    this.#socket = socket;
    this.#from = from;
    this.#alarm = self.os.alarm(() => this.#finish(0));
  }

  start(): void {
    const { verbose } = this.#c;
    let peer = this.#from === undefined;
    this.#socket.onError(() => {
      if (this.#from === undefined) this.#finish(1);
    });
    this.#socket.onReceive((b, o, end, info) => {
      if (!peer && this.#from === "first") {
        this.#socket.connect(info.source, info.sourcePort);
        if (verbose) this.#self.err(`Connection received on ${formatIp(info.source)} ${info.sourcePort}\n`);
        peer = true;
        this.#pump();
      }
      this.#active();
      this.#self.write(b, o, end);
    });
    this.#self.input.onReadable(() => {
      if (peer) this.#pump();
    });
    if (peer) {
      this.#active();
      this.#pump();
    }
  }

  #active(): void {
    const { waitS } = this.#c;
    if (waitS !== undefined && waitS > 0) this.#alarm.set(this.#self.os.now() + waitS * S);
  }
  #pump(): void {
    const { input, os } = this.#self;
    if (this.#c.detached || this.#over) return;
    for (let run = input.take(DATAGRAM); run !== undefined; run = input.take(DATAGRAM)) {
      const [b, o, end] = spread(run);
      this.#socket.send(b.subarray(o, end));
    }
    const { quitS } = this.#c;
    if (input.ended && quitS !== undefined && quitS >= 0) this.#alarm.set(os.now() + quitS * S);
  }
  #finish(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#alarm.set(NEVER);
    this.#socket.close();
    this.#self.exit(status);
  }
}

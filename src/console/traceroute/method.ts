import type { Ipv4 } from "../../core/addr.ts";
import type { Outcome } from "../../core/errno.ts";
import type { Os, SendOptions, SocketError, UdpSocket } from "../../core/os.ts";
import * as icmp from "../../protocols/icmp/wire.ts";
import { readMessage } from "../ping/message.ts";
import type { TraceCommand } from "./command.ts";

/** An answer to a probe: from the destination itself, or an ICMP error; `local` when the own kernel gives it. */
export interface Answer {
  readonly kind: "reply" | "error" | "local";
  readonly from: Ipv4;
  readonly ttl: number;
  readonly type: number;
  readonly code: number;
  readonly mtuBytes: number;
  /** The extension structure behind what an ICMP error quotes. */
  readonly extension?: Uint8Array | undefined;
}

/** A call that failed for good, in the words of `perror`. */
export type Sent = { readonly ok: true } | { readonly ok: false; readonly call: string; readonly outcome: Outcome };

/** How probes are sent and their answers told from others. */
export interface Method {
  /** Opens what all probes share. */
  open(): Sent;
  /** Sends probe `n`; `answered` may be called even before this returns. */
  send(n: number, ttl: number, dataBytes: number): Sent;
  /** Probe `n` needs no answer any more. */
  forget(n: number): void;
  close(): void;
}

/** Called with each answer. */
export type Answered = (n: number, answer: Answer) => void;

export const methodOf = (os: Os, c: TraceCommand, answered: Answered): Method =>
  c.method === "icmp" ? new IcmpMethod(os, c, answered) : new UdpMethod(os, c, answered);

const failed = (call: string, outcome: Outcome): Sent => ({ ok: false, call, outcome });
const sentOk: Sent = { ok: true };

function setOptions(options: SendOptions, c: TraceCommand): void {
  if (c.ifname !== undefined) options.ifname = c.ifname;
  if (c.tos !== 0) options.tos = c.tos;
  if (c.mark !== 0) options.mark = c.mark;
  options.pathMtuDiscovery = c.dontFragment ? "probe" : "dont";
}

/** The octets of a probe's data, as traceroute counts them. */
function fill(b: Uint8Array, o: number): void {
  for (let i = o; i < b.length; i++) b[i] = 0x40 + (i & 0x3f);
}

const START_PORT = 33_434;
const UDP_PORT = 53;

/** A socket per probe, connected to a port that nobody is thought to listen on: the next one for every probe, or port 53. */
class UdpMethod implements Method {
  readonly #os: Os;
  readonly #c: TraceCommand;
  readonly #answered: Answered;
  readonly #sockets = new Map<number, UdpSocket>();
  #port: number;

  constructor(os: Os, c: TraceCommand, answered: Answered) {
    this.#os = os;
    this.#c = c;
    this.#answered = answered;
    this.#port = (c.port || (c.method === "default" ? START_PORT : UDP_PORT)) & 0xffff;
  }

  open(): Sent {
    return sentOk;
  }

  send(n: number, ttl: number, dataBytes: number): Sent {
    const c = this.#c;
    const socket = this.#os.udpSocket();
    const give = (call: string, outcome: Outcome): Sent => {
      socket.close();
      return failed(call, outcome);
    };
    setOptions(socket.options, c);
    socket.options.ttl = ttl;
    socket.options.multicastTtl = ttl;
    const bound = socket.bind(c.source, c.sourcePort);
    if (!bound.ok) return give("bind", bound);
    const connected = socket.connect(c.destination, this.#port);
    if (!connected.ok) return give("connect", connected);
    this.#sockets.set(n, socket);
    socket.onError((e) => this.#answered(n, fromError(e)));
    socket.onReceive((_b, _o, _end, { source, ttl }) =>
      this.#answered(n, { kind: "reply", from: source, ttl, type: 0, code: 0, mtuBytes: 0 }),
    );
    const data = new Uint8Array(dataBytes);
    fill(data, 0);
    const sent = socket.send(data);
    if (!sent.ok && sent.errno !== "EMSGSIZE") {
      this.forget(n);
      return failed("send", sent);
    }
    if (c.method === "default") this.#port = (this.#port + 1) & 0xffff;
    return sentOk; // a message too long has been told through the error handler
  }

  forget(n: number): void {
    this.#sockets.get(n)?.close();
    this.#sockets.delete(n);
  }

  close(): void {
    for (const n of [...this.#sockets.keys()]) this.forget(n);
  }
}

function fromError(e: SocketError): Answer {
  const local = e.icmpType === 0; // no ICMP error has type 0
  return {
    kind: local ? "local" : "error",
    from: e.offender,
    ttl: e.ttl,
    type: e.icmpType,
    code: e.icmpCode,
    mtuBytes: e.mtuBytes,
    extension: e.extension,
  };
}

/** Echo requests through one raw socket, told apart by their sequence numbers. */
class IcmpMethod implements Method {
  readonly #c: TraceCommand;
  readonly #answered: Answered;
  readonly #socket;
  readonly #id: number;
  readonly #probes = new Map<number, number>();
  #sequence: number;
  #sending = 0;

  constructor(os: Os, c: TraceCommand, answered: Answered) {
    this.#c = c;
    this.#answered = answered;
    this.#id = os.rng("traceroute").u16();
    this.#sequence = c.port || 1;
    this.#socket = os.rawSocket(1);
    setOptions(this.#socket.options, c);
  }

  open(): Sent {
    const { source } = this.#c;
    const bound = this.#socket.bind(source);
    if (!bound.ok) return failed("bind", bound);
    this.#socket.onReceive((b, o, end, info) => this.#receive(b, o, end, info.source, info.ttl));
    this.#socket.onError((e) => {
      if (e.icmpType === 0) this.#answered(this.#sending, fromError(e)); // others come as ICMP messages too
    });
    return sentOk;
  }

  send(n: number, ttl: number, dataBytes: number): Sent {
    const message = new Uint8Array(dataBytes);
    message[0] = icmp.ICMP_ECHO;
    fill(message, icmp.HEADER);
    icmp.setId(message, 0, this.#id);
    icmp.setSeq(message, 0, this.#sequence & 0xffff);
    icmp.seal(message, 0, message.length);
    this.#sending = n;
    this.#probes.set(this.#sequence & 0xffff, n);
    this.#sequence++;
    const sent = this.#socket.sendTo(message, this.#c.destination, { ttl, multicastTtl: ttl });
    return sent.ok || sent.errno === "EMSGSIZE" ? sentOk : failed("send", sent);
  }

  #receive(b: Uint8Array, o: number, end: number, from: Ipv4, ttl: number): void {
    const message = readMessage(b, o, end, this.#id, this.#c.destination);
    const n = message && this.#probes.get(message.seq);
    if (message === undefined || n === undefined || message.kind === "hint") return;
    if (message.kind === "reply" && from !== this.#c.destination) return;
    const { kind, type, code, info } = message;
    const at = icmp.extensionsAt(b, o, end);
    const extension = at < 0 ? undefined : b.slice(at, end);
    this.#answered(n, { kind, from, ttl, type, code, mtuBytes: type === icmp.ICMP_DEST_UNREACH ? info : 0, extension });
  }

  forget(n: number): void {
    for (const [sequence, probe] of this.#probes) if (probe === n) this.#probes.delete(sequence);
  }

  close(): void {
    this.#socket.close();
  }
}

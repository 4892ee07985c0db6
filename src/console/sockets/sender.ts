import type { Octets } from "../../core/octets.ts";
import type { BytePattern, TcpSocket } from "../../core/tcp-socket.ts";

/** Made octets are given to a socket in pieces of this size, until its send buffer is full. */
const PIECE = 256 * 1024;

/** Writes runs of octets to a socket as it takes them. Nothing is copied: they must not change until they are acknowledged. */
export class OctetSender {
  readonly #socket: TcpSocket;
  readonly #waiting: Octets[] = [];
  /** Called each time when everything was taken by the socket. */
  onDrained: (() => void) | undefined;
  /** Octets that the socket took: where in its stream the next one stands. */
  #position = 0;
  /** How much of the first run it has. */
  #taken = 0;
  #pattern: BytePattern | undefined;

  constructor(socket: TcpSocket) {
    this.#socket = socket;
    socket.onWritable(() => this.#pump());
  }

  /** Octets that the socket took. */
  get sent(): number {
    return this.#position;
  }
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  send(...runs: readonly Octets[]): void {
    const idle = this.idle;
    for (const run of runs) if (run.count > 0) this.#waiting.push(run);
    if (idle) this.#pump();
  }
  sendBytes(b: Uint8Array): void {
    this.send({ from: b, at: 0, count: b.length });
  }

  #pump(): void {
    const was = this.#position;
    for (let run = this.#waiting[0]; run !== undefined; run = this.#waiting[0]) {
      const taken = run.from instanceof Uint8Array ? this.#lend(run.from, run) : this.#generate(run.from, run);
      if (taken === 0) return;
      this.#position += taken;
      this.#taken += taken;
      if (this.#taken < run.count) continue;
      this.#waiting.shift();
      this.#taken = 0;
      this.#pattern = undefined;
    }
    if (this.#position > was) this.onDrained?.();
  }

  #lend(b: Uint8Array, { at, count }: Octets): number {
    return this.#socket.lend(b, at + this.#taken, at + count);
  }

  #generate(from: BytePattern, { at, count }: Octets): number {
    const socket = this.#socket;
    if (this.#position > 0 && socket.unacked > socket.info().sndbuf) return 0; // `onWritable` tells when that is over
    const shift = at - (this.#position - this.#taken);
    this.#pattern ??= { fill: (b, o, end, position) => from.fill(b, o, end, position + shift) };
    return socket.generate(this.#pattern, Math.min(PIECE, count - this.#taken));
  }
}

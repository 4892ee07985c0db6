import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { type Errno, strerror } from "../../core/errno.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import {
  type Body,
  ChunkedReader,
  decodeResponse,
  encodeRequest,
  HEAD_MAX,
  headEnd,
  persists,
  type RequestHead,
  type ResponseHead,
  responseBody,
} from "../../protocols/http/wire.ts";
import { OctetSender } from "../sockets/sender.ts";

/** A connection that may serve several requests, one after the other. */
export class Connection {
  readonly number: number;
  readonly socket: TcpSocket;
  readonly sender: OctetSender;
  /** It was closed by either side, or failed. */
  dead = false;

  constructor(os: Os, number: number) {
    this.number = number;
    this.socket = os.tcpSocket();
    this.socket.options.noDelay = true;
    this.sender = new OctetSender(this.socket);
  }
  /** Nothing is asked for: what the peer does now ends the connection. */
  rest(): void {
    const gone = (): void => {
      this.dead = true;
    };
    this.socket.onEnd(gone);
    this.socket.onError(gone);
    this.socket.onData(gone);
  }
  close(): void {
    this.dead = true;
    this.socket.close();
  }
}

/** Why a transfer failed: curl's exit status and words. */
export interface Failure {
  readonly status: number;
  readonly why: string;
}
export interface TransferOptions {
  readonly host: string;
  readonly address: Ipv4;
  readonly port: number;
  readonly request: RequestHead;
  readonly data: Uint8Array;
  readonly maxNs: Nanos;
  readonly connectNs: Nanos;
  /** Octets in a second; 0: as fast as they come. */
  readonly limitRate: number;
  /** Statuses of 400 and more are failures (`-f`). */
  readonly fail: boolean;
}
/** What a transfer tells while it runs. */
export interface TransferEvents {
  /** Lines that `-v` shows behind an asterisk. */
  info(text: string): void;
  sent(head: string): void;
  head(raw: string, r: ResponseHead): void;
  body(b: Uint8Array, o: number, end: number): void;
  done(failure: Failure | undefined): void;
}

/** One request and its answer. */
export class Transfer {
  readonly #os: Os;
  readonly #o: TransferOptions;
  readonly #tell: TransferEvents;
  readonly connection: Connection;
  readonly #deadline: OsAlarm;
  readonly #pace: OsAlarm;
  readonly startedAt: Nanos;
  connectedAt = 0;
  sentAt = 0;
  firstAt = 0;
  endedAt = 0;
  headOctets = 0;
  requestOctets = 0;
  downloaded = 0;
  /** Length of the body; -1: unknown. */
  total = -1;
  response: ResponseHead | undefined;
  #buffer: Uint8Array = new Uint8Array(0);
  #body: Body = { kind: "none" };
  readonly #chunks = new ChunkedReader();
  #over = false;

  constructor(os: Os, options: TransferOptions, connection: Connection, tell: TransferEvents) {
    this.#os = os;
    this.#o = options;
    this.connection = connection;
    this.#tell = tell;
    this.startedAt = os.now();
    this.#deadline = os.alarm(() => this.#timeOut());
    this.#pace = os.alarm(() => this.connection.socket.resume());
  }

  /** Connects, unless the connection is there. */
  start(reused: boolean): void {
    const { socket } = this.connection;
    const { maxNs, connectNs, address, port } = this.#o;
    this.#deadline.set(this.startedAt + (reused ? maxNs : Math.min(maxNs, connectNs)));
    if (reused) {
      this.connectedAt = this.startedAt;
      return this.#request();
    }
    this.#tell.info(`  Trying ${formatIp(address)}:${port}...`);
    const begun = socket.connect(address, port, (failed) => {
      if (this.#over) return;
      if (failed !== null) return this.#unreachable(failed);
      this.connectedAt = this.#os.now();
      this.#deadline.set(this.startedAt + maxNs);
      this.#tell.info(`Connected to ${this.#o.host} (${formatIp(address)}) port ${port} (#${this.connection.number})`);
      this.#request();
    });
    if (!begun.ok) this.#unreachable(begun.errno);
  }

  /** Gives up, as on Ctrl-C. */
  stop(): void {
    this.#over = true;
    this.#deadline.set(NEVER);
    this.#pace.set(NEVER);
    this.connection.close();
  }

  #request(): void {
    const { socket, sender } = this.connection;
    const head = encodeRequest(this.#o.request);
    socket.onError((errno) => this.#end({ status: 56, why: `Recv failure: ${strerror(errno)}` }));
    socket.onEnd(() => this.#peerClosed());
    socket.onData((b, o, end) => this.#take(b, o, end));
    this.sentAt = this.#os.now();
    this.requestOctets = head.length;
    this.#tell.sent(String.fromCharCode(...head));
    sender.sendBytes(head);
    if (this.#o.data.length > 0) sender.sendBytes(this.#o.data);
  }

  #take(b: Uint8Array, o: number, end: number): void {
    if (this.#over) return;
    if (this.firstAt === 0) this.firstAt = this.#os.now();
    if (this.response !== undefined) return this.#takeBody(b, o, end);
    const joined = new Uint8Array(this.#buffer.length + end - o);
    joined.set(this.#buffer);
    joined.set(b.subarray(o, end), this.#buffer.length);
    this.#buffer = joined;
    this.#takeHead();
  }

  #takeHead(): void {
    const b = this.#buffer;
    if (b.length >= 5 && String.fromCharCode(...b.subarray(0, 5)) !== "HTTP/")
      return this.#end({ status: 1, why: "Received HTTP/0.9 when not allowed" });
    const end = headEnd(b, 0, b.length);
    if (end < 0) {
      if (b.length > HEAD_MAX) this.#end({ status: 27, why: "Out of memory" });
      return;
    }
    const r = decodeResponse(b, 0, end);
    if (!r.ok) return this.#end({ status: 8, why: "Weird server reply" });
    this.#buffer = b.slice(end);
    this.headOctets += end;
    const body = responseBody(this.#o.request.method, r.value);
    this.#tell.head(String.fromCharCode(...b.subarray(0, end)), r.value);
    if (r.value.status < 200) return this.#takeHead(); // RFC 9110 §15.2: others follow
    this.response = r.value;
    if (this.#o.fail && r.value.status >= 400)
      return this.#end({ status: 22, why: `The requested URL returned error: ${r.value.status}` });
    if (body === undefined) return this.#end({ status: 8, why: "Invalid Content-Length: value" });
    this.#body = body;
    const told = body.kind === "none" ? responseBody("GET", r.value) : body; // what HEAD is told of
    if (told?.kind === "length") this.total = told.octets;
    if (body.kind === "none" || this.total === 0) return this.#end(undefined);
    const rest = this.#buffer;
    this.#buffer = new Uint8Array(0);
    if (rest.length > 0) this.#takeBody(rest, 0, rest.length);
  }

  #takeBody(b: Uint8Array, o: number, end: number): void {
    if (this.#body.kind === "chunked") {
      const stop = this.#chunks.read(b, o, end, (d, from, to) => this.#deliver(d, from, to));
      if (this.#chunks.bad)
        return this.#end({ status: 56, why: "Illegal or missing hexadecimal sequence in chunked-encoding" });
      if (this.#chunks.done) this.#end(undefined, stop < end);
      return;
    }
    const stop = this.total < 0 ? end : Math.min(end, o + this.total - this.downloaded);
    this.#deliver(b, o, stop);
    if (this.downloaded === this.total) this.#end(undefined, stop < end);
  }

  #deliver(b: Uint8Array, o: number, end: number): void {
    if (this.#over) return;
    this.downloaded += end - o;
    this.#tell.body(b, o, end);
    const { limitRate } = this.#o;
    const due = limitRate === 0 ? 0 : this.startedAt + Math.ceil((this.downloaded * S) / limitRate);
    if (this.#over || due <= this.#os.now()) return;
    this.connection.socket.pause();
    this.#pace.set(due);
  }

  #peerClosed(): void {
    if (this.#over) return;
    this.connection.dead = true;
    if (this.response === undefined)
      return this.#end(
        this.firstAt === 0
          ? { status: 52, why: "Empty reply from server" }
          : { status: 1, why: "Received HTTP/0.9 when not allowed" },
      );
    if (this.#body.kind === "close") return this.#end(undefined);
    const left = this.total - this.downloaded;
    const why =
      this.#body.kind === "length"
        ? `transfer closed with ${left} bytes remaining to read`
        : "transfer closed with outstanding read data remaining";
    this.#end({ status: 18, why });
  }

  #unreachable(errno: Errno): void {
    const { host, port, address } = this.#o;
    const ms = Math.floor((this.#os.now() - this.startedAt) / MS);
    const immediate = errno === "ENETUNREACH" || errno === "EADDRNOTAVAIL";
    this.#tell.info(
      immediate
        ? `Immediate connect fail for ${formatIp(address)}: ${strerror(errno)}`
        : `connect to ${formatIp(address)} port ${port} failed: ${strerror(errno)}`,
    );
    const why = `Failed to connect to ${host} port ${port} after ${ms} ms: Couldn't connect to server`;
    this.#end({ status: errno === "ETIMEDOUT" ? 28 : 7, why });
  }

  #timeOut(): void {
    const { host, port, maxNs, connectNs } = this.#o;
    const ms = Math.floor((this.#os.now() - this.startedAt) / MS);
    let why = `Operation timed out after ${ms} milliseconds with ${this.downloaded}${this.total < 0 ? "" : ` out of ${this.total}`} bytes received`;
    if (this.connectedAt === 0)
      why =
        connectNs < maxNs
          ? `Failed to connect to ${host} port ${port} after ${ms} ms: Timeout was reached`
          : `Connection timed out after ${ms} milliseconds`;
    this.#end({ status: 28, why });
  }

  /** `excess`: something came behind the answer. */
  #end(failure: Failure | undefined, excess = false): void {
    if (this.#over) return;
    this.#over = true;
    this.endedAt = this.#os.now();
    this.#deadline.set(NEVER);
    this.#pace.set(NEVER);
    const { connection, response } = this;
    const stays = failure === undefined && response !== undefined && persists(response) && persists(this.#o.request);
    if (stays && !connection.dead && !excess && this.#body.kind !== "close") connection.rest();
    else connection.close();
    this.#tell.done(failure);
  }
}

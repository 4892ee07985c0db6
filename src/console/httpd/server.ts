import { formatIp, type Ipv4 } from "../../core/addr.ts";
import type { Outcome } from "../../core/errno.ts";
import type { Os } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import {
  decodeRequest,
  encodeResponse,
  HEAD_MAX,
  headEnd,
  persists,
  type RequestHead,
  requestBody,
} from "../../protocols/http/wire.ts";
import { OctetSender } from "../sockets/sender.ts";
import type { Answer, Dialect } from "./dialect.ts";

/** Connections that a server has at a time; further ones wait in its backlog. */
const CONNECTIONS_MAX = 1024;
/** Octets of requests that wait while one is answered: then the client must wait too. */
const PIPELINE_MAX = 2 * HEAD_MAX;
const utf8 = new TextEncoder();

export interface ServerOptions {
  readonly address: Ipv4;
  readonly port: number;
  readonly backlog: number;
  /** Where the files are: no slash at its end. */
  readonly root: string;
  readonly dialect: Dialect;
  /** One line about a request. */
  readonly log: (line: string, client: TcpSocket) => void;
}

/** Serves the files of a node by HTTP. */
export class HttpServer {
  readonly #os: Os;
  readonly #options: ServerOptions;
  readonly #listener: TcpSocket;
  readonly #clients = new Set<Client>();

  constructor(os: Os, options: ServerOptions) {
    this.#os = os;
    this.#options = options;
    this.#listener = os.tcpSocket();
    this.#listener.options.reuseAddress = true;
  }

  start(): Outcome {
    const { address, port, backlog } = this.#options;
    const bound = this.#listener.bind(address, port);
    return bound.ok ? this.#listener.listen(backlog, (socket) => this.#accept(socket)) : bound;
  }
  /** Ends at once, and every connection with it. */
  stop(): void {
    this.#listener.close();
    for (const client of [...this.#clients]) client.end();
  }

  #accept(socket: TcpSocket): void {
    const gone = (): void => {
      this.#clients.delete(client);
      this.#listener.holdAccept(this.#clients.size >= CONNECTIONS_MAX);
    };
    const client = new Client(this.#os, this.#options, socket, gone);
    this.#clients.add(client);
    this.#listener.holdAccept(this.#clients.size >= CONNECTIONS_MAX);
    client.start();
  }
}

/** One connection: its requests are answered in the order in which they come. */
class Client {
  readonly #os: Os;
  readonly #options: ServerOptions;
  readonly #socket: TcpSocket;
  readonly #sender: OctetSender;
  readonly #gone: () => void;
  #buffer = new Uint8Array(0);
  #answering = false;
  #closing = false;
  #over = false;
  #ended = false;
  /** Octets of a request's body that are still to come, and are not looked at. */
  #skip = 0;

  constructor(os: Os, options: ServerOptions, socket: TcpSocket, gone: () => void) {
    this.#os = os;
    this.#options = options;
    this.#socket = socket;
    this.#gone = gone;
    this.#sender = new OctetSender(socket);
  }

  start(): void {
    const socket = this.#socket;
    socket.onError(() => this.end());
    this.#sender.onDrained = () => {
      this.#answering = false;
      if (this.#closing) this.#finish();
      else this.#next();
    };
    socket.onEnd(() => {
      this.#ended = true;
      if (!this.#answering) this.#finish();
    });
    socket.onData((b, o, end) => this.#take(b, o, end));
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.close();
    this.#gone();
  }

  #finish(): void {
    if (this.#over) return;
    this.#socket.shutdown();
    this.end();
  }

  #take(b: Uint8Array, o: number, end: number): void {
    if (this.#closing) return;
    const skipped = Math.min(this.#skip, end - o);
    this.#skip -= skipped;
    const joined = new Uint8Array(this.#buffer.length + end - o - skipped);
    joined.set(this.#buffer);
    joined.set(b.subarray(o + skipped, end), this.#buffer.length);
    this.#buffer = joined;
    if (this.#answering && joined.length > PIPELINE_MAX) this.#socket.pause();
    this.#next();
  }

  /** Answers the next request, if it is there. */
  #next(): void {
    while (!this.#answering && !this.#over && !this.#closing) {
      const b = this.#buffer;
      let o = 0;
      while (b[o] === 13 || b[o] === 10) o++; // RFC 9112 §2.2: empty lines before a request are skipped
      const end = headEnd(b, o, b.length);
      if (end < 0) {
        if (b.length - o > HEAD_MAX) this.#refuse("request too long");
        else if (this.#ended) this.#finish();
        return;
      }
      const request = decodeRequest(b, o, end);
      this.#buffer = b.slice(end);
      this.#socket.resume();
      if (!request.ok) return this.#refuse(firstLine(b, o, end));
      this.#answer(request.value);
    }
  }

  #answer(r: RequestHead): void {
    const body = requestBody(r);
    if (body?.kind === "length") {
      const here = Math.min(body.octets, this.#buffer.length);
      this.#skip = body.octets - here;
      this.#buffer = this.#buffer.slice(here);
    }
    const answer = this.#answerOf(r);
    const told = { version: answer.version, fields: answer.fields };
    const stays = persists(r) && persists(told) && body !== undefined && body.kind !== "chunked";
    this.#send(answer, !stays);
  }

  #refuse(line: string): void {
    this.#send(this.#options.dialect.malformed(line, this.#os.now()), true);
  }

  #send(answer: Answer, last: boolean): void {
    const { body } = answer;
    for (const line of answer.log) this.#options.log(line, this.#socket);
    this.#answering = true;
    this.#closing = last;
    const head = encodeResponse(answer);
    const runs = typeof body === "string" ? textRun(body) : body.file.content.slice(body.from, body.to);
    this.#sender.send({ from: head, at: 0, count: head.length }, ...runs);
  }

  #answerOf(r: RequestHead): Answer {
    const { dialect, root } = this.#options;
    const { files } = this.#os;
    const now = this.#os.now();
    if (r.method !== "GET" && r.method !== "HEAD") return dialect.unsupported(r, now);
    const path = pathOf(r.target);
    if (path === undefined) return dialect.missing(r, now);
    const file = files.open(root + path);
    if (file.ok && !path.endsWith("/")) return dialect.file(r, path, file.value, now);
    const names = files.list(root + path);
    if (!names.ok) return dialect.missing(r, now);
    if (!path.endsWith("/")) return dialect.redirect(r, `${path}/`, now);
    const index = files.open(`${root}${path}index.html`);
    return index.ok ? dialect.file(r, "index.html", index.value, now) : dialect.directory(r, path, names.value, now);
  }
}

/** `10.0.0.1 - - [21/Nov/1970 …] …`: who is at the other end. */
export const clientOf = (socket: TcpSocket): string => formatIp(socket.remoteAddress);

/** The path of a target, without query and escapes; undefined: it has none, or leaves the root. */
function pathOf(target: string): string | undefined {
  const path = /^(?:http:\/\/[^/]*)?(\/[^?#]*)/.exec(target)?.[1];
  if (path === undefined || /%(?![0-9a-fA-F]{2})/.test(path)) return undefined;
  const plain = path.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return plain.split("/").includes("..") ? undefined : plain;
}

const textRun = (text: string): [] | [{ from: Uint8Array; at: number; count: number }] => {
  const b = utf8.encode(text);
  return b.length === 0 ? [] : [{ from: b, at: 0, count: b.length }];
};

const firstLine = (b: Uint8Array, o: number, end: number): string =>
  String.fromCharCode(...b.subarray(o, Math.min(end, o + 200))).split(/\r?\n/)[0] as string;

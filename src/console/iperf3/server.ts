import { formatIp } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import type { Process, UdpSocket } from "../../core/os.ts";
import type { TcpOptions, TcpSocket } from "../../core/tcp-socket.ts";
import * as wire from "../../protocols/iperf3/wire.ts";
import { OctetSender } from "../sockets/sender.ts";
import { socketOptions } from "./client.ts";
import type { Iperf3Command } from "./options.ts";
import { jsonText } from "./report-json.ts";
import { TextReport } from "./report-text.ts";
import { TestRun } from "./run.ts";
import { blockOf, TcpStream, UdpStream } from "./stream.ts";

const RULE = `${"-".repeat(59)}\n`;
const BACKLOG = 4096;
/** Connections that have not said their cookie yet, at most. */
const STRANGERS_MAX = 256;

/** `iperf3 -s`: one test after the other (`iperf_server_api.c`). */
export class Server {
  readonly #self: Process;
  readonly #c: Iperf3Command;
  readonly #listener: TcpSocket;
  #tests = 0;
  #session: Session | undefined;
  #strangers = 0;
  #quiet = false;

  constructor(self: Process, command: Iperf3Command) {
    this.#self = self;
    this.#c = command;
    this.#listener = self.os.tcpSocket();
    this.#listener.options.reuseAddress = true;
  }

  start(): void {
    const { bind, port, daemon } = this.#c;
    const bound = this.#listener.bind(bind, port);
    const listening = bound.ok ? this.#listener.listen(BACKLOG, (s) => this.#accept(s)) : bound;
    if (!listening.ok) {
      const text = `unable to start listener for connections: ${strerror(listening.errno)}`;
      this.#self.err(`iperf3: error - ${text}\niperf3: exiting\n`);
      return this.#self.exit(1);
    }
    if (daemon) {
      this.#quiet = true;
      this.#self.exit(0);
    } else {
      this.#self.serve();
      this.#self.onInterrupt(() => this.#interrupt());
    }
    this.#ready();
  }

  #ready(): void {
    this.#tests++;
    this.say(`${RULE}Server listening on ${this.#c.port} (test #${this.#tests})\n${RULE}`);
  }

  /** A connection tells by its cookie what it is for. */
  #accept(socket: TcpSocket): void {
    if (this.#strangers >= STRANGERS_MAX) return socket.abort();
    this.#strangers++;
    const reader = new wire.ControlReader();
    let known = false;
    const leave = (): void => {
      if (!known) this.#strangers--;
      known = true;
      socket.close();
    };
    socket.onError(leave);
    socket.onEnd(leave);
    socket.onData((b, o, end) => {
      if (known) return;
      reader.push(b, o, end);
      const cookie = reader.cookie();
      if (cookie === undefined) return;
      known = true;
      this.#strangers--;
      this.#introduce(socket, cookie, reader);
    });
  }

  #introduce(socket: TcpSocket, cookie: string, reader: wire.ControlReader): void {
    if (this.#session === undefined) {
      this.#session = new Session(this.#self, this.#c, this.#listener, socket, cookie, reader, this);
      this.#session.start();
    } else if (!this.#session.takeStream(socket, cookie)) {
      socket.write(Uint8Array.of(wire.ACCESS_DENIED & 0xff));
      socket.close();
    }
  }

  /** A test is over. */
  ended(): void {
    this.#session = undefined;
    if (this.#c.oneOff) {
      this.#listener.close();
      if (!this.#quiet) this.#self.exit(0);
    } else this.#ready();
  }

  say(text: string): void {
    if (!this.#c.json && !this.#quiet) this.#self.out(text);
  }
  complain(text: string): void {
    if (!this.#quiet && !this.#c.json) this.#self.err(`iperf3: ${text}\n`);
  }
  print(json: string): void {
    if (!this.#quiet) this.#self.out(json);
  }

  #interrupt(): void {
    this.#listener.close();
    this.#session?.terminate();
    this.complain("interrupt - the server has terminated");
    this.#self.exit(1);
  }
}

/** One test of a server, from the cookie to the last line. */
class Session {
  readonly #self: Process;
  readonly #c: Iperf3Command;
  readonly #listener: TcpSocket;
  readonly #control: TcpSocket;
  readonly #sender: OctetSender;
  readonly #reader: wire.ControlReader;
  readonly #server: Server;
  readonly #cookie: string;
  #awaits: "parameters" | "state" | "results" = "parameters";
  #run: TestRun | undefined;
  #report: TextReport | undefined;
  #udp: UdpSocket | undefined;
  readonly #udpStreams = new Map<number, UdpStream>();
  #block: Uint8Array = new Uint8Array(0);
  #said = "";
  #summed = false;
  #over = false;

  constructor(
    self: Process,
    c: Iperf3Command,
    listener: TcpSocket,
    control: TcpSocket,
    cookie: string,
    reader: wire.ControlReader,
    server: Server,
  ) {
    this.#self = self;
    this.#c = c;
    this.#listener = listener;
    this.#control = control;
    control.options.noDelay = true;
    this.#sender = new OctetSender(control);
    this.#reader = reader;
    this.#cookie = cookie;
    this.#server = server;
  }

  start(): void {
    const { remoteAddress, remotePort } = this.#control;
    this.#say(`Accepted connection from ${formatIp(remoteAddress)}, port ${remotePort}\n`);
    this.#control.onError(() => this.#lost());
    this.#control.onEnd(() => this.#lost());
    this.#control.onData((b, o, end) => {
      this.#reader.push(b, o, end);
      this.#read();
    });
    this.#tell(wire.PARAM_EXCHANGE);
    this.#read();
  }

  /** Whether the connection is one of the test's streams. */
  takeStream(socket: TcpSocket, cookie: string): boolean {
    const run = this.#run;
    if (run === undefined || run.started || cookie !== this.#cookie || run.parameters.udp) return false;
    const n = run.streams.length;
    const fd = n === 0 ? 5 : 6 + 2 * n;
    run.congestion = socket.info().congestion;
    run.streams.push(new TcpStream(this.#self.os, run.parameters, idOf(n), fd, this.#sends(n), socket, this.#block));
    this.#startWhenWhole();
    return true;
  }

  /** The server ends. */
  terminate(): void {
    this.#tell(wire.SERVER_TERMINATE);
    this.#run?.finish();
    this.#summary();
    this.#close();
  }

  #read(): void {
    while (!this.#over) {
      if (this.#awaits === "state") {
        const state = this.#reader.state();
        if (state === undefined) return;
        this.#state(state);
        continue;
      }
      const json = this.#reader.json();
      if (json === undefined) return;
      if (this.#awaits === "parameters") this.#parameters(json.ok ? wire.readParameters(json.value) : json);
      else this.#results(json.ok ? wire.readResults(json.value) : json);
    }
  }

  #parameters(p: ReturnType<typeof wire.readParameters>): void {
    this.#awaits = "state";
    if (!p.ok) return this.#abandon("unable to receive parameters from client");
    const { os } = this.#self;
    const run = new TestRun(os, p.value, false, this.#c.interval);
    this.#run = run;
    this.#report = new TextReport(run, this.#c.format, (text) => this.#say(text));
    run.onInterval = () => this.#report?.interval(this.#c.interval);
    this.#block = blockOf(os, p.value.len);
    Object.assign(this.#listener.options, socketOptions(p.value)); // streams inherit them
    if (p.value.udp && !this.#openUdp()) return;
    this.#tell(wire.CREATE_STREAMS);
  }

  #openUdp(): boolean {
    const { os } = this.#self;
    const socket = os.udpSocket();
    this.#udp = socket;
    const bound = socket.bind(this.#c.bind, this.#c.port);
    if (!bound.ok) {
      this.#abandon(`unable to start stream listener: ${strerror(bound.errno)}`);
      return false;
    }
    socket.onError(() => {});
    socket.onReceive((b, o, end, info) => {
      const key = info.source * 65_536 + info.sourcePort;
      const known = this.#udpStreams.get(key);
      if (known !== undefined) return known.receive(b, o, end);
      if (end - o !== 4 || this.#run?.started !== false) return;
      this.#addUdp(socket, key, info.destination, info.source, info.sourcePort);
    });
    return true;
  }

  #addUdp(socket: UdpSocket, key: number, local: number, remote: number, port: number): void {
    const run = this.#run as TestRun;
    const n = run.streams.length;
    const fd = n === 1 ? 6 : 5 + 2 * n;
    const options = { source: local, ...(run.parameters.tos > 0 ? { tos: run.parameters.tos } : {}) };
    const send = (d: Uint8Array): boolean => socket.sendTo(d, remote, port, options).ok;
    const own = [local, this.#c.port] as const;
    const s = new UdpStream(
      this.#self.os,
      run.parameters,
      idOf(n),
      fd,
      this.#sends(n),
      own,
      [remote, port],
      send,
      () => {},
    );
    run.streams.push(s);
    this.#udpStreams.set(key, s);
    send(wire.UDP_REPLY);
    this.#startWhenWhole();
  }

  /** Whether stream `n` is one that this side sends on: of both directions the client's comes first. */
  #sends(n: number): boolean {
    const { directions, parameters } = this.#run as TestRun;
    return directions[Math.floor(n / parameters.parallel)] ?? false;
  }

  #startWhenWhole(): void {
    const run = this.#run as TestRun;
    if (run.streams.length < run.parameters.parallel * run.directions.length) return;
    for (const key of Object.keys(socketOptions(run.parameters)) as (keyof TcpOptions)[])
      delete this.#listener.options[key];
    this.#tell(wire.TEST_START);
    for (const s of run.streams) this.#report?.connected(s);
    this.#tell(wire.TEST_RUNNING);
    run.start();
  }

  #state(state: number): void {
    const run = this.#run as TestRun;
    if (state === wire.TEST_END) {
      run.finish();
      this.#tell(wire.EXCHANGE_RESULTS);
      this.#awaits = "results";
    } else if (state === wire.IPERF_DONE) this.#done();
    else if (state === wire.CLIENT_TERMINATE) {
      run.finish();
      this.#summary();
      this.#server.complain("the client has terminated");
      this.#done("the client has terminated");
    } else this.#abandon("received an unknown control message (ensure other side is iperf3 and not iperf)");
  }

  #results(r: ReturnType<typeof wire.readResults>): void {
    this.#awaits = "state";
    if (!r.ok) return this.#abandon("unable to receive results");
    const run = this.#run as TestRun;
    run.remote = r.value;
    if (run.parameters.getServerOutput) this.#summary();
    const output = run.parameters.getServerOutput ? this.#said : undefined;
    this.#sender.sendBytes(wire.encodeResults(run.results(output)));
    this.#tell(wire.DISPLAY_RESULTS);
    this.#summary();
  }

  #summary(): void {
    if (this.#summed || this.#run?.started !== true) return;
    this.#summed = true;
    this.#report?.interval(this.#c.interval === 0 ? 1 : this.#c.interval);
    this.#report?.summary();
  }

  #lost(): void {
    if (this.#over) return;
    this.#run?.finish();
    this.#summary();
    this.#server.complain("the client has unexpectedly closed the connection");
    this.#done("the client has unexpectedly closed the connection");
  }
  #abandon(why: string): void {
    this.#tell(wire.SERVER_ERROR);
    this.#sender.sendBytes(new Uint8Array(8));
    this.#server.complain(`error - ${why}`);
    this.#done(why);
  }

  #done(error = ""): void {
    if (this.#over) return;
    const { remoteAddress, remotePort } = this.#control;
    const stream = this.#run?.streams.find((s) => s instanceof TcpStream);
    const info = (stream instanceof TcpStream ? stream.socket : this.#control).info();
    if (this.#c.json)
      this.#server.print(
        jsonText(this.#run, {
          os: this.#self.os,
          cookie: this.#cookie,
          peer: [formatIp(remoteAddress), remotePort],
          mss: info.mss,
          sndbuf: info.sndbuf,
          rcvbuf: info.rcvbuf,
          error,
          title: "",
        }),
      );
    this.#close();
    this.#server.ended();
  }

  #close(): void {
    this.#over = true;
    this.#run?.close();
    this.#udp?.close();
    this.#control.close();
  }
  #tell(state: number): void {
    this.#sender.sendBytes(Uint8Array.of(state & 0xff));
  }
  #say(text: string): void {
    if (this.#said.length < wire.JSON_MAX / 4) this.#said += text;
    this.#server.say(text);
  }
}

/** iperf_api.c:iperf_add_stream. */
const idOf = (n: number): number => (n === 0 ? 1 : n + 2);

import { type Errno, strerror } from "../../core/errno.ts";
import type { OsAlarm, Process } from "../../core/os.ts";
import type { TcpOptions, TcpSocket } from "../../core/tcp-socket.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import * as wire from "../../protocols/iperf3/wire.ts";
import { OctetSender } from "../sockets/sender.ts";
import type { Iperf3Command } from "./options.ts";
import { jsonText } from "./report-json.ts";
import { TextReport } from "./report-text.ts";
import { TestRun } from "./run.ts";
import { blockOf, type Stream, TcpStream, UdpStream } from "./stream.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";
/** Octets of a block over TCP, unless told. */
export const TCP_BLOCK = 128 * 1024;
/** How long a UDP stream waits for its first answer. */
const UDP_ANSWER = 30 * S;

/** What the sockets of a test are told. */
export const socketOptions = (p: wire.Parameters): TcpOptions => ({
  ...(p.noDelay ? { noDelay: true } : {}),
  ...(p.mss > 0 ? { maxSegment: p.mss } : {}),
  ...(p.window > 0 ? { sndbuf: 2 * p.window, rcvbuf: 2 * p.window } : {}),
  ...(p.congestion !== "" ? { congestion: p.congestion } : {}),
  ...(p.tos > 0 ? { tos: p.tos } : {}),
});

/** `iperf3 -c`: one test, from the control connection to the last line (`iperf_client_api.c`). */
export class Client {
  readonly #self: Process;
  readonly #c: Iperf3Command;
  readonly #control: TcpSocket;
  readonly #sender: OctetSender;
  readonly #reader = new wire.ControlReader();
  readonly #cookie: string;
  readonly #deadline: OsAlarm;
  #run: TestRun | undefined;
  #report: TextReport | undefined;
  #block: Uint8Array = new Uint8Array(0);
  #awaits: "state" | "results" | "error" = "state";
  #over = false;

  constructor(self: Process, command: Iperf3Command) {
    this.#self = self;
    this.#c = command;
    this.#control = self.os.tcpSocket();
    this.#control.options.noDelay = true;
    this.#sender = new OctetSender(this.#control);
    const draw = self.os.rng("iperf3 cookie");
    this.#cookie = Array.from({ length: wire.COOKIE_OCTETS - 1 }, () => LETTERS[draw.int(32)]).join("");
    this.#deadline = self.os.alarm(() => this.#fail("unable to connect to server", "ETIMEDOUT"));
  }

  start(): void {
    const { address, port, bind, connectTimeoutMs } = this.#c;
    this.#self.onInterrupt(() => this.#interrupt());
    if (address === undefined) return this.#fail("unable to connect to server", "EAGAIN");
    const bound = bind === 0 ? undefined : this.#control.bind(bind, 0);
    if (bound?.ok === false) return this.#fail("unable to connect to server", bound.errno);
    if (connectTimeoutMs > 0) this.#deadline.set(this.#self.os.now() + connectTimeoutMs * MS);
    const begun = this.#control.connect(address, port, (failed) => {
      if (this.#over) return;
      this.#deadline.set(NEVER);
      if (failed !== null) this.#fail("unable to connect to server", failed);
      else this.#connected();
    });
    if (!begun.ok) this.#fail("unable to connect to server", begun.errno);
  }

  #connected(): void {
    const { host, port, parameters, interval } = this.#c;
    const given = parameters.len;
    const len = given > 0 ? given : parameters.udp ? this.#control.info().mss : TCP_BLOCK; // iperf_client_api.c:iperf_connect
    const run = new TestRun(this.#self.os, { ...parameters, len }, true, interval);
    this.#run = run;
    this.#report = new TextReport(run, this.#c.format, (text) => this.#say(text));
    run.onInterval = () => this.#report?.interval(interval);
    run.onDone = () => this.#testEnd();
    this.#control.onError((errno) => this.#fail("unable to receive control message", errno));
    this.#control.onEnd(() => this.#fail("control socket has closed unexpectedly"));
    this.#control.onData((b, o, end) => {
      this.#reader.push(b, o, end);
      this.#read();
    });
    this.#say(`Connecting to host ${host}, port ${port}\n`);
    if (parameters.reverse) this.#say(`Reverse mode, remote host ${host} is sending\n`);
    this.#sender.sendBytes(Uint8Array.from(`${this.#cookie}\0`, (c) => c.charCodeAt(0)));
  }

  #read(): void {
    while (!this.#over) {
      if (this.#awaits === "error") {
        if (this.#reader.number() === undefined) return;
        return this.#fail("the server has refused the test");
      }
      if (this.#awaits === "results") {
        const json = this.#reader.json();
        if (json === undefined) return;
        const results = json.ok ? wire.readResults(json.value) : json;
        if (!results.ok) return this.#fail("unable to receive results");
        (this.#run as TestRun).remote = results.value;
        this.#awaits = "state";
        continue;
      }
      const state = this.#reader.state();
      if (state === undefined) return;
      this.#state(state);
    }
  }

  #state(state: number): void {
    const run = this.#run as TestRun;
    switch (state) {
      case wire.PARAM_EXCHANGE:
        return this.#sender.sendBytes(wire.encodeParameters(run.parameters));
      case wire.CREATE_STREAMS:
        return this.#createStream(0);
      case wire.TEST_START:
        for (const s of run.streams) this.#report?.connected(s);
        return;
      case wire.TEST_RUNNING:
        return run.start();
      case wire.EXCHANGE_RESULTS:
        this.#awaits = "results";
        return this.#sender.sendBytes(wire.encodeResults(run.results()));
      case wire.DISPLAY_RESULTS:
        return this.#display();
      case wire.ACCESS_DENIED:
        return this.#fail("the server is busy running a test. try again later");
      case wire.SERVER_TERMINATE:
        run.finish();
        return this.#fail("the server has terminated");
      case wire.SERVER_ERROR:
        this.#awaits = "error";
        return;
      default:
        return this.#fail("received an unknown control message (ensure other side is iperf3 and not iperf)");
    }
  }

  /** Opens one stream after the other: those that send first. */
  #createStream(n: number): void {
    const run = this.#run as TestRun;
    const { parallel, udp } = run.parameters;
    if (n >= parallel * run.directions.length) return;
    const sends = run.directions[Math.floor(n / parallel)] as boolean;
    const id = n === 0 ? 1 : n + 2; // iperf_api.c:iperf_add_stream
    const added = (s: Stream): void => {
      run.streams.push(s);
      this.#createStream(n + 1);
    };
    if (this.#block.length === 0) this.#block = blockOf(this.#self.os, run.parameters.len);
    if (udp) this.#openUdp(id, 5 + 2 * n, sends, added);
    else this.#openTcp(id, 5 + 2 * n, sends, added);
  }

  #openTcp(id: number, fd: number, sends: boolean, added: (s: Stream) => void): void {
    const run = this.#run as TestRun;
    const { address, port, bind, clientPort } = this.#c;
    const socket = this.#self.os.tcpSocket();
    Object.assign(socket.options, socketOptions(run.parameters));
    const given = clientPort === 0 ? 0 : clientPort + run.streams.length;
    const bound = bind !== 0 || given !== 0 ? socket.bind(bind, given) : undefined;
    if (bound?.ok === false) return this.#fail("unable to connect stream", bound.errno);
    const begun = socket.connect(address as number, port, (failed) => {
      if (this.#over) return socket.close();
      if (failed !== null) return this.#fail("unable to connect stream", failed);
      run.congestion = socket.info().congestion;
      const b = Uint8Array.from(`${this.#cookie}\0`, (c) => c.charCodeAt(0));
      socket.lend(b);
      const s = new TcpStream(this.#self.os, run.parameters, id, fd, sends, socket, this.#block);
      if (!sends) s.onReceived = () => run.received();
      added(s);
    });
    if (begun.ok) return;
    if (run.parameters.congestion !== "" && begun.errno === "ENOENT")
      return this.#fail(
        "unable to set TCP_CONGESTION: Supplied congestion control algorithm not supported on this host",
      );
    this.#fail("unable to connect stream", begun.errno);
  }

  #openUdp(id: number, fd: number, sends: boolean, added: (s: Stream) => void): void {
    const run = this.#run as TestRun;
    const { address, port, bind, clientPort } = this.#c;
    const { os } = this.#self;
    const socket = os.udpSocket();
    const { tos } = run.parameters;
    if (tos > 0) socket.options.tos = tos;
    const given = clientPort === 0 ? 0 : clientPort + run.streams.length;
    const bound = bind !== 0 || given !== 0 ? socket.bind(bind, given) : undefined;
    const begun = bound?.ok === false ? bound : socket.connect(address as number, port);
    if (!begun.ok) return this.#fail("unable to connect stream", begun.errno);
    let stream: UdpStream | undefined;
    const patience = os.alarm(() => this.#fail("unable to read from stream socket", "EAGAIN"));
    patience.set(os.now() + UDP_ANSWER);
    socket.onReceive((b, o, end) => {
      if (this.#over) return socket.close();
      if (stream !== undefined) {
        stream.receive(b, o, end);
        if (!sends) run.received();
        return;
      }
      if (end - o !== 4) return;
      patience.set(NEVER);
      const own = [socket.localAddress, socket.localPort] as const;
      const close = (): void => socket.close();
      const send = (d: Uint8Array): boolean => socket.send(d).ok;
      stream = new UdpStream(os, run.parameters, id, fd, sends, own, [address as number, port], send, close);
      added(stream);
    });
    socket.onError(() => {});
    socket.send(wire.UDP_CONNECT);
  }

  #testEnd(): void {
    this.#run?.finish();
    this.#tell(wire.TEST_END);
  }
  #tell(state: number): void {
    this.#sender.sendBytes(Uint8Array.of(state & 0xff));
  }

  #display(): void {
    const { interval, json } = this.#c;
    const output = this.#run?.remote?.serverOutput;
    this.#report?.interval(interval === 0 ? 1 : interval);
    this.#report?.summary();
    if (output !== undefined) this.#say(`\nServer output:\n${output}\n`);
    this.#say("\niperf Done.\n");
    if (json) this.#printJson("");
    this.#tell(wire.IPERF_DONE);
    this.#finish(0);
  }

  #interrupt(): void {
    if (this.#over) return;
    const run = this.#run;
    if (run?.started) {
      run.finish();
      this.#report?.interval(this.#c.interval);
      this.#report?.summary();
    }
    if (run !== undefined) this.#tell(wire.CLIENT_TERMINATE);
    if (this.#c.json) this.#printJson("interrupt - the client has terminated");
    else this.#self.err("iperf3: interrupt - the client has terminated\n");
    this.#finish(1);
  }

  #fail(why: string, errno?: Errno): void {
    if (this.#over) return;
    const text = errno === undefined ? why : `${why}: ${strerror(errno)}`;
    this.#run?.finish();
    if (this.#c.json) this.#printJson(text);
    else this.#self.err(`iperf3: error - ${text}\n`);
    this.#finish(1);
  }

  #finish(status: number): void {
    this.#over = true;
    this.#deadline.set(NEVER);
    this.#run?.close();
    this.#control.close();
    this.#self.exit(status);
  }

  #say(text: string): void {
    const { json, title } = this.#c;
    if (!json) this.#self.out(title === "" ? text : text.replace(/^(?=.)/gm, `${title}:  `));
  }
  #printJson(error: string): void {
    const info = this.#control.info();
    const facts = {
      os: this.#self.os,
      cookie: this.#cookie,
      peer: [this.#c.host, this.#c.port] as const,
      mss: info.mss,
      sndbuf: info.sndbuf,
      rcvbuf: info.rcvbuf,
      error,
      title: this.#c.title,
    };
    this.#self.out(jsonText(this.#run, facts));
  }
}

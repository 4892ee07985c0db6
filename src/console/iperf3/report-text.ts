import { formatIp } from "../../core/addr.ts";
import type { TestRun } from "./run.ts";
import type { IntervalReport, Stream } from "./stream.ts";
import { formatG, formatUnits } from "./units.ts";

const RULE = "- - - - - - - - - - - - - - - - - - - - - - - - -\n";
const NO_RETR = " ".repeat(18);

/** The lines that iperf3 3.12 prints of a test (`iperf_locale.c`). `format`: of rates. */
export class TextReport {
  readonly #run: TestRun;
  readonly #format: string;
  readonly #out: (text: string) => void;
  #printed = 0;

  constructor(run: TestRun, format: string, out: (text: string) => void) {
    this.#run = run;
    this.#format = format;
    this.#out = out;
  }

  connected(s: Stream): void {
    const [local, remote] = [s.local, s.remote];
    this.#out(
      `${id(s.fd)} local ${formatIp(local[0])} port ${local[1]} connected to ${formatIp(remote[0])} port ${remote[1]}\n`,
    );
  }

  /** The interval that was gathered last (`iperf_print_intermediate`). */
  interval(length: number): void {
    const run = this.#run;
    const { udp } = run.parameters;
    const last = run.streams.map((s) => s.intervals.at(-1) as IntervalReport);
    const matters = last.some((r) => r !== undefined && (r.end - r.start >= length * 0.1 || r.bytes > 0));
    if (last.length === 0 || !matters) return;
    if (this.#printed++ === 0) this.#out(this.#header(true));
    else if (run.parameters.parallel > 1) this.#out(RULE);
    for (const sender of run.directions) {
      const streams = run.streams.filter((s) => s.sender === sender);
      for (const s of streams) {
        const r = s.intervals.at(-1) as IntervalReport;
        const head = this.#head(id(s.fd), sender, r.start, r.end, r.bytes);
        const note = r.omitted ? "(omitted)" : "";
        if (udp) this.#out(head + this.#datagrams(sender, [r]) + note);
        else if (r.retransmits < 0) this.#out(head + NO_RETR + note);
        else this.#out(`${head}  ${pad(r.retransmits, 3)}   ${formatUnits(r.cwnd, "A")}       ${note}`);
        this.#out("\n");
      }
      if (streams.length > 1)
        this.#intervalSum(
          sender,
          streams.map((s) => s.intervals.at(-1) as IntervalReport),
        );
    }
  }

  #intervalSum(sender: boolean, reports: readonly IntervalReport[]): void {
    const [first] = reports as [IntervalReport];
    const bytes = reports.reduce((n, r) => n + r.bytes, 0);
    const head = this.#head("[SUM]", sender, first.start, first.end, bytes);
    const note = first.omitted ? "(omitted)" : "";
    if (this.#run.parameters.udp) this.#out(`${head}${this.#datagrams(sender, reports)}${note}\n`);
    else if (first.retransmits < 0) this.#out(`${head}${NO_RETR}${note}\n`);
    else
      this.#out(
        `${head}  ${pad(
          reports.reduce((n, r) => n + r.retransmits, 0),
          3,
        )}             ${note}\n`,
      );
  }

  #datagrams(sender: boolean, reports: readonly IntervalReport[]): string {
    const sum = (of: (r: IntervalReport) => number): number => reports.reduce((n, r) => n + of(r), 0);
    const packets = sum((r) => r.packets);
    if (sender) return `  ${packets}  `;
    return loss(
      sum((r) => r.jitter) / reports.length,
      sum((r) => r.errors),
      packets,
    );
  }

  /** The end (`iperf_print_results`): a server tells only of its own side. */
  summary(): void {
    const run = this.#run;
    this.#out(RULE);
    if (run.streams.length === 0) return;
    this.#out(this.#header(false));
    for (const sender of run.directions) {
      const streams = run.streams.filter((s) => s.sender === sender);
      for (const s of streams) this.#ends(id(s.fd), sender, [s]);
      if (streams.length > 1) this.#ends("[SUM]", sender, streams);
    }
  }

  #ends(name: string, sender: boolean, streams: readonly Stream[]): void {
    const run = this.#run;
    const { udp } = run.parameters;
    const sum = (of: (s: Stream) => number): number => streams.reduce((n, s) => n + of(s), 0);
    const remote = (s: Stream) => run.remoteOf(s);
    const first = streams[0] as Stream;
    const theirs = remote(first)?.endTime || run.lasted;
    const [sentFor, receivedFor] = sender ? [run.lasted, theirs] : [theirs, run.lasted];
    const sent = sum((s) => (sender ? s.bytes : (remote(s)?.bytes ?? 0)));
    const received = sum((s) => (sender ? (remote(s)?.bytes ?? 0) : s.bytes));
    if (run.client || sender) {
      const head = this.#head(name, sender, 0, sentFor, sent, sentFor);
      const retransmits = sum((s) => (sender ? s.retransmits : (remote(s)?.retransmits ?? 0)));
      const packets = sum((s) => (sender ? s.countedPackets : (remote(s)?.packets ?? 0)));
      if (udp) this.#out(`${head}${loss(0, 0, packets)}sender\n`);
      else this.#out(`${head}  ${pad(retransmits, 3)}             sender\n`);
    }
    if (run.client || !sender) {
      const head = this.#head(name, sender, 0, receivedFor, received, receivedFor);
      const jitter = sum((s) => (sender ? (remote(s)?.jitter ?? 0) : s.jitter)) / streams.length;
      const errors = sum((s) => (sender ? (remote(s)?.errors ?? 0) : s.countedErrors));
      const packets = sum((s) => (sender ? (remote(s)?.packets ?? 0) : s.countedPackets));
      if (udp) this.#out(`${head}${loss(jitter, errors, packets)}receiver\n`);
      else this.#out(`${head}${NO_RETR}receiver\n`);
    }
  }

  #head(name: string, sender: boolean, start: number, end: number, bytes: number, span = end - start): string {
    const { client, parameters } = this.#run;
    const role = parameters.bidirectional ? `[${sender ? "TX" : "RX"}-${client ? "C" : "S"}]` : "";
    const rate = span > 0 ? bytes / span : 0;
    return `${name}${role} ${start.toFixed(2).padStart(6)}-${end.toFixed(2).padEnd(6)} sec  ${formatUnits(bytes, "A")}  ${formatUnits(rate, this.#format)}/sec`;
  }

  #header(interval: boolean): string {
    const { client, parameters, streams, remote } = this.#run;
    const sends = streams.some((s) => s.sender);
    const columns = `[ ID]${parameters.bidirectional ? "[Role]" : ""} Interval           Transfer     Bitrate`;
    if (parameters.udp) {
      const totals = interval && sends;
      return `${columns}         ${totals ? "Total Datagrams" : "Jitter    Lost/Total Datagrams"}\n`;
    }
    const retr = sends || (client && !interval && (remote?.senderHasRetransmits ?? -1) === 1);
    return `${columns}${retr ? "         Retr" : ""}${interval && sends ? "  Cwnd" : ""}\n`;
  }
}

const id = (fd: number): string => `[${pad(fd, 3)}]`;
const pad = (n: number, width: number): string => String(n).padStart(width);
const loss = (jitter: number, errors: number, packets: number): string => {
  const percent = packets > 0 ? (100 * errors) / packets : 0;
  return `  ${(jitter * 1000).toFixed(3).padStart(5)} ms  ${errors}/${packets} (${formatG(percent, 2)}%)  `;
};

import { formatIp } from "../../core/addr.ts";
import type { Os } from "../../core/os.ts";
import { S } from "../../core/time.ts";
import { httpDate } from "../sockets/dates.ts";
import type { TestRun } from "./run.ts";
import type { IntervalReport, Stream } from "./stream.ts";
import { Entries, type Json, printJson } from "./units.ts";

/** Who took part, for the JSON text. */
export interface JsonFacts {
  readonly os: Os;
  readonly cookie: string;
  /** The other side: whom a client connects to, or whom a server accepted. */
  readonly peer: readonly [host: string, port: number] | undefined;
  readonly mss: number;
  readonly sndbuf: number;
  readonly rcvbuf: number;
  readonly error: string;
  readonly title: string;
}

/** The text of `iperf3 -J` (`iperf_api.c:iperf_json_start` and on). `run` is missing where there was no test. */
export function jsonText(run: TestRun | undefined, facts: JsonFacts): string {
  const streams = run?.streams ?? [];
  const root = new Entries()
    .add("start", start(run, facts))
    .add("intervals", run === undefined ? [] : intervals(run))
    .add("end", run === undefined || !run.started || streams.length === 0 ? new Entries() : end(run));
  if (facts.title !== "") root.list.unshift(["title", facts.title]);
  const output = run?.remote?.serverOutput;
  if (output !== undefined) root.add("server_output_text", output);
  if (facts.error !== "") root.add("error", facts.error);
  return `${printJson(root)}\n`;
}

function start(run: TestRun | undefined, f: JsonFacts): Entries {
  const connected = (run?.streams ?? []).map((s) =>
    new Entries()
      .add("socket", s.fd)
      .add("local_host", formatIp(s.local[0]))
      .add("local_port", s.local[1])
      .add("remote_host", formatIp(s.remote[0]))
      .add("remote_port", s.remote[1]),
  );
  const e = new Entries()
    .add("connected", connected)
    .add("version", "iperf 3.12")
    .add("system_info", `Linux ${f.os.hostname} 6.1.0 #1 SMP PREEMPT_DYNAMIC netloom x86_64`);
  if (run === undefined || f.peer === undefined) return e;
  const now = f.os.now();
  const p = run.parameters;
  e.add("timestamp", new Entries().add("time", httpDate(now)).add("timesecs", Math.floor(now / S)));
  const peer = new Entries().add("host", f.peer[0]).add("port", f.peer[1]);
  e.add(run.client ? "connecting_to" : "accepted_connection", peer).add("cookie", f.cookie);
  if (!p.udp) e.add("tcp_mss_default", f.mss);
  e.add("target_bitrate", p.bandwidth);
  for (const _ of run.streams)
    e.add("sock_bufsize", p.window).add("sndbuf_actual", f.sndbuf).add("rcvbuf_actual", f.rcvbuf);
  return e.add(
    "test_start",
    new Entries()
      .add("protocol", p.udp ? "UDP" : "TCP")
      .add("num_streams", p.parallel)
      .add("blksize", p.len)
      .add("omit", p.omit)
      .add("duration", p.time)
      .add("bytes", p.num)
      .add("blocks", p.blockcount)
      .add("reverse", p.reverse ? 1 : 0)
      .add("tos", p.tos)
      .add("target_bitrate", p.bandwidth),
  );
}

/** Times as iperf3 has them: in microseconds. */
const micros = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;
const rate = (bytes: number, seconds: number): number => (seconds > 0 ? (bytes * 8) / seconds : 0);
const percent = (errors: number, packets: number): number => (packets > 0 ? (100 * errors) / packets : 0);

function span(e: Entries, from: number, to: number, seconds: number, bytes: number): Entries {
  return e
    .add("start", micros(from))
    .add("end", micros(to))
    .add("seconds", micros(seconds))
    .add("bytes", bytes)
    .add("bits_per_second", rate(bytes, seconds));
}

function intervals(run: TestRun): Json[] {
  const count = run.streams[0]?.intervals.length ?? 0;
  return Array.from({ length: count }, (_, i) => {
    const e = new Entries().add(
      "streams",
      run.streams.map((s) => interval(run, s.intervals[i] as IntervalReport, s)),
    );
    run.directions.forEach((sender, n) => {
      const streams = run.streams.filter((s) => s.sender === sender);
      e.add(
        n === 0 ? "sum" : "sum_bidir_reverse",
        intervalSum(
          run,
          streams.map((s) => s.intervals[i] as IntervalReport),
          sender,
        ),
      );
    });
    return e;
  });
}

function interval(run: TestRun, r: IntervalReport, s: Stream): Entries {
  const e = span(new Entries().add("socket", s.fd), r.start, r.end, r.end - r.start, r.bytes);
  if (run.parameters.udp) datagrams(e, s.sender, r.packets, r.errors, r.jitter);
  else if (r.retransmits >= 0)
    e.add("retransmits", r.retransmits)
      .add("snd_cwnd", r.cwnd)
      .add("snd_wnd", r.sndWnd)
      .add("rtt", r.rttUs)
      .add("rttvar", r.rttvarUs)
      .add("pmtu", r.pmtu);
  return e.add("omitted", r.omitted).add("sender", s.sender);
}

function intervalSum(run: TestRun, reports: readonly IntervalReport[], sender: boolean): Entries {
  const sum = (of: (r: IntervalReport) => number): number => reports.reduce((n, r) => n + of(r), 0);
  const [first] = reports as [IntervalReport];
  const e = span(
    new Entries(),
    first.start,
    first.end,
    first.end - first.start,
    sum((r) => r.bytes),
  );
  if (run.parameters.udp)
    datagrams(
      e,
      sender,
      sum((r) => r.packets),
      sum((r) => r.errors),
      sum((r) => r.jitter) / reports.length,
    );
  else if (first.retransmits >= 0)
    e.add(
      "retransmits",
      sum((r) => r.retransmits),
    );
  return e.add("omitted", first.omitted).add("sender", sender);
}

function datagrams(e: Entries, sender: boolean, packets: number, errors: number, jitter: number): void {
  if (sender) e.add("packets", packets);
  else
    e.add("jitter_ms", jitter * 1000)
      .add("lost_packets", errors)
      .add("packets", packets)
      .add("lost_percent", percent(errors, packets));
}

/** What both sides know of a stream, or of all of one direction. */
interface Ends {
  readonly sentFor: number;
  readonly receivedFor: number;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
  readonly sentPackets: number;
  readonly packets: number;
  readonly errors: number;
  readonly jitter: number;
}

function endsOf(run: TestRun, streams: readonly Stream[], sender: boolean): Ends {
  const sum = (of: (s: Stream) => number): number => streams.reduce((n, s) => n + of(s), 0);
  const remote = (s: Stream) => run.remoteOf(s);
  const theirs = (streams[0] === undefined ? 0 : remote(streams[0])?.endTime) || run.lasted;
  return {
    sentFor: sender ? run.lasted : theirs,
    receivedFor: sender ? theirs : run.lasted,
    sent: sum((s) => (sender ? s.bytes : (remote(s)?.bytes ?? 0))),
    received: sum((s) => (sender ? (remote(s)?.bytes ?? 0) : s.bytes)),
    retransmits: sum((s) => (sender ? s.retransmits : Math.max(0, remote(s)?.retransmits ?? 0))),
    sentPackets: sum((s) => (sender ? s.countedPackets : (remote(s)?.packets ?? 0))),
    packets: sum((s) => (sender ? (remote(s)?.packets ?? 0) : s.countedPackets)),
    errors: sum((s) => (sender ? (remote(s)?.errors ?? 0) : s.countedErrors)),
    jitter: sum((s) => (sender ? (remote(s)?.jitter ?? 0) : s.jitter)) / streams.length,
  };
}

function end(run: TestRun): Entries {
  const { udp } = run.parameters;
  const e = new Entries().add(
    "streams",
    run.streams.map((s) => (udp ? udpEnd(run, s) : tcpEnd(run, s))),
  );
  run.directions.forEach((sender, n) => {
    const ends = endsOf(
      run,
      run.streams.filter((s) => s.sender === sender),
      sender,
    );
    sums(e, run, ends, sender, n === 0 ? "" : "_bidir_reverse");
  });
  const cpu = new Entries();
  for (const name of ["host_total", "host_user", "host_system", "remote_total", "remote_user", "remote_system"])
    cpu.add(name, 0);
  e.add("cpu_utilization_percent", cpu);
  if (udp) return e;
  const [ours, theirs] = [run.congestion, run.remote?.congestion ?? ""];
  const [sends] = run.directions;
  const [sending, receiving] = sends ? [ours, theirs] : [theirs, ours];
  if (sending !== "") e.add("sender_tcp_congestion", sending);
  if (receiving !== "") e.add("receiver_tcp_congestion", receiving);
  return e;
}

function tcpEnd(run: TestRun, s: Stream): Entries {
  const ends = endsOf(run, [s], s.sender);
  const reports = s.intervals.filter((r) => !r.omitted && s.sender);
  const rtts = reports.map((r) => r.rttUs);
  const mean = rtts.length > 0 ? Math.floor(rtts.reduce((n, r) => n + r, 0) / rtts.length) : 0;
  const sent = span(new Entries().add("socket", s.fd), 0, ends.sentFor, ends.sentFor, ends.sent)
    .add("retransmits", ends.retransmits)
    .add("max_snd_cwnd", Math.max(0, ...reports.map((r) => r.cwnd)))
    .add("max_snd_wnd", Math.max(0, ...reports.map((r) => r.sndWnd)))
    .add("max_rtt", Math.max(0, ...rtts))
    .add("min_rtt", rtts.length > 0 ? Math.min(...rtts) : 0)
    .add("mean_rtt", mean)
    .add("sender", s.sender);
  const received = span(new Entries().add("socket", s.fd), 0, ends.receivedFor, ends.receivedFor, ends.received).add(
    "sender",
    s.sender,
  );
  return new Entries().add("sender", sent).add("receiver", received);
}

function udpEnd(run: TestRun, s: Stream): Entries {
  const ends = endsOf(run, [s], s.sender);
  const e = span(new Entries().add("socket", s.fd), 0, ends.sentFor, ends.sentFor, ends.sent);
  return new Entries().add(
    "udp",
    e
      .add("jitter_ms", ends.jitter * 1000)
      .add("lost_packets", ends.errors)
      .add("packets", ends.packets)
      .add("lost_percent", percent(ends.errors, ends.packets))
      .add("out_of_order", s.outOfOrder)
      .add("sender", s.sender),
  );
}

function sums(e: Entries, run: TestRun, ends: Ends, sender: boolean, suffix: string): void {
  const lost = (to: Entries, jitter: number, errors: number, packets: number): Entries =>
    to
      .add("jitter_ms", jitter * 1000)
      .add("lost_packets", errors)
      .add("packets", packets)
      .add("lost_percent", percent(errors, packets));
  const sent = span(new Entries(), 0, ends.sentFor, ends.sentFor, ends.sent);
  const received = span(new Entries(), 0, ends.receivedFor, ends.receivedFor, ends.received);
  if (!run.parameters.udp) {
    e.add(`sum_sent${suffix}`, sent.add("retransmits", ends.retransmits).add("sender", sender));
    e.add(`sum_received${suffix}`, received.add("sender", sender));
    return;
  }
  const both = span(new Entries(), 0, ends.receivedFor, ends.receivedFor, sender ? ends.sent : ends.received);
  e.add(`sum${suffix}`, lost(both, ends.jitter, ends.errors, ends.packets).add("sender", sender));
  e.add(`sum_sent${suffix}`, lost(sent, 0, 0, ends.sentPackets).add("sender", true));
  e.add(`sum_received${suffix}`, lost(received, ends.jitter, ends.errors, ends.packets).add("sender", false));
}

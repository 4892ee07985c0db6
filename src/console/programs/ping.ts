import { formatIp } from "../../core/addr.ts";
import { type Errno, strerror } from "../../core/errno.ts";
import type { Process } from "../../core/os.ts";
import { seconds, US } from "../../core/time.ts";
import { HEADER } from "../../protocols/icmp/wire.ts";
import type { PingReply, PingResult } from "../ping/api.ts";
import { type PingCommand, parsePing } from "../ping/command.ts";
import { STAMP_BYTES, startPing } from "../ping/engine.ts";
import { describe } from "../ping/message.ts";
import { RouteText } from "../ping/route-text.ts";
import { RECORD_ROUTE_BYTES } from "../ping/socket.ts";
import { formatMs, formatPercent, formatRtt } from "../ping/statistics.ts";

/** `ping` of iputils 20221126 (Debian 12) for IPv4: its options, its text, its exit status. */
export function ping(self: Process): void {
  const parsed = parsePing(self.args);
  if (!parsed.ok) {
    self.err(`ping: ${parsed.why}\n`);
    return self.exit(parsed.status);
  }
  const command = parsed.value;
  if (command.pattern !== undefined && !command.quiet) self.out(`PATTERN: 0x${command.pattern}\n`);
  const text = new PingText(self, command);
  const run = startPing(self.os, command.options, (result) => text.finish(result), {
    warning: (line) => self.err(line.startsWith("WARNING") ? `${line}\n` : `ping: ${line}\n`),
    started: (source) => text.header(source),
    sent: () => {
      if (command.flood && !command.quiet) self.out(".");
    },
    outstanding: (seq) => {
      if (command.outstanding) self.out(`${text.stamp()}no answer yet for icmp_seq=${seq}\n`);
    },
    reply: (reply) => text.reply(reply),
    icmp: (message, from) => {
      if (command.quiet) return;
      if (command.flood) return message.kind === "error" ? self.out("\bE") : undefined;
      const colon = message.kind === "error" ? "" : ":"; // errors come from the error queue, hints from the socket
      self.out(`${text.stamp()}From ${formatIp(from)}${colon} icmp_seq=${message.seq} ${describe(message)}\n`);
    },
    refused: (errno, mtuBytes) => {
      if (command.quiet) return;
      if (command.flood) self.out("E");
      else self.err(`ping: ${sendError(errno, mtuBytes)}\n`);
    },
  });
  self.onInterrupt(() => run.stop());
}

/** Why a request did not leave. iputils 20221126 is silent on all but EMSGSIZE; other releases print these lines. */
const sendError = (errno: Errno, mtuBytes: number): string =>
  errno === "EMSGSIZE" ? `local error: message too long, mtu=${mtuBytes}` : `sendmsg: ${strerror(errno)}`;

/** What a ping prints, from its first line to its last. */
class PingText {
  readonly #self: Process;
  readonly #command: PingCommand;
  readonly #route = new RouteText();

  constructor(self: Process, command: PingCommand) {
    this.#self = self;
    this.#command = command;
  }

  header(source: number): void {
    const { options, target, sizeBytes } = this.#command;
    const strict = options.ifname !== undefined || options.source !== undefined || options.stickySource;
    const from = strict ? `from ${formatIp(source)} ${options.ifname ?? ""}: ` : "";
    const destination = formatIp(options.to === 0 ? source : options.to);
    const bytes = sizeBytes + 28 + (options.recordRoute ? RECORD_ROUTE_BYTES : 0);
    this.#self.out(`PING ${target} (${destination}) ${from}${sizeBytes}(${bytes}) bytes of data.\n`);
  }

  /** The time that `-D` puts before a line. */
  stamp(): string {
    return this.#command.stamps ? `[${seconds(this.#self.os.now())}] ` : "";
  }

  reply(r: PingReply): void {
    const { quiet, flood, audible } = this.#command;
    if (quiet) return;
    const bell = audible ? "\x07" : "";
    if (flood) return this.#self.out(`\b \b${bell}`);
    this.#self.out(`${this.stamp()}${this.#replyLine(r)}`);
    if (r.end - r.o < r.sent.length) return;
    this.#self.out(`${bell}${this.#route.format(r.b, r.header + 20, r.o)}\n`);
  }

  /** `ping_common.c:gather_statistics`. */
  #replyLine(r: PingReply): string {
    const bytes = r.end - r.o;
    const line = `${bytes} bytes from ${formatIp(r.from)}: icmp_seq=${r.seq} ttl=${r.ttl}`;
    if (bytes < r.sent.length) return `${line} (truncated)\n`;
    const time = bytes >= HEADER + STAMP_BYTES && this.#command.sizeBytes >= STAMP_BYTES;
    return [
      line,
      time ? ` time=${formatRtt(Math.floor(r.rttNs / US))} ms` : "",
      r.duplicate && !this.#command.toMany ? " (DUP!)" : "",
      r.wrongSource ? " (DIFFERENT ADDRESS!)" : "",
      wrongData(r),
    ].join("");
  }

  /** `ping_common.c:finish`. */
  finish(r: PingResult): void {
    const out = (text: string): void => this.#self.out(text);
    if (r.refused !== undefined) {
      this.#self.err(`ping: ${r.refused}\n`);
      return this.#self.exit(r.status);
    }
    out(`\n--- ${this.#command.target} ping statistics ---\n`);
    out(`${r.transmitted} packets transmitted, ${r.received} received`);
    if (r.duplicates > 0) out(`, +${r.duplicates} duplicates`);
    if (r.errors > 0) out(`, +${r.errors} errors`);
    if (r.transmitted > 0)
      out(`, ${formatPercent(r.lossPercent)}% packet loss, time ${Math.round(r.sendingNs / 1e6)}ms`);
    out(`\n${this.#rttLine(r)}\n`);
    this.#self.exit(r.status);
  }

  #rttLine(r: PingResult): string {
    const { rtt } = r;
    const parts: string[] = [];
    if (r.received > 0 && rtt.count > 0) {
      const times = [rtt.minUs, rtt.averageUs, rtt.maxUs, rtt.deviationUs].map(formatMs).join("/");
      parts.push(`rtt min/avg/max/mdev = ${times} ms`);
    }
    if (r.pipe > 1) parts.push(`pipe ${r.pipe}`);
    const paced = r.intervalNs > 0 && !this.#command.flood && !this.#command.options.adaptive;
    if (r.received > 0 && !paced && r.transmitted > 1) {
      const gapUs = Math.floor(r.sendingNs / US / (r.transmitted - 1));
      parts.push(`ipg/ewma ${formatMs(gapUs)}/${formatMs(rtt.ewma8Us >> 3)} ms`);
    }
    return parts.join(", ");
  }
}

/** Says which octet of the data came back changed, with all of them; empty when none did. */
function wrongData(r: PingReply): string {
  const size = r.sent.length - HEADER;
  const data = r.o + HEADER;
  for (let i = STAMP_BYTES; i < size; i++) {
    const was = r.b[data + i] as number;
    const wanted = r.sent[HEADER + i] as number;
    if (was === wanted) continue;
    let text = `\nwrong data byte #${i} should be 0x${wanted.toString(16)} but was 0x${was.toString(16)}`;
    for (let j = STAMP_BYTES; j < size; j++) {
      if (j % 32 === STAMP_BYTES) text += `\n#${j}\t`;
      text += `${(r.b[data + j] as number).toString(16)} `;
    }
    return text;
  }
  return "";
}

import { formatIp } from "../../core/addr.ts";
import { type Errno, strerror } from "../../core/errno.ts";
import type { OsAlarm, Process } from "../../core/os.ts";
import { MS, type Nanos, NEVER } from "../../core/time.ts";
import * as icmp from "../../protocols/icmp/wire.ts";
import type { TraceCommand } from "./command.ts";
import { extensionText } from "./extensions.ts";
import { type Answer, type Method, methodOf, type Sent } from "./method.ts";
import { adoptFinal, hopsOfTtl, newProbe, type Probe, timeoutOf } from "./probe.ts";

/** How long a full queue is given to drain. */
const QUEUE_PAUSE: Nanos = 10 * MS;

/** A traceroute under way (`traceroute.c:do_it`, woken by answers and alarms instead of polling). */
export class Trace {
  readonly #self: Process;
  readonly #c: TraceCommand;
  readonly #method: Method;
  readonly #alarm: OsAlarm;
  readonly #probes: Probe[];
  /** Answers that came while probes were being sent. */
  #early: (() => void)[] = [];
  #dataBytes: number;
  /** The first probe that is not printed, and the one behind the last that matters. */
  #start: number;
  #end: number;
  #lastSentAt: Nanos = Number.NEGATIVE_INFINITY;
  #busy = false;
  #over = false;

  constructor(self: Process, c: TraceCommand) {
    this.#self = self;
    this.#c = c;
    this.#method = methodOf(self.os, c, (n, answer) => this.#answered(n, answer));
    this.#alarm = self.os.alarm(() => this.#turn());
    this.#probes = Array.from({ length: c.maxHops * c.perHop }, newProbe);
    this.#dataBytes = c.dataBytes;
    this.#start = (c.firstHop - 1) * c.perHop;
    this.#end = this.#probes.length;
  }

  start(): void {
    const c = this.#c;
    this.#self.onInterrupt(() => this.#stop(130));
    const bytes = c.headerBytes + c.dataBytes;
    this.#self.out(
      `traceroute to ${c.target} (${formatIp(c.destination)}), ${c.maxHops} hops max, ${bytes} byte packets`,
    );
    if (c.ifname !== undefined && this.#self.os.link.find(c.ifname) === undefined)
      return this.#fail("setsockopt SO_BINDTODEVICE", "ENODEV");
    if (this.#succeeded(this.#method.open())) this.#turn();
  }

  /** Sends and prints what is due, and sleeps until the first unprinted probe is answered or given up. */
  #turn(): void {
    if (this.#busy || this.#over) return;
    this.#busy = true;
    let wakeAt: Nanos | undefined;
    do {
      wakeAt = this.#pass();
      const early = this.#early;
      this.#early = [];
      for (const hear of early) hear();
      if (early.length > 0) wakeAt = undefined;
    } while (wakeAt === undefined && this.#start < this.#end && !this.#over);
    this.#busy = false;
    if (this.#over) return;
    if (this.#start < this.#end) return this.#alarm.set(wakeAt as Nanos);
    this.#self.out("\n");
    this.#stop(0);
  }

  /** One look at the probes that matter. The result is when to look again; `undefined`: at once. */
  #pass(): Nanos | undefined {
    const { perHop, wait, together, sendWaitNs } = this.#c;
    const now = this.#self.os.now();
    let wakeAt: Nanos | undefined;
    let underWay = 0;
    for (let n = this.#start; n < this.#end && !this.#over; n++) {
      let probe = this.#probes[n] as Probe;
      if (n === this.#start && !probe.done && probe.sentAt !== undefined) {
        const expiresAt = probe.sentAt + timeoutOf(this.#probes, n, perHop, wait);
        if (expiresAt > now) wakeAt = expiresAt;
        else {
          this.#done(n);
          adoptFinal(this.#probes, n, perHop);
          probe = this.#probes[n] as Probe;
        }
      }
      if (probe.done) {
        if (n === this.#start) {
          this.#print(n);
          this.#start++;
        }
        if (probe.final) this.#end = (Math.floor(n / perHop) + 1) * perHop;
        continue;
      }
      if (probe.sentAt === undefined) {
        if (this.#lastSentAt + sendWaitNs > now) return this.#lastSentAt + sendWaitNs;
        if (!this.#send(n, probe, now)) return wakeAt ?? now + QUEUE_PAUSE;
      }
      wakeAt ??= (probe.sentAt as Nanos) + timeoutOf(this.#probes, n, perHop, wait);
      if (++underWay >= together) break;
    }
    return wakeAt;
  }

  #send(n: number, probe: Probe, now: Nanos): boolean {
    const sent = this.#method.send(n, Math.floor(n / this.#c.perHop) + 1, this.#dataBytes);
    const full = !sent.ok && !sent.outcome.ok && (sent.outcome.errno === "ENOBUFS" || sent.outcome.errno === "EAGAIN");
    if (full && this.#probes.some((p) => p.sentAt !== undefined && !p.done)) return false;
    if (!this.#succeeded(sent)) return false;
    probe.sentAt = now;
    this.#lastSentAt = now;
    return true;
  }

  #answered(n: number, answer: Answer): void {
    if (this.#over) return;
    if (this.#busy) {
      const at = this.#self.os.now();
      this.#early.push(() => this.#take(n, answer, at));
      return;
    }
    this.#take(n, answer, this.#self.os.now());
    this.#turn();
  }

  #take(n: number, answer: Answer, at: Nanos): void {
    const probe = this.#probes[n] as Probe;
    if (probe.done || answer.type === icmp.ICMP_REDIRECT || answer.type === icmp.ICMP_SOURCE_QUENCH) return;
    const { discoverMtu, headerBytes } = this.#c;
    const room = answer.mtuBytes - headerBytes;
    if (discoverMtu && answer.mtuBytes > 0 && room >= 0 && room < this.#dataBytes) {
      this.#method.forget(n);
      this.#dataBytes = room;
      this.#probes[n] = { ...newProbe(), note: `F=${answer.mtuBytes}` }; // sent again, shorter
      return;
    }
    probe.receivedAt = at;
    probe.ttl = answer.ttl;
    if (this.#c.extensions && answer.extension !== undefined) probe.extension = extensionText(answer.extension);
    if (answer.kind !== "local") probe.from = answer.from;
    probe.final =
      answer.kind !== "error" || answer.type !== icmp.ICMP_TIME_EXCEEDED || answer.code !== icmp.ICMP_EXC_TTL;
    if (answer.kind === "local") probe.note = `!F-${answer.mtuBytes}`;
    else if (answer.kind === "error") probe.note = noteOf(answer) || probe.note;
    this.#done(n);
  }

  #done(n: number): void {
    (this.#probes[n] as Probe).done = true;
    this.#method.forget(n);
  }

  #print(n: number): void {
    const { perHop, back } = this.#c;
    const probe = this.#probes[n] as Probe;
    const hop = Math.floor(n / perHop) + 1;
    let text = n % perHop === 0 ? `\n${String(hop).padStart(2)} ` : "";
    if (probe.from === undefined) text += " *";
    else if (this.#isNewHere(n, probe)) {
      const address = formatIp(probe.from);
      text += this.#c.numeric ? ` ${address}` : ` ${address} (${address})`;
      if (probe.extension !== "") text += ` <${probe.extension}>`;
      if (back && probe.ttl > 0 && hopsOfTtl(probe.ttl) !== hop) text += ` '-${hopsOfTtl(probe.ttl)}'`;
    }
    if (probe.receivedAt !== undefined)
      text += `  ${((probe.receivedAt - (probe.sentAt as Nanos)) / 1e6).toFixed(3)} ms`;
    if (probe.note !== "") text += ` ${probe.note}`;
    this.#self.out(text);
  }

  /** Whether the answerer differs from the one before in the same hop. */
  #isNewHere(n: number, probe: Probe): boolean {
    const { perHop, back } = this.#c;
    const before = this.#probes.slice(n - (n % perHop), n).findLast((p) => p.from !== undefined);
    if (before === undefined || before.from !== probe.from || before.extension !== probe.extension) return true;
    return back && before.ttl !== probe.ttl;
  }

  #succeeded(sent: Sent): boolean {
    if (sent.ok) return true;
    if (!sent.outcome.ok) this.#fail(sent.call, sent.outcome.errno);
    return false;
  }

  #fail(call: string, errno: Errno): void {
    this.#self.err(`\n${call}: ${strerror(errno)}\n`);
    this.#stop(1);
  }

  #stop(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#alarm.set(NEVER);
    this.#method.close();
    this.#self.exit(status);
  }
}

/** What an ICMP error is printed as; nothing for the two that are expected (`traceroute.c:parse_icmp_res`). */
function noteOf({ type, code, mtuBytes }: Answer): string {
  if (type === icmp.ICMP_TIME_EXCEEDED && code === icmp.ICMP_EXC_TTL) return "";
  if (type !== icmp.ICMP_DEST_UNREACH) return `!<${type}-${code}>`;
  if (code === icmp.ICMP_FRAG_NEEDED) return `!F-${mtuBytes}`;
  return UNREACHABLE[code] ?? `!<${code}>`;
}

const UNREACHABLE: Readonly<Record<number, string>> = {
  [icmp.ICMP_NET_UNREACH]: "!N",
  [icmp.ICMP_HOST_UNREACH]: "!H",
  [icmp.ICMP_PROT_UNREACH]: "!P",
  [icmp.ICMP_PORT_UNREACH]: "",
  [icmp.ICMP_SR_FAILED]: "!S",
  [icmp.ICMP_NET_UNKNOWN]: "!N",
  [icmp.ICMP_HOST_UNKNOWN]: "!H",
  [icmp.ICMP_HOST_ISOLATED]: "!N",
  [icmp.ICMP_NET_ANO]: "!X",
  [icmp.ICMP_HOST_ANO]: "!X",
  [icmp.ICMP_NET_UNR_TOS]: "!N",
  [icmp.ICMP_HOST_UNR_TOS]: "!H",
  [icmp.ICMP_PKT_FILTERED]: "!X",
  [icmp.ICMP_PREC_VIOLATION]: "!V",
  [icmp.ICMP_PREC_CUTOFF]: "!C",
};

import { BROADCAST_MAC, formatIp, formatMac, type Ipv4, isGroupMac, type Mac } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import type { Os, OsAlarm, OsLink, PacketSocket, Process } from "../../core/os.ts";
import { type Nanos, NEVER, S, US } from "../../core/time.ts";
import * as arp from "../../protocols/arp/wire.ts";
import * as ethernet from "../../protocols/ethernet/wire.ts";
import { getopt, notBuilt, parseHost, parseInteger } from "./options.ts";

/** `arping` of iputils 20221126. Its times are true: the real one shows each 0.5 ms too long (`arping.c:recv_pack`). */
export function arping(self: Process): void {
  const parsed = parse(self.args);
  if (typeof parsed === "string") return fail(self, `arping: ${parsed}`, parsed.startsWith("invalid argument") ? 1 : 2);
  const command = parsed;
  const link = chooseDevice(self, command);
  if (link === undefined) return;
  const source = chooseSource(self.os, command, link);
  if (typeof source === "string") return fail(self, `arping: ${source}`, 2);
  const socket = self.os.packetSocket(link.ifname, ethernet.ETHERTYPE_ARP);
  if (!socket.ok) return fail(self, `arping: bind: ${strerror(socket.errno)}`, 2);
  if (!command.quiet) self.out(`ARPING ${formatIp(command.target)} from ${formatIp(source)} ${link.ifname}\n`);
  if (source === 0 && !command.detect) {
    socket.value.close();
    return fail(self, "arping: no source address in not-DAD mode", 2);
  }
  new Arping(self, command, link, source, socket.value).start();
}

function fail(self: Process, line: string, status: number): void {
  self.err(`${line}\n`);
  self.exit(status);
}

/** An arping as it was typed. */
interface Command {
  readonly target: Ipv4;
  readonly ifname: string | undefined;
  readonly source: Ipv4 | undefined;
  readonly count: number | undefined;
  /** `-w`, 0 when there is none. */
  readonly timeoutNs: Nanos;
  readonly intervalNs: Nanos;
  /** `-A`: ARP replies. */
  readonly answer: boolean;
  /** `-A` and `-U`: nobody is expected to answer. */
  readonly unsolicited: boolean;
  /** `-D`: is somebody using the address? */
  readonly detect: boolean;
  readonly first: boolean;
  readonly quiet: boolean;
  readonly broadcastOnly: boolean;
}

/** The command, or the complaint. */
function parse(args: readonly string[]): Command | string {
  const line = getopt("arping", args, "h?bfDUAqc:w:i:s:I:V");
  if (!line.ok) return line.message.slice("arping: ".length);
  const given = new Map<string, string>();
  const numbers = new Map<string, number>();
  for (const { flag, value } of line.options) {
    if (flag === "h" || flag === "?") return USAGE;
    if (flag === "V") return notBuilt("arping", "-V").slice("arping: ".length);
    given.set(flag, value);
    if (!"cwi".includes(flag)) continue;
    const number = parseInteger(value, flag === "c" ? 1 : 0, 0x7fff_ffff);
    if (!number.ok) return number.why;
    numbers.set(flag, number.value);
  }
  const [name, extra] = line.rest;
  if (name === undefined || extra !== undefined) return USAGE;
  const target = parseHost(name);
  if (target === undefined) return `${name}: Name or service not known`;
  const sourceText = given.get("s");
  const source = sourceText === undefined ? undefined : parseHost(sourceText);
  if (sourceText !== undefined && source === undefined) return `invalid source ${sourceText}`;
  if (numbers.get("i") === 0) return "invalid argument: '0': an interval of nothing would never let time pass";
  return {
    target,
    ifname: given.get("I"),
    source,
    count: numbers.get("c"),
    timeoutNs: (numbers.get("w") ?? 0) * S,
    intervalNs: (numbers.get("i") ?? 1) * S,
    answer: given.has("A"),
    unsolicited: given.has("A") || given.has("U"),
    detect: given.has("D"),
    first: given.has("f") || given.has("D"),
    quiet: given.has("q"),
    broadcastOnly: given.has("b"),
  };
}

const USAGE = "usage: arping [-fqbDUA] [-c count] [-w timeout] [-i interval] [-I device] [-s source] destination";

/** The device to ask on; `undefined` when the command has ended because there is none (`arping.c:check_device`). */
function chooseDevice(self: Process, c: Command): OsLink | undefined {
  const { os } = self;
  const route = c.ifname === undefined ? os.route.lookup(c.target) : undefined;
  const name = c.ifname ?? (route?.ok ? route.value.ifname : undefined);
  if (name === undefined) {
    fail(self, "arping: Suitable device could not be determined. Please, use option -I.", 2);
    return undefined;
  }
  const link = os.link.find(name);
  if (link === undefined) {
    fail(self, `arping: Device ${name} not available.`, 2);
    return undefined;
  }
  if (link.up && link.arp) return link;
  if (!c.quiet) self.out(`Interface "${name}" is ${link.up ? "not ARPable" : "down"}\n`);
  self.exit(link.up && c.detect ? 0 : 2);
  return undefined;
}

/** The sender's address, or why it cannot be used. */
function chooseSource(os: Os, c: Command, link: OsLink): Ipv4 | string {
  if (c.detect && c.source === undefined) return 0;
  const wanted = c.source ?? (c.unsolicited ? c.target : undefined);
  const probe = os.udpSocket();
  probe.options.ifname = link.ifname;
  if (wanted !== undefined) {
    const bound = probe.bind(wanted, 0);
    probe.close();
    return bound.ok ? wanted : `bind: ${strerror(bound.errno)}`;
  }
  const connected = probe.connect(c.target, 1025);
  const source = probe.localAddress;
  probe.close();
  if (connected.ok) return source;
  if (connected.errno === "EACCES") return `connect: ${strerror("EACCES")}`;
  return os.addr.list().find((a) => a.ifname === link.ifname)?.address ?? 0; // SO_DONTROUTE: as if it were on the link
}

class Arping {
  readonly #self: Process;
  readonly #c: Command;
  readonly #link: OsLink;
  readonly #source: Ipv4;
  readonly #socket: PacketSocket;
  readonly #timer: OsAlarm;
  readonly #timeout: OsAlarm;
  /** Whom to ask: everybody, until somebody answers. */
  #peer: Mac = BROADCAST_MAC;
  #lastAt: Nanos = 0;
  #sent = 0;
  #sentToAll = 0;
  #received = 0;
  #receivedByAll = 0;
  #requests = 0;
  #over = false;

  constructor(self: Process, c: Command, link: OsLink, source: Ipv4, socket: PacketSocket) {
    this.#self = self;
    this.#c = c;
    this.#link = link;
    this.#source = source;
    this.#socket = socket;
    this.#timer = self.os.alarm(() => this.#tick());
    this.#timeout = self.os.alarm(() => {
      if (this.#timer.deadline <= self.os.now()) this.#tick(); // due at once: the interval goes first, as in `event_loop`
      this.#finish();
    });
    socket.onReceive((b, o, end, info) => {
      if (!info.outgoing) this.#receive(b, o, end);
    });
    self.onInterrupt(() => this.#finish());
  }

  start(): void {
    const now = this.#self.os.now();
    this.#timer.set(now + this.#c.intervalNs);
    if (this.#c.timeoutNs > 0) this.#timeout.set(now + this.#c.timeoutNs);
    this.#send();
  }

  #ticks = 1;
  #tick(): void {
    this.#ticks++;
    if (this.#c.count !== undefined && this.#c.count < this.#ticks) return this.#finish();
    this.#timer.set(this.#self.os.now() + this.#c.intervalNs);
    this.#send();
  }

  #send(): void {
    const { mac } = this.#link;
    const frame = new Uint8Array(ethernet.HEADER + arp.LENGTH);
    ethernet.writeHeader(frame, 0, this.#peer, mac, ethernet.ETHERTYPE_ARP);
    const op = this.#c.answer ? arp.ARPOP_REPLY : arp.ARPOP_REQUEST;
    const asked = this.#c.answer ? mac : this.#peer;
    arp.writePacket(frame, ethernet.HEADER, op, mac, this.#source, asked, this.#c.target);
    this.#lastAt = this.#self.os.now();
    const sent = this.#socket.send(frame);
    if (!sent.ok) return;
    this.#sent++;
    if (this.#peer === BROADCAST_MAC) this.#sentToAll++;
  }

  #receive(b: Uint8Array, o: number, end: number): void {
    const at = o + ethernet.HEADER;
    if (this.#over || !arp.isEthernetIpv4(b, at, end)) return;
    const to = ethernet.dst(b, o);
    if (to !== this.#link.mac && !isGroupMac(to)) return;
    const request = arp.op(b, at) === arp.ARPOP_REQUEST;
    if (!request && arp.op(b, at) !== arp.ARPOP_REPLY) return;
    if (!this.#concerns(b, at)) return;
    const byAll = isGroupMac(to);
    if (!this.#c.quiet) this.#self.out(this.#line(b, at, request, byAll));
    this.#received++;
    if (this.#c.timeoutNs > 0 && this.#received === this.#c.count) return this.#finish();
    if (byAll) this.#receivedByAll++;
    if (request) this.#requests++;
    if (this.#c.first) return this.#finish();
    if (!this.#c.broadcastOnly) this.#peer = arp.sha(b, at);
  }

  /** Whether it tells who has the address: to us, or in a duplicate search by anybody else (RFC 5227 §2.1.1). */
  #concerns(b: Uint8Array, at: number): boolean {
    if (arp.spa(b, at) !== this.#c.target) return false;
    const forUs = arp.tpa(b, at) === this.#source;
    if (this.#c.detect) return arp.sha(b, at) !== this.#link.mac && (this.#source === 0 || forUs);
    return forUs && arp.tha(b, at) === this.#link.mac;
  }

  #line(b: Uint8Array, at: number, request: boolean, byAll: boolean): string {
    const upper = (mac: Mac): string => formatMac(mac).toUpperCase();
    const others = [
      arp.tpa(b, at) === this.#source ? "" : `for ${formatIp(arp.tpa(b, at))} `,
      arp.tha(b, at) === this.#link.mac ? "" : `[${upper(arp.tha(b, at))}]`,
    ];
    const aimed = others[0] === "" && others[1] !== "" ? `for ${others[1]}` : others.join("");
    const us = Math.round((this.#self.os.now() - this.#lastAt) / US);
    const time = `${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")}`;
    const how = `${byAll ? "Broadcast" : "Unicast"} ${request ? "request" : "reply"}`;
    return `${how} from ${formatIp(this.#c.target)} [${upper(arp.sha(b, at))}] ${aimed} ${time}ms\n`;
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.set(NEVER);
    this.#timeout.set(NEVER);
    this.#socket.close();
    if (!this.#c.quiet) {
      const kinds: string[] = [];
      if (this.#requests > 0) kinds.push(`${this.#requests} request(s)`);
      if (this.#receivedByAll > 0) kinds.push(`${this.#receivedByAll} broadcast(s)`);
      this.#self.out(`Sent ${this.#sent} probes (${this.#sentToAll} broadcast(s))\n`);
      this.#self.out(`Received ${this.#received} response(s)${kinds.length > 0 ? ` (${kinds.join(", ")})` : ""}\n`);
    }
    this.#self.exit(this.#status());
  }

  /** 0 when the address is there; with `-D` when it is free; with `-U` and `-A` always. */
  #status(): number {
    const { unsolicited, detect, timeoutNs, count } = this.#c;
    if (unsolicited && !detect) return 0;
    if (detect) return this.#received > 0 ? 1 : 0;
    if (this.#received === 0) return 1;
    if (timeoutNs > 0 && count === undefined) return 0;
    return this.#sent === this.#received ? 0 : 1;
  }
}

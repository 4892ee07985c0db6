import type { FrameInfo, OsLink, PacketSocket, Process } from "../../core/os.ts";
import { parseTcpdump, type TcpdumpCommand } from "../tcpdump/command.ts";
import { formatFrame, formatStamp, type LinkType } from "../tcpdump/frame.ts";
import { TcpdumpState } from "../tcpdump/state.ts";

/** Every frame, whichever its type, sent ones too. */
const ETH_P_ALL = 0x0003;

/**
 * `tcpdump` 4.99 on a device or on all (`-i any`), in the formats of `-nn`: names are never looked up. Times are simulated
 * time of day.
 */
export function tcpdump(self: Process): void {
  const parsed = parseTcpdump(self.args);
  if (!parsed.ok) return fail(self, parsed.why);
  const command = parsed.value;
  const any = command.ifname === "any";
  const links = any ? self.os.link.list() : chosen(self, command.ifname);
  const [first] = links;
  if (first === undefined)
    return fail(self, `tcpdump: ${command.ifname}: No such device exists\n(No such device exists)`);
  if (!any && !first.up) return fail(self, `tcpdump: ${first.ifname}: That device is not up`);
  const capture = new Capture(self, command);
  for (const link of links) {
    const socket = self.os.packetSocket(link.ifname, ETH_P_ALL);
    if (socket.ok) capture.listen(socket.value, link, any);
  }
  const [kind, words] = any
    ? ["LINUX_SLL2", "Linux cooked v2"]
    : first.ethernet
      ? ["EN10MB", "Ethernet"]
      : ["RAW", "Raw IP"];
  if (any) self.err("tcpdump: data link type LINUX_SLL2\n");
  self.err("tcpdump: ");
  if (command.format.verbose === 0) self.err("verbose output suppressed, use -v[v]... for full protocol decode\n");
  const name = any ? "any" : first.ifname;
  self.err(`listening on ${name}, link-type ${kind} (${words}), snapshot length ${command.snapLength} bytes\n`);
}

function fail(self: Process, line: string): void {
  self.err(`${line}\n`);
  self.exit(1);
}

/** The device of `-i`, or the first that is up and no loopback. */
function chosen(self: Process, ifname: string | undefined): readonly OsLink[] {
  const link =
    ifname === undefined
      ? (self.os.link.list().find((l) => l.up && l.ifname !== "lo") ?? self.os.link.list()[0])
      : self.os.link.find(ifname);
  return link === undefined ? [] : [link];
}

class Capture {
  readonly #self: Process;
  readonly #c: TcpdumpCommand;
  readonly #state = new TcpdumpState();
  readonly #sockets: PacketSocket[] = [];
  #printed = 0;
  #over = false;

  constructor(self: Process, command: TcpdumpCommand) {
    this.#self = self;
    this.#c = command;
    self.onInterrupt(() => this.#finish("\n"));
  }

  listen(socket: PacketSocket, link: OsLink, any: boolean): void {
    this.#sockets.push(socket);
    const linkType: LinkType = link.ethernet ? "ethernet" : "raw";
    socket.onReceive((b, o, end, info) => this.#frame(b, o, end, info, link, linkType, any));
  }

  #frame(b: Uint8Array, o: number, end: number, info: FrameInfo, link: OsLink, linkType: LinkType, any: boolean): void {
    const { direction, filter, snapLength, stamp, format, numbered, count } = this.#c;
    const { outgoing } = info;
    if (this.#over || (direction !== "inout" && (direction === "out") !== outgoing)) return;
    if (!filter({ b, o, end, bytes: end - o, ethernet: linkType === "ethernet", outgoing })) return;
    const origin = any ? { ifname: link.ifname, ifindex: link.ifindex, outgoing } : undefined;
    const kept = Math.min(end, o + snapLength);
    const text = formatFrame(b, o, kept, linkType, format, this.#state, end - o, origin);
    this.#printed++;
    const number = numbered ? `${String(this.#printed).padStart(5)}  ` : "";
    this.#self.out(`${number}${formatStamp(this.#self.os.now(), stamp, this.#state)}${text}\n`);
    if (this.#printed === count) this.#finish("");
  }

  #finish(before: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const socket of this.#sockets) socket.close();
    const n = this.#printed;
    const plural = n === 1 ? "" : "s";
    this.#self.err(`${before}${n} packet${plural} captured\n${n} packet${plural} received by filter\n`);
    this.#self.err("0 packets dropped by kernel\n");
    this.#self.exit(0);
  }
}

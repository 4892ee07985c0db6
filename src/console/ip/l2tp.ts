import { formatIp } from "../../core/addr.ts";
import { hex } from "../../core/bytes.ts";
import { l2tpOf } from "../../nodes/kernel/dev/l2tp.ts";
import type { L2tpEthDevice } from "../../nodes/kernel/dev/l2tp-eth.ts";
import type { L2tpTunnel } from "../../nodes/kernel/dev/l2tp-tunnel.ts";
import { Args, type Option, option, readOptions, unbuilt } from "./args.ts";
import { complain, type Ip } from "./context.ts";
import { answer, usage, wrong } from "./exit.ts";
import { unsignedOr } from "./kinds/kind.ts";
import { isDeviceName } from "./link-request.ts";
import { parseAddress } from "./values.ts";

/** `ip l2tp` (ip/ipl2tp.c): L2TPv3 tunnels that nobody manages, and their Ethernet pseudowires. */
export function l2tp(ip: Ip, args: Args): void {
  if (!args.more || args.abbreviates("help")) throw usage(USAGE);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return add(ip, read(ip, rest));
  if (args.abbreviates("delete")) return remove(ip, read(ip, rest));
  if (args.abbreviates("show", "lst", "list")) return show(ip, read(ip, rest));
  throw usage(`Command "${args.word}" is unknown, try "ip l2tp help".`);
}

interface Draft {
  readonly ip: Ip;
  tunnel: boolean;
  session: boolean;
  encap: "udp" | "ip";
  name?: string;
  remote?: number;
  local?: number;
  tunnelId: number;
  peerTunnelId: number;
  sessionId: number;
  peerSessionId: number;
  sourcePort: number;
  destinationPort: number;
  udpcsum: boolean;
  cookie: Uint8Array;
  peerCookie: Uint8Array;
  sublayer: boolean;
  sendSequence: boolean;
  receiveSequence: boolean;
}

const ID_MAX = 0xffff_ffff;
const id = (args: Args): number => unsignedOr("invalid ID\n", args.next(), ID_MAX);
const port = (args: Args): number => unsignedOr("invalid port\n", args.next(), 0xffff);

const OPTIONS: readonly Option<Draft>[] = [
  option("=encap", (r, args) => {
    const encap = args.next();
    if (encap !== "ip" && encap !== "udp") throw usage(`Unknown tunnel encapsulation "${encap}"`);
    r.encap = encap;
  }),
  option("=name", (r, args) => {
    r.name = args.next();
    if (!isDeviceName(r.name)) throw wrong('"name" not a valid ifname', r.name);
  }),
  option("=remote", (r, args) => (r.remote = parseAddress(args.next(), ""))),
  option("=local", (r, args) => (r.local = parseAddress(args.next(), ""))),
  option("=tunnel_id|=tid", (r, args) => (r.tunnelId = id(args))),
  option("=peer_tunnel_id|=ptid", (r, args) => (r.peerTunnelId = id(args))),
  option("=session_id|=sid", (r, args) => (r.sessionId = id(args))),
  option("=peer_session_id|=psid", (r, args) => (r.peerSessionId = id(args))),
  option("=udp_sport", (r, args) => (r.sourcePort = port(args))),
  option("=udp_dport", (r, args) => (r.destinationPort = port(args))),
  option("=udp_csum", (r, args) => {
    args.next();
    if (!args.is("on", "off")) throw wrong("invalid option for udp_csum\n", args.word);
    r.udpcsum = args.is("on");
  }),
  unbuilt("=udp6_csum_rx|=udp6_csum_tx"),
  option("=offset|=peer_offset", (r, args) => {
    complain(r.ip, `Ignoring option "${args.word}"`);
    args.next();
  }),
  option("=cookie", (r, args) => (r.cookie = cookie(args.next()))),
  option("=peer_cookie", (r, args) => (r.peerCookie = cookie(args.next()))),
  option("=l2spec_type", (r, args) => {
    const type = args.next().toLowerCase();
    if (type !== "default" && type !== "none") throw usage(`Unknown layer2specific header type "${args.word}"`);
    r.sublayer = type === "default";
  }),
  option("=seq", (r, args) => {
    const which = args.next().toLowerCase();
    if (!["both", "recv", "send", "none"].includes(which)) throw usage(`Unknown seq value "${args.word}"`);
    if (which === "none" || which === "both") r.sendSequence = r.receiveSequence = which === "both";
    else if (which === "recv") r.receiveSequence = true;
    else r.sendSequence = true;
  }),
  option("=tunnel", (r) => (r.tunnel = true)),
  option("=session", (r) => (r.session = true)),
];

const NO_COOKIE = new Uint8Array(0);

function read(ip: Ip, args: Args): Draft {
  if (!args.more) throw usage(USAGE);
  const draft: Draft = {
    ip,
    tunnel: false,
    session: false,
    encap: "udp",
    tunnelId: 0,
    peerTunnelId: 0,
    sessionId: 0,
    peerSessionId: 0,
    sourcePort: 0,
    destinationPort: 0,
    udpcsum: false,
    cookie: NO_COOKIE,
    peerCookie: NO_COOKIE,
    sublayer: true,
    sendSequence: false,
    receiveSequence: false,
  };
  readOptions(args, OPTIONS, draft, (_, words) => {
    throw usage(words.abbreviates("help") ? USAGE : `Unknown command: ${words.word}\n${USAGE}`);
  });
  if (!draft.tunnel && !draft.session) throw missing("tunnel or session");
  return draft;
}

function cookie(text: string): Uint8Array {
  if (text.length !== 8 && text.length !== 16) throw wrong("cookie must be either 8 or 16 hex digits\n", text);
  if (!/^[0-9a-f]+$/i.test(text)) throw wrong("cookie must be a hex string\n", text);
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** lib/utils.c:missarg. */
const missing = (what: string) => usage(`Error: argument "${what}" is required`);

function add(ip: Ip, r: Draft): void {
  const net = l2tpOf(ip.kernel);
  if (r.tunnelId === 0) throw missing("tunnel_id");
  if (r.session && r.peerSessionId === 0) throw missing("peer_session_id");
  if (r.session && r.sessionId === 0) throw missing("session_id");
  if (r.tunnel && r.peerTunnelId === 0) throw missing("peer_tunnel_id");
  if (r.tunnel) {
    const { encap, local, remote, sourcePort, destinationPort, udpcsum } = r;
    if (local === undefined) throw missing("local");
    if (remote === undefined) throw missing("remote");
    if (encap === "udp" && sourcePort === 0) throw missing("udp_sport");
    if (encap === "udp" && destinationPort === 0) throw missing("udp_dport");
    const ids = { id: r.tunnelId, peerId: r.peerTunnelId };
    answer(net.addTunnel({ ...ids, encap, local, remote, sourcePort, destinationPort, udpcsum }));
  }
  if (!r.session) return;
  const { cookie, peerCookie, sublayer, sendSequence, receiveSequence } = r;
  const ids = { id: r.sessionId, peerId: r.peerSessionId };
  const wanted = { ...ids, cookie, peerCookie, sublayer, sendSequence, receiveSequence };
  answer(net.addSession(r.tunnelId, r.name ?? "l2tpeth%d", wanted));
}

function remove(ip: Ip, r: Draft): void {
  const net = l2tpOf(ip.kernel);
  if (r.tunnel && r.tunnelId === 0) throw missing("tunnel_id");
  if (r.session && r.sessionId === 0) throw missing("session_id");
  answer(r.sessionId !== 0 ? net.deleteSession(r.tunnelId, r.sessionId) : net.deleteTunnel(r.tunnelId));
}

/** Ids that are given select nothing: the kernel's dump does not look at them. */
function show(ip: Ip, r: Draft): void {
  const net = l2tpOf(ip.kernel);
  ip.out.begin();
  for (const tunnel of net.tunnels()) {
    if (!r.session) putTunnel(ip, tunnel);
    else for (const dev of net.sessions(tunnel)) putSession(ip, dev);
  }
  ip.out.end();
}

/** ip/ipl2tp.c:print_tunnel. */
function putTunnel(ip: Ip, t: L2tpTunnel): void {
  const { out } = ip;
  out.object();
  out.put("tunnel_id", t.id, `Tunnel ${t.id},`);
  out.put("encap", t.over.toUpperCase(), ` encap ${t.over.toUpperCase()}`);
  out.newline();
  out.put("local", formatIp(t.local), `  From ${formatIp(t.local)} `);
  out.put("peer", formatIp(t.remote), `to ${formatIp(t.remote)}`);
  out.newline();
  out.put("peer_tunnel", t.peerId, `  Peer tunnel ${t.peerId}`);
  out.newline();
  if (t.over === "udp") {
    out.text("  UDP source / dest ports:");
    out.put("local_port", t.sourcePort, ` ${t.sourcePort}`);
    out.put("peer_port", t.destinationPort, `/${t.destinationPort}`);
    out.newline();
    out.put("checksum", t.udpcsum, `  UDP checksum: ${t.udpcsum ? "enabled" : "disabled"}\n`);
  }
  out.endObject();
}

/** ip/ipl2tp.c:print_session. */
function putSession(ip: Ip, dev: L2tpEthDevice): void {
  const { out } = ip;
  const { session, tunnel } = dev;
  out.object();
  out.put("session_id", session.id, `Session ${session.id}`);
  out.put("tunnel_id", tunnel.id, ` in tunnel ${tunnel.id}`);
  out.newline();
  out.put("peer_session_id", session.peerId, `  Peer session ${session.peerId},`);
  out.put("peer_tunnel_id", tunnel.peerId, ` tunnel ${tunnel.peerId}`);
  out.newline();
  out.put("interface", dev.name, `  interface name: ${dev.name}`);
  out.newline();
  out.text("  offset 0, peer offset 0\n");
  if (session.cookie.length > 0) putCookie(ip, "cookie", "cookie", session.cookie);
  if (session.peerCookie.length > 0) putCookie(ip, "peer_cookie", "peer cookie", session.peerCookie);
  if (dev.numbers || session.receiveSequence) {
    out.text(`${out.separator}  sequence numbering:`);
    if (dev.numbers) out.put("send_seq", null, " send");
    if (session.receiveSequence) out.put("recv_seq", null, " recv");
  }
  out.text("\n");
  out.endObject();
}

function putCookie(ip: Ip, key: string, words: string, cookie: Uint8Array): void {
  const text = hex(cookie, 0, cookie.length, "");
  ip.out.put(key, text, `  ${words} ${text}`);
}

const USAGE = [
  "Usage: ip l2tp add tunnel",
  "          remote ADDR local ADDR",
  "          tunnel_id ID peer_tunnel_id ID",
  "          [ encap { ip | udp } ]",
  "          [ udp_sport PORT ] [ udp_dport PORT ]",
  "          [ udp_csum { on | off } ]",
  "Usage: ip l2tp add session [ name NAME ]",
  "          tunnel_id ID",
  "          session_id ID peer_session_id ID",
  "          [ cookie HEXSTR ] [ peer_cookie HEXSTR ]",
  "          [ seq { none | send | recv | both } ]",
  "          [ l2spec_type L2SPEC ]",
  "       ip l2tp del tunnel tunnel_id ID",
  "       ip l2tp del session tunnel_id ID session_id ID",
  "       ip l2tp show tunnel",
  "       ip l2tp show session",
  "",
  "Where: NAME   := STRING",
  "       ADDR   := { IP_ADDRESS | any }",
  "       PORT   := { 0..65535 }",
  "       ID     := { 1..4294967295 }",
  "       HEXSTR := { 8 or 16 hex digits (4 / 8 bytes) }",
  "       L2SPEC := { none | default }",
].join("\n");

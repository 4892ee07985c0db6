import { type Ipv4, parseIp } from "../../core/addr.ts";
import type { Parameters } from "../../protocols/iperf3/wire.ts";
import { getoptLong } from "../getopt-long.ts";
import { parseHost } from "../programs/options.ts";
import { parseUnits } from "./units.ts";

/** An iperf3 command line. Times in seconds unless they say otherwise. */
export interface Iperf3Command {
  readonly server: boolean;
  readonly host: string;
  readonly address: Ipv4 | undefined;
  readonly port: number;
  readonly interval: number;
  readonly format: string;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly oneOff: boolean;
  readonly daemon: boolean;
  readonly bind: Ipv4;
  readonly connectTimeoutMs: number;
  /** `len` is 0 where nobody chose. */
  readonly parameters: Parameters;
  readonly clientPort: number;
  readonly title: string;
}
export type ParsedIperf3 =
  | { readonly ok: true; readonly value: Iperf3Command }
  | { readonly ok: false; readonly text: string; readonly status: number };

const LETTERS = "sc:p:ub:t:n:k:l:i:P:Rw:M:NC:B:Jf:O:VD1S:Z46hvT:F:A:I:d::L:X:";
const LONG: Readonly<Record<string, string>> = {
  server: "s",
  client: "c:",
  port: "p:",
  udp: "u",
  bitrate: "b:",
  bandwidth: "b:",
  time: "t:",
  bytes: "n:",
  blockcount: "k:",
  length: "l:",
  interval: "i:",
  parallel: "P:",
  reverse: "R",
  bidir: "bidir",
  window: "w:",
  "set-mss": "M:",
  "no-delay": "N",
  congestion: "C:",
  bind: "B:",
  json: "J",
  format: "f:",
  omit: "O:",
  verbose: "V",
  daemon: "D",
  "one-off": "1",
  tos: "S:",
  title: "T:",
  cport: "cport:",
  "connect-timeout": "connect-timeout:",
  "get-server-output": "get-server-output",
  "udp-counters-64bit": "udp-counters-64bit",
  version4: "4",
  version: "v",
  help: "h",
  forceflush: "forceflush",
  file: "F:",
  affinity: "A:",
  pidfile: "I:",
  "bind-dev": "bind-dev:",
  logfile: "logfile:",
  timestamps: "timestamps::",
  "rcv-timeout": "rcv-timeout:",
  "snd-timeout": "snd-timeout:",
  debug: "d::",
  "server-bitrate-limit": "server-bitrate-limit:",
  "idle-timeout": "idle-timeout:",
  "pacing-timer": "pacing-timer:",
  "fq-rate": "fq-rate:",
  dscp: "dscp:",
  flowlabel: "L:",
  zerocopy: "Z",
  "extra-data": "extra-data:",
  "dont-fragment": "dont-fragment",
  "repeating-payload": "repeating-payload",
  version6: "6",
  sctp: "sctp",
  xbind: "X:",
  nstreams: "nstreams:",
};
const BUILT = new Set(
  "s c p u b t n k l i P R bidir w M N C B J f O D 1 S T cport connect-timeout get-server-output udp-counters-64bit 4 v h forceflush".split(
    " ",
  ),
);
const CLIENT_ONLY = new Set(
  "u b t n k l P R bidir w M N C O S T cport connect-timeout get-server-output udp-counters-64bit".split(" "),
);

/** Reads a command line as `iperf_api.c:iperf_parse_arguments` does. */
export function parseIperf3(args: readonly string[]): ParsedIperf3 {
  const { options, rest, complaint } = getoptLong("iperf3", args, LETTERS, LONG);
  if (complaint !== undefined) return { ok: false, text: complaint + USAGE, status: 1 };
  const foreign = options.find((o) => !BUILT.has(o.key));
  if (foreign !== undefined) {
    const name = foreign.key.length === 1 ? `-${foreign.key}` : `--${foreign.key}`;
    return wrong(`an option you are trying to set is not implemented yet: ${name}`);
  }
  const given: Given = new Map(options.map((o) => [o.key, o.value]));
  if (given.has("v")) return { ok: false, text: "iperf 3.12 (cJSON 1.7.15)\n", status: 0 };
  if (given.has("h")) return { ok: false, text: USAGE, status: 0 };
  const role = roleFault(given);
  if (role !== undefined) return wrong(role);
  if (rest.length > 0) return { ok: false, text: `iperf3: unexpected argument ${rest[0]}\n${USAGE}`, status: 1 };
  const bind = given.has("B") ? parseIp(given.get("B") as string) : 0;
  const value = commandOf(given, bind ?? 0);
  const fault = endFault(given, value.parameters) ?? fieldFault(given, value, bind !== undefined);
  return fault === undefined ? { ok: true, value } : wrong(fault);
}

/** The options of a command line by their keys; of one that was given twice, the last. */
type Given = ReadonlyMap<string, string>;

const units = (given: Given, key: string, base: 1000 | 1024, otherwise = 0): number =>
  parseUnits(given.get(key) ?? String(otherwise), base);

function commandOf(given: Given, bind: Ipv4): Iperf3Command {
  const host = given.get("c") ?? "";
  return {
    server: given.has("s"),
    host,
    address: parseHost(host),
    port: Number(given.get("p") ?? "5201"),
    interval: Number(given.get("i") ?? "1"),
    format: given.get("f") ?? "a",
    json: given.has("J"),
    verbose: given.has("V"),
    oneOff: given.has("1"),
    daemon: given.has("D"),
    bind,
    connectTimeoutMs: Number(given.get("connect-timeout") ?? "0") || 0,
    clientPort: Number(given.get("cport") ?? "0"),
    title: given.get("T") ?? "",
    parameters: parametersOf(given),
  };
}

function parametersOf(given: Given): Parameters {
  const [num, blockcount] = [units(given, "n", 1024), units(given, "k", 1024)];
  const udp = given.has("u");
  return {
    udp,
    omit: units(given, "O", 1000),
    time: num > 0 || blockcount > 0 ? 0 : units(given, "t", 1000, 10),
    num,
    blockcount,
    mss: units(given, "M", 1000),
    noDelay: given.has("N"),
    parallel: units(given, "P", 1000, 1),
    reverse: given.has("R"),
    bidirectional: given.has("bidir"),
    window: units(given, "w", 1024),
    len: units(given, "l", 1024),
    bandwidth: given.has("b") ? units(given, "b", 1000) : udp ? 1_000_000 : 0,
    tos: Number(given.get("S") ?? "0"),
    congestion: given.get("C") ?? "",
    getServerOutput: given.has("get-server-output"),
    udpCounters64: given.has("udp-counters-64bit"),
  };
}

// What is wrong, in iperf3's words and order; undefined: nothing.

function roleFault(given: Given): string | undefined {
  const [server, client] = [given.has("s"), given.has("c")];
  if (server && client) return "cannot be both server and client";
  if (!server && !client) return "must either be a client (-c) or server (-s)";
  if (server && [...given.keys()].some((key) => CLIENT_ONLY.has(key)))
    return "some option you are trying to set is client only";
  if (client && (given.has("D") || given.has("1"))) return "some option you are trying to set is server only";
  return undefined;
}

function endFault(given: Given, { num, blockcount }: Parameters): string | undefined {
  return [given.has("t"), num > 0, blockcount > 0].filter(Boolean).length > 1
    ? "only one test end condition (-t, -n, -k) may be specified"
    : undefined;
}

function fieldFault(given: Given, c: Iperf3Command, bindable: boolean): string | undefined {
  const { port, clientPort, interval } = c;
  const { time, omit, parallel, len, mss, window, tos } = c.parameters;
  if (!(port >= 1 && port <= 65_535) || !(clientPort >= 0 && clientPort <= 65_535))
    return "port number must be between 1 and 65535 inclusive";
  if (time > 86_400) return "test duration too long (maximum = 86400 seconds)";
  if (omit > 600) return "bogus value for --omit";
  if (parallel > 128 || parallel < 1) return "number of parallel streams too large (maximum = 128)";
  if (!(interval === 0 || (interval >= 0.1 && interval <= 60)))
    return "invalid report interval (min = 0.1, max = 60 seconds)";
  if (given.has("u") && given.has("l") && (len < 16 || len > 65_507))
    return "block size invalid (minimum = 16 bytes, maximum = 65507 bytes)";
  if (len > 1 << 20) return "block size too large (maximum = 1048576 bytes)";
  if (mss > 9216) return "TCP MSS too large (maximum = 9216 bytes)";
  if (window > 512 << 20) return "socket buffer size too large (maximum = 536870912 bytes)";
  if (given.has("w") && given.has("u")) return "socket buffer sizes (-w) of UDP are not built";
  if (given.has("bidir") && given.has("R")) return "cannot be both reverse and bidirectional";
  if (!/^[kmgtKMGT]$/.test(c.format) && given.has("f"))
    return "bad format specifier (valid formats are in the set [kmgtKMGT])";
  if (!bindable) return "unable to bind to that address: only IPv4 addresses are built";
  if (!(tos >= 0 && tos <= 255)) return "bad TOS value (must be between 0 and 255 inclusive)";
  return undefined;
}

const wrong = (why: string): ParsedIperf3 => ({
  ok: false,
  text: `iperf3: parameter error - ${why}\n\n${USAGE}`,
  status: 1,
});

const USAGE = `Usage: iperf3 [-s|-c host] [options]
       iperf3 [-h|--help] [-v|--version]

Server or Client:
  -p, --port      #         server port to listen on/connect to
  -f, --format   [kmgtKMGT] format to report: Kbits, Mbits, Gbits, Tbits
  -i, --interval  #         seconds between periodic throughput reports
  -B, --bind <host>         bind to the interface associated with the address <host>
  -J, --json                output in JSON format
  -v, --version             show version information and quit
  -h, --help                show this message and quit
Server specific:
  -s, --server              run in server mode
  -D, --daemon              run the server as a daemon
  -1, --one-off             handle one client connection then exit
Client specific:
  -c, --client <host>       run in client mode, connecting to <host>
  -u, --udp                 use UDP rather than TCP
  --connect-timeout #       timeout for control connection setup (ms)
  -b, --bitrate #[KMG]      target bitrate in bits/sec (0 for unlimited)
                            (default 1 Mbit/sec for UDP, unlimited for TCP)
  -t, --time      #         time in seconds to transmit for (default 10 secs)
  -n, --bytes     #[KMG]    number of bytes to transmit (instead of -t)
  -k, --blockcount #[KMG]   number of blocks (packets) to transmit (instead of -t or -n)
  -l, --length    #[KMG]    length of buffer to read or write
                            (default 128 KB for TCP, dynamic or 1460 for UDP)
  --cport         <port>    bind to a specific client port
  -P, --parallel  #         number of parallel client streams to run
  -R, --reverse             run in reverse mode (server sends, client receives)
  --bidir                   run in bidirectional mode.
  -w, --window    #[KMG]    set send/receive socket buffer sizes
  -C, --congestion <algo>   set TCP congestion control algorithm
  -M, --set-mss   #         set TCP/SCTP maximum segment size (MTU - 40 bytes)
  -N, --no-delay            set TCP/SCTP no delay, disabling Nagle's Algorithm
  -S, --tos N               set the IP type of service, 0-255.
  -O, --omit N              perform pre-test for N seconds and omit the pre-test statistics
  -T, --title str           prefix every output line with this string
  --get-server-output       get results from server
  --udp-counters-64bit      use 64-bit counters in UDP test packets

[KMG] indicates options that support a K/M/G suffix for kilo-, mega-, or giga-
`;

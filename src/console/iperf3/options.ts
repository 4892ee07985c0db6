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
  const value = (key: string): string | undefined => options.findLast((o) => o.key === key)?.value;
  const has = (key: string): boolean => value(key) !== undefined;
  if (has("v")) return { ok: false, text: "iperf 3.12 (cJSON 1.7.15)\n", status: 0 };
  if (has("h")) return { ok: false, text: USAGE, status: 0 };
  if (has("s") && has("c")) return wrong("cannot be both server and client");
  if (!has("s") && !has("c")) return wrong("must either be a client (-c) or server (-s)");
  if (has("s") && options.some((o) => CLIENT_ONLY.has(o.key)))
    return wrong("some option you are trying to set is client only");
  if (has("c") && (has("D") || has("1"))) return wrong("some option you are trying to set is server only");
  if (rest.length > 0) return { ok: false, text: `iperf3: unexpected argument ${rest[0]}\n${USAGE}`, status: 1 };
  const units = (key: string, base: 1000 | 1024, otherwise = 0): number =>
    parseUnits(value(key) ?? String(otherwise), base);
  const [time, num, blocks] = [units("t", 1000, 10), units("n", 1024), units("k", 1024)];
  if ([has("t"), num > 0, blocks > 0].filter(Boolean).length > 1)
    return wrong("only one test end condition (-t, -n, -k) may be specified");
  const port = Number(value("p") ?? "5201");
  const cport = Number(value("cport") ?? "0");
  const interval = Number(value("i") ?? "1");
  const [len, parallel, mss, omit] = [units("l", 1024), units("P", 1000, 1), units("M", 1000), units("O", 1000)];
  if (!(port >= 1 && port <= 65_535) || !(cport >= 0 && cport <= 65_535))
    return wrong("port number must be between 1 and 65535 inclusive");
  if (time > 86_400) return wrong("test duration too long (maximum = 86400 seconds)");
  if (omit > 600) return wrong("bogus value for --omit");
  if (parallel > 128) return wrong("number of parallel streams too large (maximum = 128)");
  if (parallel < 1) return wrong("number of parallel streams too large (maximum = 128)");
  if (!(interval === 0 || (interval >= 0.1 && interval <= 60)))
    return wrong("invalid report interval (min = 0.1, max = 60 seconds)");
  if (has("u") && has("l") && (len < 16 || len > 65_507))
    return wrong("block size invalid (minimum = 16 bytes, maximum = 65507 bytes)");
  if (len > 1 << 20) return wrong("block size too large (maximum = 1048576 bytes)");
  if (mss > 9216) return wrong("TCP MSS too large (maximum = 9216 bytes)");
  if (units("w", 1024) > 512 << 20) return wrong("socket buffer size too large (maximum = 536870912 bytes)");
  if (has("w") && has("u")) return wrong("socket buffer sizes (-w) of UDP are not built");
  if (has("bidir") && has("R")) return wrong("cannot be both reverse and bidirectional");
  const format = value("f") ?? "a";
  if (!/^[kmgtKMGT]$/.test(format) && has("f"))
    return wrong("bad format specifier (valid formats are in the set [kmgtKMGT])");
  const bind = has("B") ? parseIp(value("B") as string) : 0;
  if (bind === undefined) return wrong("unable to bind to that address: only IPv4 addresses are built");
  const tos = Number(value("S") ?? "0");
  if (!(tos >= 0 && tos <= 255)) return wrong("bad TOS value (must be between 0 and 255 inclusive)");
  const host = value("c") ?? "";
  return {
    ok: true,
    value: {
      server: has("s"),
      host,
      address: parseHost(host),
      port,
      interval,
      format,
      json: has("J"),
      verbose: has("V"),
      oneOff: has("1"),
      daemon: has("D"),
      bind,
      connectTimeoutMs: Number(value("connect-timeout") ?? "0") || 0,
      clientPort: cport,
      title: value("T") ?? "",
      parameters: {
        udp: has("u"),
        omit,
        time: num > 0 || blocks > 0 ? 0 : time,
        num,
        blockcount: blocks,
        mss,
        noDelay: has("N"),
        parallel,
        reverse: has("R"),
        bidirectional: has("bidir"),
        window: units("w", 1024),
        len,
        bandwidth: has("b") ? units("b", 1000) : has("u") ? 1_000_000 : 0,
        tos,
        congestion: value("C") ?? "",
        getServerOutput: has("get-server-output"),
        udpCounters64: has("udp-counters-64bit"),
      },
    },
  };
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

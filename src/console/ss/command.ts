import { formatIp } from "../../core/addr.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";
import { ALL_STATES, parseFilter, statesNamed } from "./filter.ts";
import { infoText, timerText } from "./info.ts";
import { type SocketRow, socketsOf } from "./sockets.ts";

const LETTERS = "hVntulaioH4OrempTZzNKsEbdwxf6S:M0A:D:F:B";
const BUILT = "hVntulaioH4O";
const LONG = {
  help: "h",
  version: "V",
  numeric: "n",
  tcp: "t",
  udp: "u",
  listening: "l",
  all: "a",
  info: "i",
  options: "o",
  "no-header": "H",
  oneline: "O",
  ipv4: "4",
};
const USAGE = `Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -h, --help          this message
   -V, --version       output version information
   -n, --numeric       don't resolve service names
   -a, --all           display all sockets
   -l, --listening     display listening sockets
   -o, --options       show timer information
   -i, --info          show internal TCP information
   -4, --ipv4          display only IP version 4 sockets
   -t, --tcp           display only TCP sockets
   -u, --udp           display only UDP sockets
   -H, --no-header     Suppress header line
   -O, --oneline       socket's data printed on a single line

       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]
`;

/** `ss` of iproute2 6.1 for TCP and UDP: ports are shown as numbers, with or without `-n`. */
export function ss(self: SystemProcess): void {
  const { options, rest, complaint } = getoptLong("ss", self.args, LETTERS, LONG);
  const has = (key: string): boolean => options.some((o) => o.key === key);
  if (complaint !== undefined) return end(self, `${complaint}${USAGE}`, 255);
  const foreign = options.find((o) => !BUILT.includes(o.key));
  if (foreign !== undefined) return end(self, `ss: option -${foreign.key} is not built\n`, 255);
  if (has("h") || has("V")) {
    self.out(has("h") ? USAGE : "ss utility, iproute2-6.1.0\n");
    return self.exit(0);
  }
  const chosen = statesOf(rest, has("a"), has("l"), has("u") && !has("t"));
  if (typeof chosen === "string") return end(self, chosen, 255);
  const filter = parseFilter(chosen.words);
  const [word = ""] = chosen.words;
  if (!filter.ok && !/^([sd]port|src|dst|not|and|or|\W.*)$/.test(word)) {
    const text = `Error: an inet prefix is expected rather than "${word}".\nCannot parse dst/src address.\n`;
    return end(self, text, 1);
  }
  if (!filter.ok) return end(self, `ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n${USAGE}`, 255);
  const both = has("t") === has("u");
  const rows = [...socketsOf(self.kernel, both || has("u"), both || has("t"))].filter(
    (row) => chosen.states.includes(row.state) && filter.value(row),
  );
  const table = new Table(both, chosen.states.length > 1);
  for (const row of rows) table.add(row, extra(row, has("o"), has("i"), has("O")));
  self.out(table.text(!has("H")));
  self.exit(0);
}

function end(self: SystemProcess, text: string, status: number): void {
  self.err(text);
  self.exit(status);
}

/** The states to show, and the words that the filter is made of. */
function statesOf(
  rest: readonly string[],
  all: boolean,
  listening: boolean,
  udpOnly: boolean,
): { readonly states: readonly string[]; readonly words: readonly string[] } | string {
  let states: readonly string[] = udpOnly
    ? ["ESTAB"]
    : ALL_STATES.filter((s) => !["LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV"].includes(s));
  if (all) states = ALL_STATES;
  else if (listening) states = ["LISTEN", "UNCONN"];
  let named: string[] | undefined;
  let i = 0;
  for (; rest[i] === "state" || rest[i] === "exclude" || rest[i] === "excl"; i += 2) {
    const names = statesNamed(rest[i + 1] ?? "");
    if (names === undefined) return `ss: wrong state name: ${rest[i + 1] ?? ""}\n`;
    if (rest[i] === "state") named = [...(named ?? []), ...names];
    else named = (named ?? [...ALL_STATES]).filter((s) => !names.includes(s));
  }
  return { states: named ?? states, words: rest.slice(i) };
}

/** What stands behind the addresses. */
function extra(row: SocketRow, timers: boolean, info: boolean, oneLine: boolean): string {
  let text = timers ? timerText(row) : "";
  if (info && row.netid === "tcp")
    text += `${oneLine ? "" : "\n\t"}${row.info === undefined ? "" : infoText(row.info)}`;
  return text;
}

/** Columns as wide as what stands in them (`misc/ss.c:render`). */
class Table {
  readonly #rows: string[][] = [];
  readonly #header = [
    "Netid",
    "State",
    "Recv-Q",
    "Send-Q",
    "Local Address:",
    "Port",
    "Peer Address:",
    "Port",
    "Process",
  ];
  readonly #shown: readonly boolean[];

  constructor(netid: boolean, state: boolean) {
    this.#shown = [netid, state, true, true, true, true, true, true, true];
  }

  add(row: SocketRow, more: string): void {
    const device = row.ifname === "" ? "" : `%${row.ifname}`;
    const port = (n: number): string => (n === 0 ? "*" : String(n));
    this.#rows.push([
      row.netid,
      row.state,
      String(row.recvQueue),
      String(row.sendQueue),
      `${formatIp(row.localAddress)}${device}:`,
      port(row.localPort),
      `${formatIp(row.remoteAddress)}:`,
      port(row.remotePort),
      more,
    ]);
  }

  text(header: boolean): string {
    const all = header ? [this.#header, ...this.#rows] : this.#rows;
    const widths = this.#header.map((_, i) => Math.max(0, ...all.map((row) => (row[i] as string).length)));
    return all.map((row) => `${this.#line(row, widths)}\n`).join("");
  }

  #line(row: readonly string[], widths: readonly number[]): string {
    let line = "";
    row.forEach((cell, i) => {
      if (!this.#shown[i]) return;
      const width = widths[i] as number;
      const right = i === 4 || i === 6;
      const glued = line === "" || i === 5 || i >= 7;
      line += (glued ? "" : " ") + (right ? cell.padStart(width) : cell.padEnd(width));
    });
    return line;
  }
}

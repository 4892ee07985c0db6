import type { Ipv4 } from "../../core/addr.ts";
import { getopt, parseHost } from "../programs/options.ts";

/** An nc command line. Times in seconds; undefined: none. */
export interface NcCommand {
  readonly listen: boolean;
  readonly udp: boolean;
  readonly keep: boolean;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly scan: boolean;
  /** `-N`: the socket is shut when standard input ends. */
  readonly shut: boolean;
  /** `-d`: standard input is not read. */
  readonly detached: boolean;
  readonly waitS: number | undefined;
  readonly quitS: number | undefined;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly host: string;
  readonly address: Ipv4 | undefined;
  readonly ports: readonly number[];
}
export type ParsedNc = { readonly ok: true; readonly value: NcCommand } | { readonly ok: false; readonly text: string };

const USAGE = `usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
	  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
	  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
	  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
	  [destination] [port]
`;
const BUILT = "4dklNnuvzpqsw";
const fail = (text: string): ParsedNc => ({ ok: false, text: `nc: ${text}\n` });

/** Reads a command line as OpenBSD's netcat of Debian does (`netcat.c:main`). */
export function parseNc(args: readonly string[]): ParsedNc {
  const line = getopt("nc", args, "46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz");
  if (!line.ok) return { ok: false, text: `${line.message}\n${USAGE}` };
  const foreign = line.options.find((o) => !BUILT.includes(o.flag));
  if (foreign !== undefined) return fail(`option -${foreign.flag} is not built`);
  const value = (flag: string): string | undefined => line.options.findLast((o) => o.flag === flag)?.value;
  const has = (flag: string): boolean => value(flag) !== undefined;
  const seconds = (flag: string, name: string): number | undefined | string => {
    const text = value(flag);
    if (text === undefined) return undefined;
    return /^-?\d{1,9}$/.test(text) ? Number(text) : `${name} invalid: ${text}`;
  };
  const [wait, quit] = [seconds("w", "timeout"), seconds("q", "quit timer")];
  if (typeof wait === "string") return fail(wait);
  if (typeof quit === "string") return fail(quit);
  const listen = has("l");
  if (listen && has("z")) return fail("cannot use -z and -l");
  if (!listen && has("k")) return fail("must use -l with -k");
  const [first, second, more] = line.rest;
  if (more !== undefined) return { ok: false, text: USAGE };
  const alone = listen && second === undefined;
  const host = alone && (!has("p") || first === undefined) ? "" : (first ?? "");
  const portText = listen && has("p") ? (second ?? value("p")) : alone ? first : second;
  if (first === undefined && !listen) return { ok: false, text: USAGE };
  if (portText === undefined) return fail("missing port number");
  const ports = portsOf(portText, !listen);
  if (typeof ports === "string") return fail(ports);
  const sourcePort = !listen && has("p") ? portsOf(value("p") as string, false) : [0];
  if (typeof sourcePort === "string") return fail(sourcePort);
  const source = value("s");
  const bind = source === undefined ? 0 : parseHost(source);
  if (bind === undefined) return fail(`getaddrinfo for host "${source}" port ${portText}: ${UNKNOWN}`);
  const address = host === "" ? bind : parseHost(host);
  return {
    ok: true,
    value: {
      listen,
      udp: has("u"),
      keep: has("k"),
      numeric: has("n"),
      verbose: has("v"),
      scan: has("z"),
      shut: has("N"),
      detached: has("d"),
      waitS: wait,
      quitS: quit,
      source: bind,
      sourcePort: sourcePort[0] as number,
      host,
      address,
      ports,
    },
  };
}

/** What is said of names that nobody knows: a node has no resolver. */
export const UNKNOWN = "Temporary failure in name resolution";

/** Ports that scans may have in one line. */
const PORTS_MAX = 65_535;
const SERVICES: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ssh: 22,
  domain: 53,
  smtp: 25,
  telnet: 23,
  ftp: 21,
};
/** Names of /etc/services that `-v` prints. */
export const serviceName = (port: number): string => NAMES[port] ?? "*";
const NAMES: Readonly<Record<number, string>> = {
  7: "echo",
  20: "ftp-data",
  21: "ftp",
  22: "ssh",
  23: "telnet",
  25: "smtp",
  53: "domain",
  67: "bootps",
  68: "bootpc",
  69: "tftp",
  80: "http",
  110: "pop3",
  123: "ntp",
  143: "imap2",
  161: "snmp",
  179: "bgp",
  389: "ldap",
  443: "https",
  514: "syslog",
  853: "domain-s",
  993: "imaps",
  5060: "sip",
  8080: "http-alt",
};

function portsOf(text: string, range: boolean): number[] | string {
  const m = range ? /^(\d+)-(\d+)$/.exec(text) : null;
  const [low, high] = m === null ? [text, text] : [m[1] as string, m[2] as string];
  const numbers: number[] = [];
  for (const each of [low, high]) {
    const port = /^\d+$/.test(each) ? Number(each) : SERVICES[each];
    if (port === undefined) return `port number invalid: ${each}`;
    if (port > PORTS_MAX) return `port number too large: ${each}`;
    if (port < 1) return `port number too small: ${each}`;
    numbers.push(port);
  }
  const [from, to] = [Math.min(...numbers), Math.max(...numbers)];
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

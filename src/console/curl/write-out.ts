import { formatIp } from "../../core/addr.ts";
import { type Nanos, S } from "../../core/time.ts";
import { fieldOf } from "../../protocols/http/wire.ts";
import { speed } from "./meter.ts";
import type { Transfer } from "./transfer.ts";

/** What `-w` may tell of a transfer, and of the redirects before it. */
export interface Outcome {
  readonly last: Transfer;
  readonly url: string;
  readonly effective: string;
  readonly startedAt: Nanos;
  readonly redirects: number;
  readonly connects: number;
  readonly headOctets: number;
  readonly requestOctets: number;
  readonly filename: string;
  readonly status: number;
  readonly error: string;
  readonly method: string;
  readonly number: number;
  readonly redirectUrl: string;
}

const VARIABLES: Readonly<Record<string, (o: Outcome) => string>> = {
  http_code: (o) => String(o.last.response?.status ?? 0).padStart(3, "0"),
  response_code: (o) => String(o.last.response?.status ?? 0).padStart(3, "0"),
  http_connect: () => "000",
  http_version: (o) => (o.last.response === undefined ? "0" : o.last.response.version === "1.0" ? "1" : "1.1"),
  size_download: (o) => String(o.last.downloaded),
  size_upload: () => "0",
  size_header: (o) => String(o.headOctets),
  size_request: (o) => String(o.requestOctets),
  speed_download: (o) => String(speed(o.last.downloaded, o.last.endedAt - o.startedAt)),
  speed_upload: () => "0",
  time_namelookup: (o) => time(o.last.startedAt - o.startedAt),
  time_connect: (o) => at(o, o.last.connectedAt),
  time_appconnect: () => time(0),
  time_pretransfer: (o) => at(o, o.last.sentAt),
  time_starttransfer: (o) => at(o, o.last.firstAt),
  time_redirect: (o) => time(o.redirects === 0 ? 0 : o.last.startedAt - o.startedAt),
  time_total: (o) => time(o.last.endedAt - o.startedAt),
  num_connects: (o) => String(o.connects),
  num_redirects: (o) => String(o.redirects),
  num_headers: (o) => String(o.last.response?.fields.length ?? 0),
  url: (o) => o.url,
  url_effective: (o) => o.effective,
  urlnum: (o) => String(o.number),
  redirect_url: (o) => o.redirectUrl,
  content_type: (o) => fieldOf(o.last.response?.fields ?? [], "content-type") ?? "",
  remote_ip: (o) => (o.last.connectedAt === 0 ? "" : formatIp(o.last.connection.socket.remoteAddress)),
  remote_port: (o) => String(o.last.connectedAt === 0 ? 0 : o.last.connection.socket.remotePort),
  local_ip: (o) => (o.last.connectedAt === 0 ? "" : formatIp(o.last.connection.socket.localAddress)),
  local_port: (o) => String(o.last.connectedAt === 0 ? 0 : o.last.connection.socket.localPort),
  filename_effective: (o) => o.filename,
  method: (o) => o.method,
  scheme: () => "HTTP",
  exitcode: (o) => String(o.status),
  errormsg: (o) => o.error,
  ssl_verify_result: () => "0",
  proxy_ssl_verify_result: () => "0",
};

const time = (span: Nanos): string => (span / S).toFixed(6);
const at = (o: Outcome, when: Nanos): string => time(when === 0 ? 0 : when - o.startedAt);

/** The text that `-w` asks for, and complaints about variables that nobody knows (`tool_writeout.c`). */
export function writeOut(format: string, o: Outcome): { readonly text: string; readonly complaints: string } {
  let complaints = "";
  const text = format.replace(
    /%\{([^}]*)\}|%%|\\(.)/gs,
    (all, name: string | undefined, letter: string | undefined) => {
      if (letter !== undefined) return { n: "\n", r: "\r", t: "\t" }[letter] ?? all;
      if (name === undefined) return "%";
      const variable = VARIABLES[name];
      if (variable !== undefined) return variable(o);
      complaints += `curl: unknown --write-out variable: '${name}'\n`;
      return "";
    },
  );
  return { text, complaints };
}

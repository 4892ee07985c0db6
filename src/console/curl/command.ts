import { strerror } from "../../core/errno.ts";
import type { OsFile, Process, Program } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { type Field, fieldOf, type ResponseHead } from "../../protocols/http/wire.ts";
import { parseHost } from "../programs/options.ts";
import { Meter } from "./meter.ts";
import { type CurlCommand, parseCurl } from "./options.ts";
import { Connection, type Failure, Transfer } from "./transfer.ts";
import { parseUrl, resolve, type Url } from "./url.ts";
import { writeOut } from "./write-out.ts";

/** Time that curl gives a connection to come about, if nobody asks for less. */
const CONNECT_S = 300;
/** Octets of standard output that wait until they are written together, as the C library has it. */
const STDOUT_BUFFER = 4096;
/** What is sent as data, at most: for more curl would ask first (Expect: 100-continue). */
const DATA_MAX = 1024 * 1024;
const utf8 = new TextEncoder();

/** `curl` 7.88 for http. Its progress meter is shown as in a pipe: unless `-s`. */
export const curl: Program = (self) => {
  const parsed = parseCurl(self.args);
  if (!parsed.ok) {
    self.err(parsed.why);
    return self.exit(parsed.status);
  }
  const data = dataOf(self, parsed.value);
  if (typeof data === "string") {
    self.err(data);
    return self.exit(26);
  }
  new Curl(self, parsed.value, data).start();
};

/** What `-d` sends; or a complaint. */
function dataOf(self: Process, { data }: CurlCommand): Uint8Array | string {
  const parts: string[] = [];
  for (const text of data) {
    if (!text.startsWith("@")) {
      parts.push(text);
      continue;
    }
    const file = self.os.files.open(text.slice(1));
    if (!file.ok) return `curl: option -d: error encountered when reading a file\n`;
    parts.push(new TextDecoder().decode(file.value.content.bytes()).replace(/[\r\n]/g, ""));
  }
  const bytes = utf8.encode(parts.join("&"));
  return bytes.length > DATA_MAX ? `curl: data of more than ${DATA_MAX} octets is not built\n` : bytes;
}

/** One invocation: its URLs in turn, each with its redirects. */
class Curl {
  readonly #self: Process;
  readonly #c: CurlCommand;
  readonly #data: Uint8Array;
  readonly #connections = new Map<string, Connection>();
  readonly #hosts = new Set<string>();
  #made = 0;
  #next = 0;
  #status = 0;
  #current: Fetch | undefined;
  #waiting: Uint8Array[] = [];
  #waitingOctets = 0;

  constructor(self: Process, command: CurlCommand, data: Uint8Array) {
    this.#self = self;
    this.#c = command;
    this.#data = data;
  }

  start(): void {
    this.#self.onInterrupt(() => {
      this.#current?.stop();
      this.#finish(130);
    });
    this.step();
  }

  /** Fetches the next URL. */
  step(): void {
    const index = this.#next++;
    const text = this.#c.urls[index];
    if (text === undefined) return this.#finish(this.#status);
    this.#current = new Fetch(this, this.#self, this.#c, this.#data, text, index);
    this.#current.go(text);
  }
  ended(status: number): void {
    if (status !== 0) this.#status = status;
    this.#flush();
    this.step();
  }

  /** A connection to that place, or a new one. */
  connection(place: string): { readonly connection: Connection; readonly reused: boolean } {
    const kept = this.#connections.get(place);
    if (kept !== undefined && !kept.dead) return { connection: kept, reused: true };
    const made = new Connection(this.#self.os, this.#made++);
    this.#connections.set(place, made);
    return { connection: made, reused: false };
  }

  /** Whether a host was looked up before. */
  knows(host: string): boolean {
    const known = this.#hosts.has(host);
    this.#hosts.add(host);
    return known;
  }

  stdout(b: Uint8Array, o = 0, end = b.length): void {
    this.#waiting.push(b.slice(o, end));
    this.#waitingOctets += end - o;
    if (this.#waitingOctets >= STDOUT_BUFFER) this.#flush();
  }
  #flush(): void {
    for (const b of this.#waiting) this.#self.write(b);
    this.#waiting = [];
    this.#waitingOctets = 0;
  }
  #finish(status: number): void {
    this.#flush();
    for (const each of this.#connections.values()) if (!each.dead) each.close();
    this.#self.exit(status);
  }
}

/** One URL: from its first request to the last line about it. */
class Fetch {
  readonly #curl: Curl;
  readonly #self: Process;
  readonly #c: CurlCommand;
  readonly #data: Uint8Array;
  readonly #url: string;
  readonly #index: number;
  readonly #startedAt: Nanos;
  #effective: string;
  #transfer: Transfer | undefined;
  #meter: Meter | undefined;
  #file: OsFile | undefined;
  #redirects = 0;
  #connects = 0;
  #headOctets = 0;
  #requestOctets = 0;
  #method: string;
  #shownData = false;

  constructor(curl: Curl, self: Process, c: CurlCommand, data: Uint8Array, url: string, index: number) {
    this.#curl = curl;
    this.#self = self;
    this.#c = c;
    this.#data = data;
    this.#url = this.#effective = url;
    this.#index = index;
    this.#startedAt = self.os.now();
    this.#method = c.method ?? (c.head ? "HEAD" : c.data.length > 0 ? "POST" : "GET");
  }

  stop(): void {
    this.#transfer?.stop();
    this.#meter?.finish();
  }

  go(text: string): void {
    const url = parseUrl(text);
    if (!("host" in url)) return this.#fail(url);
    this.#effective = url.text + (/^[^/]*\/\/[^/?]*$/.test(url.text) ? "/" : "");
    const address = parseHost(url.host);
    if (this.#outputName(url) === "") {
      this.#complain(
        {
          status: 23,
          why: "Remote file name has no length!\ncurl: (23) Failed writing received data to disk/application",
        },
        true,
      );
      return this.#curl.ended(23);
    }
    if (address === undefined) return this.#fail({ status: 6, why: `Could not resolve host: ${url.host}` });
    this.#startMeter();
    const place = `${url.host}:${url.port}`;
    const { connection, reused } = this.#curl.connection(place);
    if (reused) this.#note(`Re-using existing connection #${connection.number} with host ${url.host}`);
    else {
      this.#connects++;
      if (this.#curl.knows(url.host)) this.#note(`Hostname ${url.host} was found in DNS cache`);
    }
    const seconds = (s: number): Nanos => (s === 0 ? NEVER : Math.round(s * S));
    const { maxTimeS, connectTimeoutS, limitRate, fail } = this.#c;
    const data = this.#method === "GET" || this.#method === "HEAD" ? new Uint8Array(0) : this.#data;
    const fields = this.#fields(url, data);
    const old = this.#transfer?.response?.version === "1.0"; // it is asked in the version that it speaks
    const version = old ? "1.0" : this.#c.version;
    const options = {
      host: url.host,
      address,
      port: url.port,
      request: { method: this.#method, target: url.target, version, fields },
      data,
      maxNs: maxTimeS === 0 ? NEVER : Math.max(0, this.#startedAt + seconds(maxTimeS) - this.#self.os.now()),
      connectNs: seconds(connectTimeoutS || CONNECT_S),
      limitRate,
      fail,
    };
    this.#transfer = new Transfer(this.#self.os, options, connection, {
      info: (line) => this.#note(line),
      sent: (head) => this.#sent(head, data),
      head: (raw, r) => this.#head(raw, r),
      body: (b, o, end) => this.#body(b, o, end),
      done: (failure) => this.#done(failure, url),
    });
    this.#transfer.start(reused);
  }

  #fields(url: Url, data: Uint8Array): Field[] {
    const { agent, range, headers, without, data: given } = this.#c;
    const host = url.port === 80 ? url.host : `${url.host}:${url.port}`;
    const own: Field[] = [{ name: "Host", value: host }];
    if (range !== undefined) own.push({ name: "Range", value: `bytes=${range}` });
    own.push({ name: "User-Agent", value: agent }, { name: "Accept", value: "*/*" });
    const kept = own.filter((f) => !without.has(f.name.toLowerCase()) && f.value !== "");
    const body: Field[] = [];
    if (given.length > 0 && this.#method !== "GET" && this.#method !== "HEAD") {
      body.push({ name: "Content-Length", value: String(data.length) });
      if (!without.has("content-type")) body.push({ name: "Content-Type", value: "application/x-www-form-urlencoded" });
    }
    return [...kept, ...headers, ...body];
  }

  #startMeter(): void {
    if (this.#c.silent) return;
    const { os } = this.#self;
    const titled = this.#meter !== undefined;
    const progress = () => ({
      downloaded: this.#transfer?.downloaded ?? 0,
      total: this.#transfer?.total ?? -1,
      uploaded: this.#transfer?.response === undefined ? 0 : this.#uploaded,
    });
    this.#meter = new Meter(
      (text) => this.#self.err(text),
      () => os.now(),
      (ring) => os.alarm(ring),
      progress,
      titled,
    );
    if (!titled) this.#meter.show();
  }
  get #uploaded(): number {
    return this.#method === "POST" || this.#method === "PUT" ? this.#data.length : 0;
  }

  #note(line: string): void {
    if (this.#c.verbose) this.#self.err(`* ${line}\n`);
  }
  #sent(head: string, data: Uint8Array): void {
    if (!this.#c.verbose) return;
    this.#self.err(head.replace(/^(.*)\r\n/gm, "> $1\n"));
    if (data.length > 0) this.#self.err(`} [${data.length} bytes data]\n`);
  }

  #head(raw: string, r: ResponseHead): void {
    const { verbose, include } = this.#c;
    if (verbose) {
      if (r.version === "1.0") this.#self.err("* HTTP 1.0, assume close after body\n");
      this.#self.err(raw.replace(/^(.*)\r?\n/gm, "< $1\n").replaceAll("\r", ""));
    }
    if (include) this.#output(utf8.encode(raw));
  }

  #body(b: Uint8Array, o: number, end: number): void {
    const r = this.#transfer?.response;
    if (this.#c.verbose && !this.#shownData) this.#self.err(`{ [${end - o} bytes data]\n`);
    this.#shownData = true;
    if (this.#c.follow && r !== undefined && isRedirect(r)) return; // its body is not shown
    this.#output(b, o, end);
  }

  /** The file that the body goes to; undefined: standard output. */
  #outputName(url: Url | undefined): string | undefined {
    const given = this.#c.outputs[this.#index];
    if (given === undefined || given === "-") return undefined;
    if (given !== "") return given;
    return (url?.target ?? "").replace(/\?.*$/, "").split("/").at(-1);
  }

  #output(b: Uint8Array, o = 0, end = b.length): void {
    const url = parseUrl(this.#url);
    const name = this.#outputName("host" in url ? url : undefined);
    if (name === undefined) return this.#curl.stdout(b, o, end);
    const { files } = this.#self.os;
    const file = this.#file === undefined ? files.create(name) : { ok: true as const, value: this.#file };
    if (file.ok) this.#file = file.value;
    const written = file.ok ? file.value.write(b, o, end) : file;
    if (written.ok) return;
    if (!file.ok) this.#self.err(`Warning: Failed to open the file ${name}: ${strerror(written.errno)}\n`);
    this.#transfer?.stop();
    this.#done({ status: 23, why: "Failure writing output to destination" }, undefined);
  }

  #redirectOf(r: ResponseHead, url: Url): string | undefined {
    const location = isRedirect(r) ? fieldOf(r.fields, "location") : undefined;
    return location === undefined ? undefined : resolve(url, location);
  }

  #done(failure: Failure | undefined, url: Url | undefined): void {
    const t = this.#transfer as Transfer;
    this.#headOctets += t.headOctets;
    this.#requestOctets += t.requestOctets;
    const left = t.connection.dead ? undefined : `Connection #${t.connection.number} to host ${url?.host} left intact`;
    const target = t.response === undefined || url === undefined ? undefined : this.#redirectOf(t.response, url);
    const follows = failure === undefined && this.#c.follow && target !== undefined;
    if (failure !== undefined && t.connectedAt === 0) this.#note(failure.why);
    if (!follows) this.#meter?.finish();
    this.#note(left ?? `Closing connection ${t.connection.number}`);
    if (!follows) return this.#tell(failure, t, target ?? "");
    this.#meter?.finish();
    if (this.#redirects >= this.#c.redirectsMax)
      return this.#tell({ status: 47, why: `Maximum (${this.#c.redirectsMax}) redirects followed` }, t, target);
    this.#redirects++;
    this.#note(`Issue another request to this URL: '${target}'`);
    const status = t.response?.status ?? 0;
    if (this.#c.method === undefined && this.#method === "POST" && status >= 301 && status <= 303) this.#method = "GET"; // RFC 9110 §15.4
    this.go(target);
  }

  /** Prints what `-w` asks for, and the complaint. */
  #tell(failure: Failure | undefined, t: Transfer, target: string): void {
    const status = failure?.status ?? 0;
    const name = this.#c.outputs[this.#index];
    if (status === 0 && this.#file === undefined && name !== undefined && name !== "" && name !== "-")
      this.#self.os.files.create(name); // an empty body makes an empty file
    if (failure !== undefined) this.#complain(failure, false);
    const { text, complaints } = writeOut(this.#c.writeOut, {
      last: t,
      url: this.#url,
      effective: this.#effective,
      startedAt: this.#startedAt,
      redirects: this.#redirects,
      connects: this.#connects,
      headOctets: this.#headOctets,
      requestOctets: this.#requestOctets,
      filename: name ?? "",
      status,
      error: failure?.why ?? "",
      method: this.#method,
      number: this.#index,
      redirectUrl: this.#c.follow ? "" : target,
    });
    if (complaints !== "") this.#self.err(complaints);
    if (text !== "") this.#curl.stdout(utf8.encode(text));
    this.#curl.ended(status);
  }

  /** A failure before there was a transfer. */
  #fail(failure: Failure): void {
    this.#meter?.finish();
    this.#complain(failure, false);
    this.#curl.ended(failure.status);
  }
  #complain({ status, why }: Failure, bare: boolean): void {
    if (this.#c.showError) this.#self.err(bare ? `curl: ${why}\n` : `curl: (${status}) ${why}\n`);
  }
}

const isRedirect = (r: ResponseHead): boolean =>
  [301, 302, 303, 307, 308].includes(r.status) && fieldOf(r.fields, "location") !== undefined;

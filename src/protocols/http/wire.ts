import { bad, type Decoded, good } from "../../core/result.ts";

/** HTTP/1.0 and 1.1: the heads of messages, and what in them tells where bodies end (RFC 9110, RFC 9112). */

export interface Field {
  readonly name: string;
  readonly value: string;
}
export type Version = "1.0" | "1.1";
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: Version;
  readonly fields: readonly Field[];
}
export interface ResponseHead {
  readonly version: Version;
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
}

/** The longest head that is read, in octets, and how many fields it may have. */
export const HEAD_MAX = 65_536;
export const FIELDS_MAX = 200;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110 §5.6.2
const CR = 13;
const LF = 10;

/** Where the head that begins at `o` ends: behind its empty line. -1: it is not whole yet. A bare LF ends a line too (RFC 9112 §2.2). */
export function headEnd(b: Uint8Array, o: number, end: number): number {
  for (let i = o; i < end; i++) {
    if (b[i] !== LF) continue;
    if (b[i + 1] === LF && i + 1 < end) return i + 2;
    if (b[i + 1] === CR && b[i + 2] === LF && i + 2 < end) return i + 3;
  }
  return -1;
}

/** Reads the request head in [o, end), empty line included. */
export function decodeRequest(b: Uint8Array, o: number, end: number): Decoded<RequestHead> {
  const lines = linesOf(b, o, end);
  if (lines === undefined) return bad("head", o);
  const m = /^(\S+) (\S+) HTTP\/1\.([01])$/.exec(lines[0] ?? "");
  if (m === null || !TOKEN.test(m[1] as string)) return bad("request line", o); // RFC 9112 §3
  const fields = fieldsOf(lines);
  if (fields === undefined) return bad("field", o);
  return good({ method: m[1] as string, target: m[2] as string, version: `1.${m[3] as "0" | "1"}`, fields });
}

/** Reads the response head in [o, end), empty line included. */
export function decodeResponse(b: Uint8Array, o: number, end: number): Decoded<ResponseHead> {
  const lines = linesOf(b, o, end);
  if (lines === undefined) return bad("head", o);
  const m = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/.exec(lines[0] ?? "");
  if (m === null) return bad("status line", o); // RFC 9112 §4
  const fields = fieldsOf(lines);
  if (fields === undefined) return bad("field", o);
  return good({ version: `1.${m[1] as "0" | "1"}`, status: Number(m[2]), reason: m[3] ?? "", fields });
}

export const encodeRequest = (r: RequestHead): Uint8Array =>
  encode(`${r.method} ${r.target} HTTP/${r.version}`, r.fields);
export const encodeResponse = (r: ResponseHead): Uint8Array =>
  encode(`HTTP/${r.version} ${r.status} ${r.reason}`, r.fields);

function encode(start: string, fields: readonly Field[]): Uint8Array {
  const text = `${start}\r\n${fields.map((f) => `${f.name}: ${f.value}\r\n`).join("")}\r\n`;
  return Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);
}

/** The value of the first field of that name; names are the same whatever their case (RFC 9110 §5.1). */
export function fieldOf(fields: readonly Field[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return fields.find((f) => f.name.toLowerCase() === wanted)?.value;
}
/** Whether a list field has a member, whatever its case. */
export const hasToken = (fields: readonly Field[], name: string, token: string): boolean =>
  fields.some(
    (f) => f.name.toLowerCase() === name && f.value.split(",").some((member) => member.trim().toLowerCase() === token),
  );

/** Whether another message may follow on the connection (RFC 9112 §9.3). */
export const persists = ({ version, fields }: { readonly version: Version; readonly fields: readonly Field[] }) =>
  version === "1.1" ? !hasToken(fields, "connection", "close") : hasToken(fields, "connection", "keep-alive");

/** How the end of a body is known (RFC 9112 §6.3). */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly octets: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

/** The body of a response to a request with `method`; undefined: its length cannot be trusted. */
export function responseBody(method: string, r: ResponseHead): Body | undefined {
  if (method === "HEAD" || r.status < 200 || r.status === 204 || r.status === 304) return { kind: "none" };
  return bodyOf(r.fields, { kind: "close" });
}
/** The body of a request. */
export const requestBody = (r: RequestHead): Body | undefined => bodyOf(r.fields, { kind: "none" });

function bodyOf(fields: readonly Field[], otherwise: Body): Body | undefined {
  const coding = fieldOf(fields, "transfer-encoding");
  if (coding !== undefined) return coding.trim().toLowerCase() === "chunked" ? { kind: "chunked" } : undefined;
  const lengths = new Set(fields.filter((f) => f.name.toLowerCase() === "content-length").map((f) => f.value));
  const [length] = lengths;
  if (length === undefined) return otherwise;
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) return undefined;
  return { kind: "length", octets: Number(length) };
}

/** The octets [from, to] that `Range: bytes=…` asks for of `size`; undefined: all of them, as for several ranges (RFC 9110 §14.2). */
export function rangeOf(value: string, size: number): { readonly from: number; readonly to: number } | undefined {
  const m = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(value.trim());
  if (m === null || (m[1] === "" && m[2] === "")) return undefined;
  if (m[1] === "") {
    const last = Math.min(Number(m[2]), size);
    return last === 0 ? undefined : { from: size - last, to: size - 1 };
  }
  const from = Number(m[1]);
  const to = m[2] === "" ? size - 1 : Math.min(Number(m[2]), size - 1);
  return from > to ? undefined : { from, to };
}

/** A chunked body that comes in pieces (RFC 9112 §7.1): gives the data on, and tells where it ends. */
export class ChunkedReader {
  #left = 0;
  #line = "";
  #state: "size" | "data" | "data end" | "trailer" | "done" | "bad" = "size";

  get done(): boolean {
    return this.#state === "done";
  }
  get bad(): boolean {
    return this.#state === "bad";
  }

  /** Reads from [o, end) and hands on data; returns where it stopped: `end`, or behind the last chunk. */
  read(b: Uint8Array, o: number, end: number, data: (b: Uint8Array, o: number, end: number) => void): number {
    let at = o;
    while (at < end && !this.done && !this.bad) {
      if (this.#state === "data") {
        const n = Math.min(this.#left, end - at);
        data(b, at, at + n);
        at += n;
        this.#left -= n;
        if (this.#left === 0) this.#state = "data end";
        continue;
      }
      const c = b[at++] as number;
      if (c !== LF) this.#line += String.fromCharCode(c);
      else this.#endLine(this.#line.replace(/\r$/, ""));
      if (this.#line.length > 4096) this.#state = "bad";
    }
    return at;
  }

  #endLine(line: string): void {
    this.#line = "";
    if (this.#state === "data end") this.#state = line === "" ? "size" : "bad";
    else if (this.#state === "trailer") this.#state = line === "" ? "done" : "trailer";
    else {
      const m = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line);
      this.#left = m === null ? 0 : Number.parseInt(m[1] as string, 16);
      this.#state = m === null ? "bad" : this.#left === 0 ? "trailer" : "data";
    }
  }
}

/** The lines of a head, the empty one left out; undefined: it does not end with an empty one, or is too long. */
function linesOf(b: Uint8Array, o: number, end: number): string[] | undefined {
  if (end - o > HEAD_MAX || headEnd(b, o, end) !== end) return undefined;
  let text = "";
  for (let i = o; i < end; i++) text += String.fromCharCode(b[i] as number);
  return text.replace(/\r?\n\r?\n$/, "").split(/\r?\n/);
}

function fieldsOf([, ...lines]: readonly string[]): Field[] | undefined {
  if (lines.length > FIELDS_MAX) return undefined;
  const fields: Field[] = [];
  for (const line of lines) {
    const m = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line); // no white space before the colon: RFC 9112 §5.1
    if (m === null || !TOKEN.test(m[1] as string) || /[\r\0]/.test(m[2] as string)) return undefined;
    fields.push({ name: m[1] as string, value: m[2] as string });
  }
  return fields;
}

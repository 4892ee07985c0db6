import type { Printer } from "./printer.ts";

const HTTP = new Set(
  (
    "GET PUT COPY HEAD LOCK MOVE POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK REPORT UPDATE NOTIFY " +
    "BDELETE CONNECT OPTIONS CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH UNCHECKOUT " +
    "MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT VERSION-CONTROL BASELINE-CONTROL POLL"
  ).split(" "),
);
const SIP = new Set(
  "ACK BYE CANCEL DO INFO INVITE MESSAGE NOTIFY OPTIONS PRACK QAUTH REFER REGISTER SPRACK SUBSCRIBE UPDATE PUBLISH".split(
    " ",
  ),
);

/** HTTP at `o`: the request or status line, with `-v` all lines (`print-http.c`). */
export const printHttp = (p: Printer, o: number, length: number): void => printText(p, "http", HTTP, o, length);
/** SIP at `o`, in the same way (`print-sip.c`). */
export const printSip = (p: Printer, o: number, length: number): void => printText(p, "sip", SIP, o, length);

/** `util-print.c:txtproto_print`: only what begins like a message of the protocol is shown. */
function printText(p: Printer, name: string, commands: ReadonlySet<string>, o: number, length: number): void {
  p.protocol = name;
  p.out(name.toUpperCase());
  const first = token(p, o, o + length);
  const second = first === undefined ? undefined : token(p, first.next, o + length);
  const isMessage = (first && commands.has(first.word.toUpperCase())) || (second && /^\d{3}$/.test(second.word));
  if (!isMessage) return;
  if (p.verbose === 0) {
    printLine(p, ": ", o, o + length);
    return;
  }
  p.out(`, length: ${length}`);
  for (let at = o; at < o + length; ) {
    const next = printLine(p, "\n\t", at, o + length);
    if (next === 0) return;
    at = next;
  }
}

/** A word of printable characters at `at`, and where the next begins (`fetch_token`). */
function token(p: Printer, at: number, end: number): { readonly word: string; readonly next: number } | undefined {
  let i = at;
  let word = "";
  for (; i < end; i++) {
    if (!p.has(i, 1)) return undefined;
    const c = p.u8(i);
    if (c === SPACE || c === TAB || c === CR || c === LF) break;
    if (c < SPACE || c > 0x7e || word.length >= TOKEN_MAX) return undefined;
    word += String.fromCharCode(c);
  }
  if (word === "") return undefined;
  while (i < end && p.has(i, 1) && p.u8(i) === SPACE) i++;
  return { word, next: i };
}

const TOKEN_MAX = 128;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** Prints a line behind `prefix`; the result is where the next begins, 0 when there is none (`print_txt_line`). */
function printLine(p: Printer, prefix: string, at: number, end: number): number {
  let i = at;
  let next = 0;
  for (; i < end && next === 0; i++) {
    const c = p.u8(i);
    if (c === LF) next = i + 1;
    else if (c === CR) {
      if (i + 1 >= end || p.u8(i + 1) !== LF) return 0; // not in this packet, or no text
      next = i + 2;
    } else if ((c < SPACE && c !== TAB) || c > 0x7e) return 0;
  }
  const lineEnd = next === 0 ? end : i - 1;
  let line = "";
  for (let j = at; j < lineEnd; j++) line += String.fromCharCode(p.u8(j));
  p.out(prefix + line);
  if (next === 0) p.truncated();
  return next;
}

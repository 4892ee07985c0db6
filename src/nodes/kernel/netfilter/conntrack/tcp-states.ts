/** States of a TCP connection as somebody in the middle sees it (`enum tcp_conntrack`). */
export const TCP_NONE = 0;
export const SYN_SENT = 1;
export const SYN_RECV = 2;
export const ESTABLISHED = 3;
export const FIN_WAIT = 4;
export const CLOSE_WAIT = 5;
export const LAST_ACK = 6;
export const TIME_WAIT = 7;
export const CLOSE = 8;
export const SYN_SENT2 = 9;
const STATES = 10;
/** No state: the packet can belong to no connection in this one, or is let through without a look. */
export const INVALID = 10;
export const IGNORE = 11;

export const TCP_STATE_NAMES = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
] as const;

/** What the flags of a segment amount to (`enum tcp_bit_set`). */
export const SET_SYN = 0;
export const SET_SYNACK = 1;
export const SET_FIN = 2;
export const SET_ACK = 3;
export const SET_RST = 4;
export const SET_NONE = 5;
const SETS = 6;

/**
 * The next state by direction, kind of segment and state: the table of net/netfilter/nf_conntrack_proto_tcp.c, one letter for
 * each state in the order above. `.` is invalid, `-` is ignored.
 */
const LETTERS = "0srEFCLTX2.-";
const TABLE: readonly string[] = [
  // What the originator sends: SYN, SYN/ACK, FIN, ACK, RST, none of them.
  "ss-----ss2",
  "..r......r",
  "..FFLLLTX.",
  "E.EECCTTX.",
  ".XXXXXXXXX",
  "..........",
  // What the other side sends.
  ".2.....s.2",
  ".r-------r",
  "..FFLLLTX.",
  ".-rECCTTX-",
  ".XXXXXXXXX",
  "..........",
];
const NEXT = Uint8Array.from(TABLE.join(""), (letter) => LETTERS.indexOf(letter));

export const nextState = (direction: number, set: number, state: number): number =>
  NEXT[(direction * SETS + set) * STATES + state] as number;

/** Whether the flow is closing: it may make room for others (`tcp_can_early_drop`). */
export function isClosing(state: number): boolean {
  return state >= FIN_WAIT && state <= CLOSE;
}

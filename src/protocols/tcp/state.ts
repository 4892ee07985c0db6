/** The states of RFC 9293 §3.3.2, numbered as Linux does (include/net/tcp_states.h). */
export const ESTABLISHED = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const FIN_WAIT_1 = 4;
export const FIN_WAIT_2 = 5;
export const TIME_WAIT = 6;
export const CLOSED = 7;
export const CLOSE_WAIT = 8;
export const LAST_ACK = 9;
export const LISTEN = 10;
export const CLOSING = 11;

/** A number of the list above. */
export type TcpState = number;

const NAMES = [
  "",
  "ESTABLISHED",
  "SYN-SENT",
  "SYN-RECEIVED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "CLOSED",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
] as const;
/** As RFC 9293 writes it. */
export type TcpStateName = Exclude<(typeof NAMES)[number], "">;
export const stateName = (state: TcpState): TcpStateName => NAMES[state] as TcpStateName;

/** States in which there is, or was, a peer that agreed to the connection. */
export const isSynchronized = (state: TcpState): boolean =>
  state !== CLOSED && state !== LISTEN && state !== SYN_SENT && state !== SYN_RECEIVED;

/** What a NOTIFICATION says (RFC 4271 §4.5, RFC 4486, RFC 9003), and what a fault in a message asks for. */

/** The answer that is owed for a fault: the fields of a NOTIFICATION. */
export interface Answer {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export const HEADER_ERROR = 1;
export const OPEN_ERROR = 2;
export const UPDATE_ERROR = 3;
export const HOLD_TIMER_EXPIRED = 4;
export const FSM_ERROR = 5;
export const CEASE = 6;
export const REFRESH_ERROR = 7;

export const HEADER_NOT_SYNCHRONIZED = 1;
export const HEADER_BAD_LENGTH = 2;
export const HEADER_BAD_TYPE = 3;

export const OPEN_BAD_VERSION = 1;
export const OPEN_BAD_AS = 2;
export const OPEN_BAD_ID = 3;
export const OPEN_BAD_PARAMETER = 4;
export const OPEN_BAD_HOLD_TIME = 6;
export const OPEN_NO_CAPABILITY = 7;
/** RFC 9234 §4.2. */
export const OPEN_ROLE_MISMATCH = 11;

export const UPDATE_MALFORMED = 1;
export const UPDATE_UNKNOWN_WELL_KNOWN = 2;
export const UPDATE_BAD_OPTIONAL = 9;
export const UPDATE_BAD_NETWORK = 10;

export const CEASE_MAX_PREFIXES = 1;
export const CEASE_SHUTDOWN = 2;
export const CEASE_DECONFIGURED = 3;
export const CEASE_RESET = 4;
export const CEASE_CHANGE = 6;
export const CEASE_COLLISION = 7;
/** RFC 8538 §3. */
export const CEASE_HARD_RESET = 9;
/** RFC 9384 §3. */
export const CEASE_BFD_DOWN = 10;

const NOTHING = new Uint8Array(0);

export const answer = (code: number, subcode = 0, data: Uint8Array = NOTHING): Answer => ({ code, subcode, data });

/** The words of bgpd/bgp_debug.c: `bgp_notify_*_msg`. */
const CODES: Readonly<Record<number, string>> = {
  1: "Message Header Error",
  2: "OPEN Message Error",
  3: "UPDATE Message Error",
  4: "Hold Timer Expired",
  5: "Neighbor Events Error",
  6: "Cease",
  7: "ROUTE-REFRESH Message Error",
};
const SUBCODES: Readonly<Record<number, readonly string[]>> = {
  1: ["/Unspecific", "/Connection Not Synchronized", "/Bad Message Length", "/Bad Message Type"],
  2: [
    "/Unspecific",
    "/Unsupported Version Number",
    "/Bad Peer AS",
    "/Bad BGP Identifier",
    "/Unsupported Optional Parameter",
    "/Authentication Failure",
    "/Unacceptable Hold Time",
    "/Unsupported Capability",
    "/Unspecific",
    "/Unspecific",
    "/Unspecific",
    "/Role Mismatch",
  ],
  3: [
    "/Unspecific",
    "/Malformed Attribute List",
    "/Unrecognized Well-known Attribute",
    "/Missing Well-known Attribute",
    "/Attribute Flags Error",
    "/Attribute Length Error",
    "/Invalid ORIGIN Attribute",
    "/AS Routing Loop",
    "/Invalid NEXT_HOP Attribute",
    "/Optional Attribute Error",
    "/Invalid Network Field",
    "/Malformed AS_PATH",
  ],
  5: [
    "/Unspecific",
    "/Receive Unexpected Message in OpenSent State",
    "/Receive Unexpected Message in OpenConfirm State",
    "/Receive Unexpected Message in Established State",
  ],
  6: [
    "/Unspecific",
    "/Maximum Number of Prefixes Reached",
    "/Administrative Shutdown",
    "/Peer De-configured",
    "/Administrative Reset",
    "/Connection Rejected",
    "/Other Configuration Change",
    "/Connection collision resolution",
    "/Out of Resource",
    "/Hard Reset",
  ],
  7: ["/Unspecific", "/Invalid Message Length"],
};

/** `Cease/Administrative Reset`, as FRR prints it. */
export const answerText = (code: number, subcode: number): string =>
  (CODES[code] ?? "Unrecognized Error Code") + (SUBCODES[code]?.[subcode] ?? (subcode === 0 ? "" : "/Unknown"));

/** A NOTIFICATION inside of a hard reset, so that nothing is kept of the session (RFC 8538 §3.1). */
export const hardReset = (inner: Answer): Answer =>
  answer(CEASE, CEASE_HARD_RESET, Uint8Array.from([inner.code, inner.subcode, ...inner.data]));

/** What a NOTIFICATION is about: what a hard reset encloses, where it encloses something. */
export function innerOf(owed: Answer): Answer {
  if (owed.code !== CEASE || owed.subcode !== CEASE_HARD_RESET || owed.data.length < 2) return owed;
  const [code = 0, subcode = 0] = owed.data;
  return answer(code, subcode, owed.data.slice(2));
}

/** The longest shutdown message in octets (RFC 9003 §2). */
const SHUTDOWN_MESSAGE_MAX = 255;

/** The data of an administrative shutdown or reset with a message (RFC 9003 §2); a longer one is cut between characters. */
export function shutdownData(message: string): Uint8Array {
  const octets = utf8(message);
  return Uint8Array.from([octets.length, ...octets]);
}

/** Whether a NOTIFICATION may have such data. */
export const bearsMessage = ({ code, subcode }: Answer): boolean =>
  code === CEASE && (subcode === CEASE_SHUTDOWN || subcode === CEASE_RESET);

/** The message in such data; undefined: there is none, or its length is wrong. */
export function shutdownMessage(data: Uint8Array): string | undefined {
  const length = data[0] ?? 0;
  if (length === 0 || length > data.length - 1) return undefined;
  return new TextDecoder().decode(data.subarray(1, 1 + length));
}

function utf8(text: string): number[] {
  const octets: number[] = [];
  for (const character of text) {
    const more = new TextEncoder().encode(character);
    if (octets.length + more.length > SHUTDOWN_MESSAGE_MAX) break;
    octets.push(...more);
  }
  return octets;
}

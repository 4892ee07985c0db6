import { u8, u16, u32 } from "../../core/bytes.ts";
import { readArea, writeArea } from "../ipv4/option-area.ts";

/** Options of TCP headers as values, to show and to write them (RFC 9293 §3.2). Segments on their way are read in place: `wire.ts`. */

export const TCPOPT_EOL = 0;
export const TCPOPT_NOP = 1;
export const TCPOPT_MSS = 2;
export const TCPOPT_WINDOW = 3;
export const TCPOPT_SACK_PERM = 4;
export const TCPOPT_SACK = 5;
export const TCPOPT_TIMESTAMP = 8;
export const TCPOPT_MD5SIG = 19;
export const TCPOPT_USER_TIMEOUT = 28;
export const TCPOPT_AO = 29;
export const TCPOPT_MPTCP = 30;
export const TCPOPT_FASTOPEN = 34;

/** One option. An option of a known kind but a length that does not fit it is `unknown`: no octet is lost. */
export type TcpOption =
  | { readonly kind: "eol" | "nop" | "sackPermitted" }
  | { readonly kind: "mss"; readonly mss: number }
  | { readonly kind: "windowScale"; readonly shift: number }
  | { readonly kind: "sack"; readonly blocks: readonly SackBlock[] }
  | { readonly kind: "timestamps"; readonly tsval: number; readonly tsecr: number }
  /** RFC 2385: 16 octets. */
  | { readonly kind: "md5"; readonly digest: Uint8Array }
  /** RFC 5482: minutes or seconds. */
  | { readonly kind: "userTimeout"; readonly minutes: boolean; readonly timeout: number }
  /** TCP-AO, RFC 5925. */
  | { readonly kind: "authentication"; readonly keyId: number; readonly rnextKeyId: number; readonly mac: Uint8Array }
  /** RFC 7413: no octets ask for a cookie. */
  | { readonly kind: "fastOpen"; readonly cookie: Uint8Array }
  /** RFC 8684: the subtype is the upper half of the first octet. */
  | { readonly kind: "mptcp"; readonly data: Uint8Array }
  | { readonly kind: "unknown"; readonly type: number; readonly data: Uint8Array };

/** Received octets from `left` up to `right`, which is not among them. */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

/** The options in an option area, as far as they can be read, and the place where they cannot. */
export const parseOptions = (
  raw: Uint8Array,
): { readonly options: readonly TcpOption[]; readonly optionsFault: number } => readArea(raw, parseOption);

/** The option area for `options`. */
export const encodeOptions = (options: readonly TcpOption[]): Uint8Array => writeArea(options.flatMap(optionOctets));

/** The kind octet of an option. */
export const optionKind = (option: TcpOption): number => (option.kind === "unknown" ? option.type : KINDS[option.kind]);

const KINDS = {
  eol: TCPOPT_EOL,
  nop: TCPOPT_NOP,
  mss: TCPOPT_MSS,
  windowScale: TCPOPT_WINDOW,
  sackPermitted: TCPOPT_SACK_PERM,
  sack: TCPOPT_SACK,
  timestamps: TCPOPT_TIMESTAMP,
  md5: TCPOPT_MD5SIG,
  userTimeout: TCPOPT_USER_TIMEOUT,
  authentication: TCPOPT_AO,
  fastOpen: TCPOPT_FASTOPEN,
  mptcp: TCPOPT_MPTCP,
} as const;

/** Lengths of the options that have but one. */
const LENGTHS: Readonly<Record<number, number>> = { 2: 4, 3: 3, 4: 2, 8: 10, 19: 18, 28: 4 };

/** The option of `length` octets at `at`, all of them within `raw`. */
function parseOption(raw: Uint8Array, at: number, length: number): TcpOption {
  const type = u8(raw, at);
  const data = raw.slice(at + 2, at + length);
  const unknown: TcpOption = { kind: "unknown", type, data };
  if (length !== (LENGTHS[type] ?? length)) return unknown;
  switch (type) {
    case TCPOPT_MSS:
      return { kind: "mss", mss: u16(data, 0) };
    case TCPOPT_WINDOW:
      return { kind: "windowScale", shift: u8(data, 0) };
    case TCPOPT_SACK_PERM:
      return { kind: "sackPermitted" };
    case TCPOPT_SACK:
      return length % 8 === 2 ? { kind: "sack", blocks: sackBlocks(data) } : unknown;
    case TCPOPT_TIMESTAMP:
      return { kind: "timestamps", tsval: u32(data, 0), tsecr: u32(data, 4) };
    case TCPOPT_MD5SIG:
      return { kind: "md5", digest: data };
    case TCPOPT_USER_TIMEOUT:
      return { kind: "userTimeout", minutes: u8(data, 0) > 0x7f, timeout: u16(data, 0) & 0x7fff };
    case TCPOPT_AO:
      if (length < 4) return unknown;
      return { kind: "authentication", keyId: u8(data, 0), rnextKeyId: u8(data, 1), mac: data.slice(2) };
    case TCPOPT_FASTOPEN:
      return { kind: "fastOpen", cookie: data };
    case TCPOPT_MPTCP:
      return { kind: "mptcp", data };
    default:
      return unknown;
  }
}

const sackBlocks = (data: Uint8Array): SackBlock[] =>
  Array.from({ length: data.length >> 3 }, (_, i) => ({ left: u32(data, 8 * i), right: u32(data, 8 * i + 4) }));

function optionOctets(option: TcpOption): number[] {
  const kind = optionKind(option);
  const tlv = (...data: readonly number[]): number[] => [kind, 2 + data.length, ...data];
  switch (option.kind) {
    case "eol":
    case "nop":
      return [kind];
    case "sackPermitted":
      return tlv();
    case "mss":
      return tlv(...octets16(option.mss));
    case "windowScale":
      return tlv(option.shift);
    case "sack":
      return tlv(...option.blocks.flatMap(({ left, right }) => [...octets32(left), ...octets32(right)]));
    case "timestamps":
      return tlv(...octets32(option.tsval), ...octets32(option.tsecr));
    case "md5":
      return tlv(...option.digest);
    case "userTimeout":
      return tlv(...octets16((option.minutes ? 0x8000 : 0) | option.timeout));
    case "authentication":
      return tlv(option.keyId, option.rnextKeyId, ...option.mac);
    case "fastOpen":
      return tlv(...option.cookie);
    case "mptcp":
    case "unknown":
      return tlv(...option.data);
  }
}

const octets16 = (word: number): number[] => [word >> 8, word & 255];
const octets32 = (word: number): number[] => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];

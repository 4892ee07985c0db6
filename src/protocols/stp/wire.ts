import type { Mac } from "../../core/addr.ts";
import { setU8, setU16, setU32, setU48, u8, u16, u32, u48 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** Bridge protocol data units (IEEE 802.1D-2004 §9; 802.1Q §14 for version 3), as they follow the LLC header 42 42 03. */

/** The Bridge Group Address that BPDUs are sent to (IEEE 802.1D §7.12.3). */
export const GROUP_MAC: Mac = 0x0180_c200_0000;
/** The LLC service access point of BPDUs. */
export const LLC_SAP = 0x42;
/** Times are carried in units of 1/256 s (§9.2.8). */
export const TICKS_PER_SECOND = 256;

/** Topology change. */
export const FLAG_TC = 0x01;
/** Version 2 and later only, as every flag between the first and the last. */
export const FLAG_PROPOSAL = 0x02;
/** Where the two bits of the port role stand: `(flags >> ROLE_SHIFT) & 3` is one of `ROLE_…`. */
export const ROLE_SHIFT = 2;
export const FLAG_LEARNING = 0x10;
export const FLAG_FORWARDING = 0x20;
export const FLAG_AGREEMENT = 0x40;
/** Topology change acknowledgment. */
export const FLAG_TC_ACK = 0x80;

export const ROLE_UNKNOWN = 0;
export const ROLE_ALTERNATE_OR_BACKUP = 1;
export const ROLE_ROOT = 2;
export const ROLE_DESIGNATED = 3;

/** A bridge identifier: the lower is the better (§9.2.5). */
export interface BridgeId {
  /** 0 to 61440 in steps of 4096. */
  readonly priority: number;
  /** The system id extension, 12 bits: in classic bridges the lower bits of a 16-bit priority. */
  readonly systemId: number;
  readonly mac: Mac;
}

/** Topology change notification: nothing but its type. */
export interface TcnBpdu {
  readonly kind: "tcn";
  readonly version: number;
  /** Octets after the four that mean something. */
  readonly rest: Uint8Array;
}

/** What configuration BPDUs of every version hold. Times are in 1/256 s. */
interface Configuration {
  readonly version: number;
  /** `FLAG_…` and the port role. */
  readonly flags: number;
  readonly root: BridgeId;
  /** Root path cost, 32 bits. */
  readonly rootCost: number;
  /** The sender; in version 3 the regional root. */
  readonly bridge: BridgeId;
  /** The sender's port: priority in the upper 4 bits, number in the lower 12. */
  readonly port: number;
  readonly messageAge: number;
  readonly maxAge: number;
  readonly helloTime: number;
  readonly forwardDelay: number;
  /** Octets after the fields, raw: in version 3 the MSTP part from its Version 3 Length on. */
  readonly rest: Uint8Array;
}

/** BPDU type 0: classic spanning tree (§9.3.1). */
export interface ConfigBpdu extends Configuration {
  readonly kind: "config";
}

/** BPDU type 2: rapid (version 2), multiple (3) and shortest path (4) spanning tree (§9.3.3). */
export interface RapidBpdu extends Configuration {
  readonly kind: "rapid";
  /** The Version 1 Length, 0 in what anyone sends. */
  readonly version1Length: number;
}

export type Bpdu = TcnBpdu | ConfigBpdu | RapidBpdu;

const TYPE_CONFIG = 0x00;
const TYPE_RAPID = 0x02;
const TYPE_TCN = 0x80;
const TCN_LENGTH = 4;
const CONFIG_LENGTH = 35;
const RAPID_LENGTH = 36;

/** Reads the BPDU in [o, end), where the 802.3 length field says that it ends. Only its form is judged, not its values. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<Bpdu> {
  if (end - o < TCN_LENGTH) return bad("short", end);
  if (u16(b, o) !== 0) return bad("protocol", o);
  const version = u8(b, o + 2);
  const type = u8(b, o + 3);
  if (type === TYPE_TCN) return good({ kind: "tcn", version, rest: b.slice(o + TCN_LENGTH, end) });
  if (type !== TYPE_CONFIG && type !== TYPE_RAPID) return bad("type", o + 3);
  const length = type === TYPE_CONFIG ? CONFIG_LENGTH : RAPID_LENGTH; // §9.3.4
  if (end - o < length) return bad("short", end);
  const fields = configurationAt(b, o, b.slice(o + length, end));
  return good(
    type === TYPE_CONFIG
      ? { kind: "config", ...fields }
      : { kind: "rapid", ...fields, version1Length: u8(b, o + CONFIG_LENGTH) },
  );
}

export function encodedLength(v: Bpdu): number {
  const fields = v.kind === "tcn" ? TCN_LENGTH : v.kind === "config" ? CONFIG_LENGTH : RAPID_LENGTH;
  return fields + v.rest.length;
}

/** Writes `v` at `o`; the caller reserved `encodedLength(v)` octets. */
export function encode(v: Bpdu, b: Uint8Array, o: number): void {
  setU16(b, o, 0);
  setU8(b, o + 2, v.version);
  setU8(b, o + 3, v.kind === "tcn" ? TYPE_TCN : v.kind === "config" ? TYPE_CONFIG : TYPE_RAPID);
  b.set(v.rest, o + encodedLength(v) - v.rest.length);
  if (v.kind === "tcn") return;
  setU8(b, o + 4, v.flags);
  setBridgeId(b, o + 5, v.root);
  setU32(b, o + 13, v.rootCost);
  setBridgeId(b, o + 17, v.bridge);
  setU16(b, o + 25, v.port);
  setU16(b, o + 27, v.messageAge);
  setU16(b, o + 29, v.maxAge);
  setU16(b, o + 31, v.helloTime);
  setU16(b, o + 33, v.forwardDelay);
  if (v.kind === "rapid") setU8(b, o + CONFIG_LENGTH, v.version1Length);
}

/** The sender's port role, `ROLE_…`; `ROLE_UNKNOWN` in classic BPDUs, which leave the bits zero. */
export const role = (v: ConfigBpdu | RapidBpdu): number => (v.flags >> ROLE_SHIFT) & 3;

/** The identifier of a bridge whose `priority` is a 16-bit number, as `ip link … type bridge priority` sets it. */
export const bridgeId = (priority: number, mac: Mac): BridgeId => ({
  priority: priority & 0xf000,
  systemId: priority & 0x0fff,
  mac,
});

/** `8000.aabbcc000100`: priority and extension, then the address, as Linux prints it (`net/bridge/br_stp_if.c:br_show_bridge_id`). */
export const formatBridgeId = (id: BridgeId): string =>
  `${(id.priority | id.systemId).toString(16).padStart(4, "0")}.${id.mac.toString(16).padStart(12, "0")}`;

/** Negative when `a` is the better identifier, 0 when they are equal. */
export const compareBridgeIds = (a: BridgeId, b: BridgeId): number =>
  (a.priority | a.systemId) - (b.priority | b.systemId) || a.mac - b.mac;

const configurationAt = (b: Uint8Array, o: number, rest: Uint8Array): Configuration => ({
  version: u8(b, o + 2),
  flags: u8(b, o + 4),
  root: bridgeIdAt(b, o + 5),
  rootCost: u32(b, o + 13),
  bridge: bridgeIdAt(b, o + 17),
  port: u16(b, o + 25),
  messageAge: u16(b, o + 27),
  maxAge: u16(b, o + 29),
  helloTime: u16(b, o + 31),
  forwardDelay: u16(b, o + 33),
  rest,
});

const bridgeIdAt = (b: Uint8Array, o: number): BridgeId => bridgeId(u16(b, o), u48(b, o + 2));

function setBridgeId(b: Uint8Array, o: number, id: BridgeId): void {
  setU16(b, o, id.priority | id.systemId);
  setU48(b, o + 2, id.mac);
}

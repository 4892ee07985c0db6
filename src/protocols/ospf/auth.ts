import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { md5 } from "../../core/md5.ts";
import type { ChainKey, KeyAlgorithm } from "../../frr/key-chain.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import type { AuthKey, AuthMode } from "./settings.ts";
import {
  AUTH_CRYPTOGRAPHIC,
  AUTH_NULL,
  AUTH_SIMPLE,
  checksumHolds,
  HEADER,
  packetChecksum,
  packetLength,
} from "./wire.ts";

/** Authentication of packets: RFC 2328 appendix D, RFC 5709. */

const DIGEST_LENGTHS: Readonly<Record<KeyAlgorithm, number>> = {
  md5: 16,
  "hmac-sha-1": 20,
  "hmac-sha-256": 32,
  "hmac-sha-384": 48,
  "hmac-sha-512": 64,
};
/** RFC 5709 §3.3: Apad. */
const APAD = 0x878fe1f3;

/** Cryptographic authentication without a key is none (ospfd/ospf_auth.c:ospf_auth_type). */
export function authMode({ settings, area }: OspfInterface): AuthMode {
  const mode = settings.auth ?? area.settings.auth;
  return mode === "message-digest" && settings.keys.length === 0 && settings.keyChain === undefined ? "null" : mode;
}
/** Signs what no key is there for: others know none either. */
const NO_KEY: AuthKey = { id: 0, secret: "", algorithm: "md5" };

/** The key that signs: the one configured last, or the chain's first (ospfd/ospf_auth.c:ospf_auth_make). */
export function signingKey({ settings, ospf }: OspfInterface): AuthKey {
  const last = settings.keys.at(-1);
  if (last !== undefined || settings.keyChain === undefined) return last ?? NO_KEY;
  return complete(ospf.keyChains.forSending(settings.keyChain)) ?? NO_KEY;
}
/** The key that a packet says it was signed with (ospfd/ospf_auth.c:ospf_auth_check_digest). */
function verifyingKey({ settings, ospf }: OspfInterface, id: number): AuthKey | undefined {
  if (settings.keyChain !== undefined) return complete(ospf.keyChains.forReceiving(settings.keyChain, id));
  return settings.keys.find((k) => k.id === id);
}
function complete(key: ChainKey | undefined): AuthKey | undefined {
  if (key?.secret === undefined || key.algorithm === undefined) return undefined;
  return { id: key.id & 0xff, secret: key.secret, algorithm: key.algorithm };
}

/** Octets behind each packet that an interface sends. */
export const digestLength = (oi: OspfInterface): number =>
  authMode(oi) === "message-digest" ? DIGEST_LENGTHS[signingKey(oi).algorithm] : 0;

/** Signs a packet of `length` octets, or puts in its checksum. Room for the digest is behind it. */
export function seal(oi: OspfInterface, b: Uint8Array, length: number): void {
  const mode = authMode(oi);
  if (mode !== "message-digest") {
    setU16(b, 14, mode === "simple" ? AUTH_SIMPLE : AUTH_NULL);
    setU16(b, 12, packetChecksum(b, 0, length));
    if (mode === "simple") putText(b, 16, oi.settings.simpleKey ?? "", 8);
    return;
  }
  const key = signingKey(oi);
  setU16(b, 12, 0);
  setU16(b, 14, AUTH_CRYPTOGRAPHIC);
  setU16(b, 16, 0);
  b[18] = key.id;
  b[19] = DIGEST_LENGTHS[key.algorithm];
  // ospfd/ospf_packet.c:ospf_make_md5_digest: seconds, so that a restart goes on counting
  oi.cryptSeq = Math.max(oi.cryptSeq + 1, Math.floor(oi.ospf.now / 1e9));
  setU32(b, 20, oi.cryptSeq);
  b.set(digest(key, b, 0, length), length);
}

/** Whether the packet [o, end) may be taken; otherwise why not. Sequence numbers are looked at by `freshSequence`. */
export function verify(oi: OspfInterface, b: Uint8Array, o: number, end: number): string | undefined {
  const mode = authMode(oi);
  const length = packetLength(b, o);
  const type = u16(b, o + 14);
  if (type !== (mode === "null" ? AUTH_NULL : mode === "simple" ? AUTH_SIMPLE : AUTH_CRYPTOGRAPHIC)) return "auth type";
  if (mode === "message-digest") return verifyDigest(oi, b, o, o + length, end);
  if (!checksumHolds(b, o, o + length)) return "checksum";
  if (mode === "null") return undefined;
  const expected = new Uint8Array(8);
  putText(expected, 0, oi.settings.simpleKey ?? "", 8);
  return expected.every((octet, i) => octet === b[o + 16 + i]) ? undefined : "auth key";
}

/** Whether the sequence number is not behind what the neighbour has said already (RFC 2328 §D.4.3); then it is remembered. */
export function freshSequence(n: Neighbor, b: Uint8Array, o: number): boolean {
  if (authMode(n.oi) !== "message-digest") return true;
  const seq = u32(b, o + 20);
  const strict = n.oi.settings.strictSequence ?? n.oi.ospf.settings.strictSequence;
  if (strict && n.cryptSeq !== 0 ? seq <= n.cryptSeq : seq < n.cryptSeq) return false;
  n.cryptSeq = seq;
  return true;
}

function verifyDigest(oi: OspfInterface, b: Uint8Array, o: number, stop: number, end: number): string | undefined {
  const key = verifyingKey(oi, u8(b, o + 18));
  return key === undefined ? "auth key" : compare(key, b, o, stop, end);
}

function compare(key: AuthKey, b: Uint8Array, o: number, stop: number, end: number): string | undefined {
  const length = DIGEST_LENGTHS[key.algorithm];
  if (u8(b, o + 19) !== length || stop + length > end) return "digest length";
  return digest(key, b, o, stop).every((octet, i) => octet === b[stop + i]) ? undefined : "digest";
}

function digest(key: AuthKey, b: Uint8Array, o: number, end: number): Uint8Array {
  const length = DIGEST_LENGTHS[key.algorithm];
  const message = new Uint8Array(end - o + length);
  message.set(b.subarray(o, end));
  if (key.algorithm === "md5") {
    putText(message, end - o, key.secret, 16);
    return md5(message);
  }
  for (let i = 0; i < length; i += 4) setU32(message, end - o + i, APAD);
  const hash =
    key.algorithm === "hmac-sha-1"
      ? sha1
      : key.algorithm === "hmac-sha-256"
        ? sha256
        : key.algorithm === "hmac-sha-384"
          ? sha384
          : sha512;
  return hmac(hash, new TextEncoder().encode(key.secret), message);
}

function putText(b: Uint8Array, o: number, text: string, length: number): void {
  b.fill(0, o, o + length);
  for (let i = 0; i < Math.min(text.length, length); i++) b[o + i] = text.charCodeAt(i);
}

/** Octets of the packet that a body may take on an interface (ospfd/ospf_packet.c:ospf_packet_max). */
export const bodyMax = (oi: OspfInterface): number => oi.device.mtuBytes - 20 - HEADER - digestLength(oi);

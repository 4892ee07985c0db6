/** Big-endian (network order) reads and writes. Offsets are not checked: the caller has compared lengths first. */

export const u8 = (b: Uint8Array, o: number): number => b[o] as number;
export const u16 = (b: Uint8Array, o: number): number => ((b[o] as number) << 8) | (b[o + 1] as number);
export const u24 = (b: Uint8Array, o: number): number =>
  ((b[o] as number) << 16) | ((b[o + 1] as number) << 8) | (b[o + 2] as number);
/** 32 bits, unsigned: 0 to 4294967295. */
export const u32 = (b: Uint8Array, o: number): number => i32(b, o) >>> 0;
/** 32 bits, signed: what the data path compares, because it stays a small integer in the engine. */
export const i32 = (b: Uint8Array, o: number): number =>
  ((b[o] as number) << 24) | ((b[o + 1] as number) << 16) | ((b[o + 2] as number) << 8) | (b[o + 3] as number);
/** 48 bits, unsigned: a MAC address. */
export const u48 = (b: Uint8Array, o: number): number => u16(b, o) * 0x1_0000_0000 + u32(b, o + 2);

export function setU8(b: Uint8Array, o: number, v: number): void {
  b[o] = v;
}
export function setU16(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 8;
  b[o + 1] = v;
}
export function setU24(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 16;
  b[o + 1] = v >> 8;
  b[o + 2] = v;
}
export function setU32(b: Uint8Array, o: number, v: number): void {
  b[o] = v >>> 24;
  b[o + 1] = v >>> 16;
  b[o + 2] = v >>> 8;
  b[o + 3] = v;
}
export function setU48(b: Uint8Array, o: number, v: number): void {
  setU16(b, o, Math.floor(v / 0x1_0000_0000));
  setU32(b, o + 2, v >>> 0);
}

/** `de:ad:be:ef`; lower case, as tshark and iproute2 print octet strings. */
export function hex(b: Uint8Array, o = 0, end = b.length, separator = ":"): string {
  let text = "";
  for (let i = o; i < end; i++) text += (i > o ? separator : "") + u8(b, i).toString(16).padStart(2, "0");
  return text;
}

/** Mixes a tuple to 32 bits. */
export function hash(src: number, dst: number, ports: number, protocol: number, seed: number): number {
  let h = Math.imul(src ^ seed, 0x85ebca6b) ^ Math.imul(dst, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15) ^ ports, 0xc2b2ae35) ^ protocol;
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return h ^ (h >>> 16);
}

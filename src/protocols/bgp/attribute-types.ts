/** Numbers of path attributes, and the flags that they must have. */

export const ORIGIN = 1;
export const AS_PATH = 2;
export const NEXT_HOP = 3;
export const MED = 4;
export const LOCAL_PREF = 5;
export const ATOMIC_AGGREGATE = 6;
export const AGGREGATOR = 7;
export const COMMUNITIES = 8;
export const ORIGINATOR_ID = 9;
export const CLUSTER_LIST = 10;
export const MP_REACH = 14;
export const MP_UNREACH = 15;
export const EXTENDED_COMMUNITIES = 16;
export const AS4_PATH = 17;
export const AS4_AGGREGATOR = 18;
/** RFC 7311. */
export const AIGP = 26;
export const LARGE_COMMUNITIES = 32;
/** Only to Customer (RFC 9234 §5). */
export const OTC = 35;

const WELL_KNOWN = 0x40;
const TRANSITIVE = 0xc0;
const NON_TRANSITIVE = 0x80;

/** The optional and transitive bits of the attributes that are known. */
export const ATTRIBUTE_FLAGS: ReadonlyMap<number, number> = new Map([
  [ORIGIN, WELL_KNOWN],
  [AS_PATH, WELL_KNOWN],
  [NEXT_HOP, WELL_KNOWN],
  [MED, NON_TRANSITIVE],
  [LOCAL_PREF, WELL_KNOWN],
  [ATOMIC_AGGREGATE, WELL_KNOWN],
  [AGGREGATOR, TRANSITIVE],
  [COMMUNITIES, TRANSITIVE],
  [ORIGINATOR_ID, NON_TRANSITIVE],
  [CLUSTER_LIST, NON_TRANSITIVE],
  [MP_REACH, NON_TRANSITIVE],
  [MP_UNREACH, NON_TRANSITIVE],
  [EXTENDED_COMMUNITIES, TRANSITIVE],
  [AS4_PATH, TRANSITIVE],
  [AS4_AGGREGATOR, TRANSITIVE],
  [AIGP, NON_TRANSITIVE],
  [LARGE_COMMUNITIES, TRANSITIVE],
  [OTC, TRANSITIVE],
]);

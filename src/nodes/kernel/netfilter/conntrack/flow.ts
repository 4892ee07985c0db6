/**
 * How a flow lies in the table's memory: 32 words of 4 octets, two cache lines, so that a million flows are 128 MB and a look-up
 * touches little. The offsets below count words from the flow's first, unless they say otherwise.
 *
 * Modules that every packet passes make constants of their own of these: the engine folds a module's own constants into its code,
 * and reads imported ones from memory each time, which was a tenth of what tracking and translation cost.
 */
export const FLOW_WORDS = 32;
export const FLOW_SHIFT = 5;

/** A tuple is three words: source, destination, and two ports (or what the protocol has instead), source port first. */
export const TUPLE_WORDS = 3;
export const T_SRC = 0;
export const T_DST = 1;
export const T_PORTS = 2;

export const W_ORIGINAL = 0;
export const W_REPLY = 3;
/** `IPS_…`. */
export const W_STATUS = 6;
export const W_MARK = 7;
/** Words 8 to 11 are two doubles; these two count doubles. */
export const D_EXPIRES = 4;
/** UDP: from when on the flow is a stream. */
export const D_STREAM = 5;
/** Neighbours in the list of flows from one source, which translation keeps; slots, 0 at the ends. */
export const W_SOURCE_NEXT = 12;
export const W_SOURCE_PREV = 13;
export const W_PROTOCOL = 14;
/** `IPCT_…` that nobody was told of yet. */
export const W_EVENTS = 15;
/** TCP: the highest octet sent and the most that may be, the widest window, the highest acknowledgement; once for each direction. */
export const W_TCP = 16;
export const TCP_WORDS = 4;
export const TD_END = 0;
export const TD_MAXEND = 1;
export const TD_MAXWIN = 2;
export const TD_MAXACK = 3;
/** TCP: of the last packet. */
export const W_LAST_SEQ = 24;
export const W_LAST_ACK = 25;
export const W_LAST_END = 26;
export const W_LAST_WIN = 27;
/** Words 28 to 30 are octets; these count octets from the flow's first. */
export const B_STATE = 112;
export const B_LAST_DIR = 113;
export const B_LAST_INDEX = 114;
export const B_RETRANS = 115;
export const B_LAST_WSCALE = 116;
export const B_LAST_FLAGS = 117;
export const B_SCALE = 118;
export const B_FLAGS = 120;
/** ifindex by which a masqueraded flow left. */
export const W_MASQUERADE = 31;

/** Bits of the status (`include/uapi/linux/netfilter/nf_conntrack_common.h`). */
export const IPS_EXPECTED = 1 << 0;
export const IPS_SEEN_REPLY = 1 << 1;
export const IPS_ASSURED = 1 << 2;
export const IPS_CONFIRMED = 1 << 3;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;
export const IPS_NAT_MASK = IPS_SRC_NAT | IPS_DST_NAT;
export const IPS_SEQ_ADJUST = 1 << 6;
export const IPS_SRC_NAT_DONE = 1 << 7;
export const IPS_DST_NAT_DONE = 1 << 8;
export const IPS_NAT_DONE_MASK = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
export const IPS_DYING = 1 << 9;
export const IPS_FIXED_TIMEOUT = 1 << 10;
export const IPS_HELPER = 1 << 13;
/** netloom's own: the flow came back in by the side it would have left (RFC 4787 §6), and leaves with its external source. */
export const IPS_HAIRPIN = 1 << 16;
/** netloom's own: the flow was counted at a mapping of RFC 4787's kind. */
export const IPS_MAPPED = 1 << 17;

/** What happened to a flow (`IPCT_…`), as bits. */
export const IPCT_NEW = 1 << 0;
export const IPCT_RELATED = 1 << 1;
export const IPCT_REPLY = 1 << 3;
export const IPCT_ASSURED = 1 << 4;
export const IPCT_PROTOINFO = 1 << 5;
export const IPCT_HELPER = 1 << 6;
export const IPCT_MARK = 1 << 7;
export const IPCT_SEQADJ = 1 << 8;

/** How a packet belongs to its flow (`enum ip_conntrack_info`), the low bits of `Packet.nfctInfo`. */
export const CT_ESTABLISHED = 0;
export const CT_RELATED = 1;
export const CT_NEW = 2;
export const CT_ESTABLISHED_REPLY = 3;
export const CT_RELATED_REPLY = 4;
export const CT_UNTRACKED = 7;
export const CT_INFO = 7;
/** It keeps its flow at the next hook that would look for one: it was looped back, or attached to the flow of what it answers. */
export const CT_KEEP = 8;
/** Its flow was made for it: if it dies before the flow is confirmed, so does the flow. */
export const CT_OWNER = 16;
/** Above the flags: the generation of the slot, so that a slot given to another flow is noticed. */
export const CT_GENERATION_SHIFT = 8;

export const DIR_ORIGINAL = 0;
export const DIR_REPLY = 1;

/** The direction in which a packet flows (`CTINFO2DIR`). */
export const directionOf = (nfctInfo: number): number => ((nfctInfo & CT_INFO) >= CT_ESTABLISHED_REPLY ? 1 : 0);
/** The tuple's ports as its inverse has them. */
export const swapPorts = (ports: number): number => (ports << 16) | (ports >>> 16);

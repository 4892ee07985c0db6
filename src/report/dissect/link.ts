/** Link types other than Ethernet (the tcpdump group's LINKTYPE registry). Their headers are kept as octets. */
import { hex, u8, u16, u32 } from "../../core/bytes.ts";
import { ip } from "./ip.ts";
import { ipv6 } from "./ipv6.ts";
import { llc } from "./llc.ts";
import { ppp } from "./ppp.ts";
import type { Dissector, Span, Walk } from "./walk.ts";

const SLL = 16;
const SLL2 = 20;
/** What Linux calls frames with an LLC header behind a length (if_ether.h:ETH_P_802_2), and raw IPX (ETH_P_802_3). */
const LINUX_802_2 = 0x0004;
const LINUX_802_3 = 0x0001;
/** ARP hardware type of a GRE device, whose frames are bare IP. */
const ARPHRD_IPGRE = 778;

/** An IP packet and nothing before it. */
export const raw: Dissector = {
  name: "raw",
  linkTypes: [12, 14, 101],
  dissect(w, s) {
    const version = s.captured === 0 ? undefined : u8(s.b, s.o) >> 4;
    if (version !== undefined) w.next(version === 4 ? ip : version === 6 ? ipv6 : undefined, s);
  },
};

/** Linux's cooked capture, version 1: what `tcpdump -i any` wrote. */
export const sll: Dissector = {
  name: "sll",
  linkTypes: [113],
  dissect(w, s) {
    if (s.captured < SLL) return w.short(s, SLL);
    const [pkttype, hatype, halen] = [u16(s.b, s.o), u16(s.b, s.o + 2), u16(s.b, s.o + 4)];
    const src = hex(s.b, s.o + 6, s.o + 6 + Math.min(halen, 8));
    const type = u16(s.b, s.o + 14);
    w.addRaw("sll", s, { pkttype, hatype, halen, src, type }, SLL);
    cooked(w, s.from(s.o + SLL), hatype, type);
  },
};

/** Version 2, which names the interface. */
export const sll2: Dissector = {
  name: "sll",
  linkTypes: [276],
  dissect(w, s) {
    if (s.captured < SLL2) return w.short(s, SLL2);
    const [type, ifindex, hatype] = [u16(s.b, s.o), u32(s.b, s.o + 4), u16(s.b, s.o + 8)];
    const [pkttype, halen] = [u8(s.b, s.o + 10), u8(s.b, s.o + 11)];
    const src = hex(s.b, s.o + 12, s.o + 12 + Math.min(halen, 8));
    w.addRaw("sll", s, { type, ifindex, hatype, pkttype, halen, src }, SLL2);
    cooked(w, s.from(s.o + SLL2), hatype, type);
  },
};

function cooked(w: Walk, payload: Span, hatype: number, type: number): void {
  if (hatype === ARPHRD_IPGRE) return w.next(w.tables.etherTypes.get(type), payload);
  if (type === LINUX_802_2) return w.next(llc, payload);
  if (type === LINUX_802_3) return w.data(payload);
  w.etherType(type, payload);
}

const AF_INET = 2;
/** AF_INET6 of Linux, and of the BSDs. */
const AF_INET6 = new Set([10, 24, 28, 30]);

/** BSD's loopback: the address family in the byte order of the capturing host, or (108) of the network. */
export const loopback: Dissector = {
  name: "null",
  linkTypes: [0, 108],
  dissect(w, s) {
    if (s.captured < 4) return w.short(s, 4);
    if (u16(s.b, s.o) === 0xff03) return w.next(ppp, s);
    const family = u32(s.b, s.o) < 0x1_0000 ? u32(s.b, s.o) : u8(s.b, s.o);
    w.addRaw("null", s, { family }, 4);
    w.next(family === AF_INET ? ip : AF_INET6.has(family) ? ipv6 : undefined, s.from(s.o + 4));
  },
};

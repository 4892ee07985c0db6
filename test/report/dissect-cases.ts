/** Crafted frames, and what tshark 4.0.17 shows of them. */
import { expect } from "vitest";
import { bytes, eth, hexBytes, icmp, ip, tcp, udp } from "./frames.ts";

export const hello = udp(1000, 2000, hexBytes("68656c6c6f"));
const tail = (frame: Uint8Array, text: string): Uint8Array => bytes(frame, hexBytes(text));
const vlanTag = (tci: number, type: number, payload: Uint8Array): Uint8Array =>
  bytes([tci >> 8, tci & 255, type >> 8, type & 255], payload);
const inner = eth(0x0800, ip(17, hello));
const bpdu = hexBytes("424203 0000 00 00 81 8064aabbccddeeff 00030d40 f123001122334455 8001 0180 1400 0201 0f00");
const lldpStart = hexBytes("0207 04 001122334455 0405 05 65746830 0602 0078");

/** A frame, and what tshark 4.0.17 shows of it: layers with some of their keys. */
export const CASES: readonly (readonly [string, Uint8Array, readonly Record<string, unknown>[]])[] = [
  [
    "zeros up to 60 octets are padding",
    tail(eth(0x0800, ip(17, hello)), "00".repeat(13)),
    [{ p: "eth", padding: `00${":00".repeat(12)}` }],
  ],
  ["in a shorter frame they are not", tail(eth(0x0800, ip(17, hello)), "0000"), [{ p: "eth", trailer: "00:00" }]],
  ["other octets never are", tail(eth(0x0800, ip(17, hello)), "0a0000"), [{ p: "eth", trailer: "0a:00:00" }]],
  [
    "four octets at the end of 64 and more are a check sequence",
    tail(eth(0x0800, ip(17, hello)), `${"00".repeat(13)}0102aabbccdd`),
    [{ p: "eth", trailer: "01:02", fcs: 0xaabbccdd }],
  ],
  [
    "but not in a tunnel",
    eth(0x0800, ip(47, bytes(hexBytes("00006558"), inner, new Uint8Array(20)))),
    [{ p: "eth" }, { p: "ip" }, { p: "gre" }, { p: "eth", trailer: `00${":00".repeat(19)}` }],
  ],
  ["a type between lengths and types means nothing", eth(1501, hello), [{ p: "eth" }, { p: "data" }]],
  [
    "two tags",
    eth(0x88a8, vlanTag(0x3123, 0x8100, vlanTag(0x0456, 0x0800, ip(17, hello)))),
    [
      { p: "eth", type: 0x88a8 },
      { p: "ieee8021ad", prio: 1, dei: 1, id: 0x123 },
      { p: "vlan", id: 0x456, type: 0x0800 },
    ],
  ],
  [
    "two provider tags are one layer",
    eth(0x88a8, vlanTag(0x2123, 0x88a8, vlanTag(0x0456, 0x0800, ip(17, hello)))),
    [{ p: "eth" }, { p: "ieee8021ad", prio: 1, dei: 0, svid: 0x123, cvid: 0x456 }, { p: "ip" }],
  ],
  [
    "802.3 behind a tag",
    eth(0x8100, bytes(vlanTag(5, 38, bpdu), [1, 2])),
    [
      { p: "eth" },
      { p: "vlan", id: 5, len: 38, trailer: "01:02" },
      { p: "llc", dsap: 66 },
      { p: "stp", msg_age: "1.5", hello: "2.00390625" },
    ],
  ],
  [
    "SNAP",
    eth(46, bytes(hexBytes("aaaa03 000000 0800"), ip(17, hello))),
    [{ p: "eth", len: 46 }, { p: "llc", oui: 0, type: 0x0800 }, { p: "ip" }, { p: "udp" }],
  ],
  [
    "Cisco's spanning tree",
    eth(43, bytes(hexBytes("aaaa03 00000c 010b"), bpdu.subarray(3))),
    [{ p: "eth" }, { p: "llc", oui: 12 }, { p: "stp", port: 0x8001, bridge_ext: 0x123 }],
  ],
  [
    "raw IPX in 802.3",
    eth(30, hexBytes("ffff".repeat(15))),
    [
      { p: "eth", len: 30 },
      { p: "data", len: 30 },
    ],
  ],
  [
    "an ARP of other address lengths",
    eth(0x0806, hexBytes("0020 0800 02 04 0001 aabb 0a000001 ccdd 0a000002")),
    [{ p: "eth" }, { p: "arp", hw: 32, sha: "aa:bb", spa: "10.0.0.1", tpa: "10.0.0.2" }],
  ],
  [
    "IP options of known types",
    eth(0x0800, ip(17, hello, { options: hexBytes("94040000 01 9904aabb 00 0101") })),
    [{ p: "eth" }, { p: "ip", hlen: 32, options: [148, 1, 0] }, { p: "udp" }],
  ],
  [
    "an option too short for its type ends the reading",
    eth(0x0800, ip(17, hello, { options: hexBytes("44030000") })),
    [{ p: "eth" }, { p: "ip", options: [68] }],
  ],
  [
    "a source route tells the destination",
    eth(0x0800, ip(17, hello, { options: hexBytes("8307040102030400") })),
    [{ p: "eth" }, { p: "ip", dst: "1.2.3.4", via: "10.0.0.2" }, { p: "udp", csum_status: "bad" }],
  ],
  [
    "a used up one does not",
    eth(0x0800, ip(17, hello, { options: hexBytes("8307080102030400") })),
    [{ p: "eth" }, { p: "ip", dst: "10.0.0.2" }, { p: "udp", csum_status: "good" }],
  ],
  [
    "total length 0 is an offloaded segment",
    eth(0x0800, ip(17, hello, { length: 0 })),
    [{ p: "eth" }, { p: "ip", len: 33 }, { p: "udp", csum_status: "good" }],
  ],
  [
    "a total length below the header's",
    eth(0x0800, ip(17, hello, { length: 19 })),
    [{ p: "eth" }, { p: "ip", ver: 4, hlen: 20, tos: 0, len: 19 }],
  ],
  [
    "IPv6 under IPv4's type",
    eth(0x0800, hexBytes(`6000000000003a40${"00".repeat(32)}`)),
    [{ p: "eth" }, { p: "ip", ver: 6 }, { p: "ipv6", src: "::", hlim: 64 }],
  ],
  [
    "a first fragment that cannot be kept",
    eth(0x0800, ip(17, hello, { fragment: 0x2000, checksum: 1 })),
    [{ p: "eth" }, { p: "ip", csum_status: "bad" }, { p: "udp", csum_status: "unverified" }],
  ],
  [
    "no UDP checksum",
    eth(0x0800, ip(17, udp(1, 2, new Uint8Array(3), 0))),
    [{ p: "eth" }, { p: "ip" }, { p: "udp", csum: 0, csum_status: "not_present" }],
  ],
  [
    "a UDP length beyond the datagram",
    eth(0x0800, ip(17, hexBytes("03e807d0 0064 1234 6869"))),
    [{ p: "eth" }, { p: "ip" }, { p: "udp", len: 100, csum_status: "unverified" }, { p: "data", len: 2 }],
  ],
  [
    "a UDP length below the header",
    eth(0x0800, ip(17, hexBytes("03e807d0 0007 1234 6869"))),
    [{ p: "eth" }, { p: "ip" }, { p: "udp", sport: 1000, dport: 2000, len: 7 }],
  ],
  [
    "TCP options and the zeros behind their end",
    eth(0x0800, ip(6, tcp(1, 2, hello, hexBytes("02040578 03030700 000001 00")))),
    [{ p: "eth" }, { p: "ip" }, { p: "tcp", option_kinds: [2, 3, 0, 0, 0], mss: 1400, wscale: 7, payload_len: 13 }],
  ],
  [
    "a quoted packet",
    eth(0x0800, ip(1, icmp(3, 4, 1400, ip(1, icmp(8, 0, 0x00050006, new Uint8Array(20).fill(255)))))),
    [{ p: "eth" }, { p: "ip" }, { p: "icmp", type: 3, mtu: 1400, id: 5, seq: 6, data_len: 20 }],
  ],
  [
    "a redirect",
    eth(0x0800, ip(1, icmp(5, 1, 0x0a000009, ip(17, hello)))),
    [{ p: "eth" }, { p: "ip" }, { p: "icmp", type: 5, gw: "10.0.0.9" }],
  ],
  [
    "GRE with a source route",
    eth(0x0800, ip(47, bytes(hexBytes("4000 0800 00000000 08000004 01020304 00000000"), ip(17, hello)))),
    [
      { p: "eth" },
      { p: "ip" },
      { p: "gre", flags: 0x4000, csum: 0, csum_status: "unverified" },
      { p: "ip" },
      { p: "udp" },
    ],
  ],
  [
    "PPTP",
    eth(0x0800, ip(47, bytes(hexBytes("3081 880b 00160001 00000005 00000006 21"), ip(17, hello)))),
    [{ p: "eth" }, { p: "ip" }, { p: "gre", call_id: 1, seq: 5, ack: 6 }, { p: "ppp" }, { p: "ip" }, { p: "udp" }],
  ],
  [
    "WCCP's redirect header",
    eth(0x0800, ip(47, bytes(hexBytes("0000 883e 00000001"), ip(17, hello)))),
    [{ p: "eth" }, { p: "ip" }, { p: "gre", proto: 0x883e }, { p: "ip" }, { p: "udp" }],
  ],
  [
    "Geneve options",
    eth(0x0800, ip(17, udp(5, 6081, bytes(hexBytes("03c0 6558 00000700 010280e1 61626364 00010200"), inner)))),
    [
      { p: "eth" },
      { p: "ip" },
      { p: "udp" },
      {
        p: "geneve",
        optlen: 12,
        oam: 1,
        critical: 1,
        vni: 7,
        options: [
          { class: 0x102, type: 0x80, len: 8, data: "61:62:63:64" },
          { class: 1, type: 2, len: 4, data: "" },
        ],
      },
      { p: "eth" },
    ],
  ],
  [
    "VXLAN without its flag",
    eth(0x0800, ip(17, udp(5, 4789, bytes(hexBytes("0000ffff 000064 07"), inner)))),
    [
      { p: "eth" },
      { p: "ip" },
      { p: "udp" },
      { p: "vxlan", flags: 0, gbp: 0xffff, vni: 100, reserved8: 7 },
      { p: "eth" },
    ],
  ],
  [
    "L2TP version 2 data",
    eth(0x0800, ip(17, udp(1701, 1701, bytes(hexBytes("0002 0005 0006 ff03 0021"), ip(17, hello))))),
    [
      { p: "eth" },
      { p: "ip" },
      { p: "udp" },
      { p: "l2tp", type: 0, ver: 2, tunnel: 5, session: 6 },
      { p: "ppp" },
      { p: "ip" },
      { p: "udp" },
    ],
  ],
  [
    "L2TP version 3 control",
    eth(0x0800, ip(17, udp(1701, 1701, hexBytes("c803 0014 12345678 0001 0002 8008 0000 0000 0006")))),
    [{ p: "eth" }, { p: "ip" }, { p: "udp" }, { p: "l2tp", type: 1, ver: 3, length: 20, ccid: 0x12345678, avps: [0] }],
  ],
  [
    "L2TP on IP",
    eth(0x0800, ip(115, bytes(hexBytes("00000007"), inner))),
    [{ p: "eth" }, { p: "ip" }, { p: "l2tp", sid: 7 }, { p: "data", len: 47 }],
  ],
  [
    "LLDP ids of other kinds",
    eth(0x88cc, hexBytes("0206 07 6c6f63616c 0407 03 001122334455 0602 0078 0000")),
    [
      { p: "eth", trailer: "78:00:00" },
      {
        p: "lldp",
        tlvs: [
          { type: 1, len: 6, chassis_subtype: 7, chassis_id: "6c:6f:63:61:6c" },
          { type: 2, len: 7, port_subtype: 3, port_mac: "00:11:22:33:44:55" },
          { type: 3, len: 2, ttl: 120 },
          { type: 0, len: 0 },
        ],
      },
    ],
  ],
  [
    "LLDP that begins with another TLV",
    eth(0x88cc, lldpStart.subarray(9)),
    [{ p: "eth" }, { p: "lldp", tlvs: [{ type: null, len: null }] }],
  ],
  [
    "LLDP text that is not ASCII",
    eth(0x88cc, bytes(lldpStart, hexBytes("0a03 61c3bc 0000"))),
    [{ p: "eth" }, { p: "lldp", tlvs: expect.arrayContaining([{ type: 5, len: 3, sys_name: "a\ufffd\ufffd" }]) }],
  ],
];

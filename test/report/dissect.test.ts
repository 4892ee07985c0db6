import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeTables, TABLES } from "../../src/report/dissect/registry.ts";
import type { Dissector } from "../../src/report/dissect/walk.ts";
import { dissectCapture, dissectFrame, type Frame, frameJson, newState } from "../../src/report/dissect.ts";
import { frameText } from "../../src/report/dissect-text.ts";
import { PcapWriter } from "../../src/report/pcap.ts";
import { haveProgram, itNeeds } from "../harness/shared.ts";
import { CASES, hello } from "./dissect-cases.ts";
import { bytes, eth, hexBytes, icmp, ip, tcp, udp } from "./frames.ts";

const dissect = (octets: Uint8Array, length = octets.length): Frame =>
  dissectFrame(octets, 1, newState(), { n: 1, timeNs: 0n, length });
const layersOf = (frame: Frame): Record<string, unknown>[] => frame.layers.map(({ p, fields }) => ({ p, ...fields }));

describe("as tshark reads it", () => {
  it.each(CASES)("%s", (_, frame, wanted) => {
    expect(layersOf(dissect(frame)).slice(0, wanted.length)).toMatchObject(wanted);
  });

  it("shows the fields of a header that is cut, up to the cut", () => {
    const whole = layersOf(dissect(eth(0x0800, ip(17, hello))))[1] as Record<string, unknown>;
    const keysOf = (octets: number): string[] =>
      Object.keys(layersOf(dissect(eth(0x0800, ip(17, hello)).subarray(0, 14 + octets), 100))[1] ?? {});
    expect(keysOf(1)).toEqual(["p", "ver", "hlen"]);
    expect(keysOf(6)).toEqual(["p", "ver", "hlen", "tos", "len", "id"]);
    expect(keysOf(16)).toEqual(Object.keys(whole).filter((key) => key !== "dst"));
    expect(layersOf(dissect(eth(0x0800, new Uint8Array(0)).subarray(0, 13)))).toEqual([]);
  });

  it("tells what is malformed from what is only cut short", () => {
    const frame = eth(0x0800, ip(17, hello));
    expect(frameJson(dissect(frame.subarray(0, 30), frame.length))).toMatchObject({ truncated: true });
    expect(dissect(frame.subarray(0, 30), frame.length).malformed).toBe(false);
    expect(dissect(frame.subarray(0, 30)).malformed).toBe(true);
    expect(dissect(frame).malformed).toBe(false);
  });

  it("keeps the layers of a quoted packet with the error that quotes it", () => {
    const frame = dissect(eth(0x0800, ip(1, icmp(11, 0, 0, ip(17, hello)))));
    expect(frame.stack).toBe("eth:ethertype:ip:icmp:ip:udp:data");
    expect(frameJson(frame)["layers"]).toMatchObject([
      { p: "eth" },
      { p: "ip" },
      {
        p: "icmp",
        type: 11,
        quoted: [
          { p: "ip", proto: 17 },
          { p: "udp", sport: 1000 },
        ],
      },
      { p: "data" },
    ]);
  });

  it("takes an echo's first octets for a time stamp only near the frame's time", () => {
    const stamp = hexBytes("00f15365 20a10700 0000"); // 1700000000.500000, little endian, and two octets
    const frame = eth(0x0800, ip(1, icmp(8, 0, 1, stamp)));
    const at = (second: bigint): unknown =>
      dissectFrame(frame, 1, newState(), { n: 1, timeNs: second * 1_000_000_000n, length: frame.length }).layers[2]
        ?.fields["data_len"];
    expect([at(1_700_000_000n), at(1_700_086_399n), at(1_700_086_400n), at(0n)]).toEqual([2, 2, 10, 10]);
  });
});

describe("across frames", () => {
  const datagram = udp(
    1000,
    2000,
    Uint8Array.from({ length: 64 }, (_, i) => i),
  );
  const part = (from: number, to: number, more: boolean, id = 7): Uint8Array =>
    eth(0x0800, ip(17, datagram.subarray(from, to), { fragment: (more ? 0x2000 : 0) | (from >> 3), id }));

  it.each([
    ["in order", [part(0, 24, true), part(24, 48, true), part(48, 72, false)]],
    ["backwards", [part(48, 72, false), part(24, 48, true), part(0, 24, true)]],
    ["overlapping and twice", [part(0, 24, true), part(0, 24, true), part(16, 56, true), part(48, 72, false)]],
  ])("puts fragments together: %s", (_, frames) => {
    const state = newState();
    const read = frames.map((frame) => dissectFrame(frame, 1, state));
    expect(read.slice(0, -1).map((frame) => frame.stack)).toEqual(frames.slice(1).map(() => "eth:ethertype:ip:data"));
    expect(layersOf(read.at(-1) as Frame).slice(1, 3)).toMatchObject([
      { p: "ip", reassembled_from: frames.length, reassembled_len: 72 },
      { p: "udp", len: 72, csum_status: "good" },
    ]);
  });

  it("does not mix datagrams up", () => {
    const state = newState();
    dissectFrame(part(0, 24, true, 7), 1, state);
    expect(dissectFrame(part(24, 72, false, 8), 1, state).stack).toBe("eth:ethertype:ip:data");
    expect(dissectFrame(part(24, 72, false, 7), 1, state).stack).toBe("eth:ethertype:ip:udp:data");
  });

  it("forgets the oldest of too many unfinished datagrams", () => {
    const state = newState();
    for (let id = 0; id < 1100; id++) dissectFrame(part(0, 24, true, id), 1, state);
    expect(dissectFrame(part(24, 72, false, 0), 1, state).stack).toBe("eth:ethertype:ip:data");
    expect(dissectFrame(part(24, 72, false, 1099), 1, state).stack).toBe("eth:ethertype:ip:udp:data");
  });

  /** Messages of a length octet and as many octets behind it, on TCP port 99. */
  const counted: Dissector = {
    name: "counted",
    tcpPorts: [99],
    messageLength: (s) => (s.captured > 0 ? 1 + (s.b[s.o] as number) : undefined),
    dissect: (w, s) => w.addRaw("counted", s, { len: s.captured }),
  };
  const tables = makeTables([
    ...new Set([...TABLES.linkTypes.values(), ...TABLES.etherTypes.values(), ...TABLES.ipProtocols.values()]),
    counted,
  ]);
  const messages = (state: ReturnType<typeof newState>, seq: number, text: string): unknown[] => {
    const frame = eth(0x0800, ip(6, tcp(5000, 99, hexBytes(text), new Uint8Array(0), seq)));
    const read = dissectFrame(frame, 1, state, undefined, tables);
    return read.layers.filter(({ p }) => p === "counted").map(({ fields }) => fields["len"]);
  };

  it("puts messages on a stream together, several to a segment, one over several", () => {
    const state = newState();
    expect(messages(state, 100, "01aa 02bbbb 03")).toEqual([2, 3]);
    expect(messages(state, 106, "cc")).toEqual([]);
    expect(messages(state, 107, "cccc 00")).toEqual([4, 1]);
    expect(messages(state, 110, "0500")).toEqual([]);
    expect(messages(state, 500, "01dd")).toEqual([2]); // a gap: read as a new beginning
  });
});

it("does not go deeper than it should into layers within layers", () => {
  const tags = eth(0x8100, hexBytes("00018100".repeat(16_000)));
  expect(dissect(tags).layers.length).toBeLessThan(100);
  let packet = ip(17, hello);
  for (let i = 0; i < 200; i++) packet = ip(4, packet);
  expect(dissect(eth(0x0800, packet)).layers.length).toBeLessThan(100);
  const labels = eth(0x8847, hexBytes("00000000".repeat(16_000)));
  expect(dissect(labels).malformed).toBe(true);
});

it("prints a frame as text", () => {
  const frame = eth(
    0x0800,
    ip(17, udp(5, 6081, bytes(hexBytes("0100 0800 00000700 00010200"), ip(6, tcp(1, 2, hello))))),
  );
  const read = dissectFrame(frame, 1, newState(), { n: 3, timeNs: 2_500_000_007n, length: 200 });
  expect(frameText(read, 1_000_000_000n).split("\n")).toEqual([
    "3  1.500000007  200 octets, 107 captured  eth:ethertype:ip:udp:geneve:ip:tcp:data",
    "    Ethernet: dst 02:00:00:00:00:01, src 02:00:00:00:00:02, type 0x0800",
    "    IPv4: ver 4, hlen 20, tos 0x00, len 93, id 0x0001, flags 0, df 0, mf 0, frag_offset 0, ttl 64, proto 17, csum 0x668d, csum_status good, src 10.0.0.1, dst 10.0.0.2",
    expect.stringMatching(/^ {4}UDP: sport 5, dport 6081, len 73, csum 0x[0-9a-f]{4}, csum_status good$/),
    "    Geneve: ver 0, optlen 4, oam 0, critical 0, proto 0x0800, vni 7",
    "        class 1, type 2, len 4, data ",
    expect.stringContaining("    IPv4: ver 4"),
    expect.stringContaining("flags 0x018 (PSH ACK)"),
    "    Data: len 13",
  ]);
});

/** These frames as a pcap file. */
function pcapOf(frames: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter((chunk) => parts.push(chunk.slice()));
  for (const frame of frames) writer.packet(0, frame, 0, frame.length);
  writer.flush();
  return bytes(...parts);
}

itNeeds(haveProgram("tshark"))("and tshark on this machine still agrees", () => {
  const folder = mkdtempSync(join(tmpdir(), "netloom-"));
  try {
    const file = pcapOf(CASES.map(([, frame]) => frame));
    writeFileSync(join(folder, "a.pcap"), file);
    const prefs = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
    const fields = ["frame.protocols", "eth.padding", "eth.trailer", "ip.checksum.status", "udp.checksum.status"];
    const shown = [...fields, "tcp.checksum.status", "icmp.checksum.status", "ip.dst"].flatMap((field) => [
      "-e",
      field,
    ]);
    const args = ["-n", ...prefs, "-r", join(folder, "a.pcap"), "-T", "fields", "-E", "occurrence=f", ...shown];
    const lines = execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
    const read = dissectCapture(file).frames;
    for (const [i, frame] of read.entries()) expect(summary(frame), CASES[i]?.[0]).toBe(unify(lines[i] as string));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const STATUS = ["bad", "good", "unverified", "not_present"];

/** What tshark is asked for, from our reading. */
function summary(frame: Frame): string {
  const first = (p: string, key: string): string => {
    const layer = [...frame.layers, ...frame.layers.flatMap((l) => l.quoted ?? [])].find(
      (l) => l.p === p && key in l.fields,
    );
    return layer ? String(layer.fields[key]) : "";
  };
  const status = ["ip", "udp", "tcp", "icmp"].map((p) => STATUS.indexOf(first(p, "csum_status")));
  const trailers = [first("eth", "padding"), first("eth", "trailer")].map((octets) => octets.replaceAll(":", ""));
  return unify([frame.stack, ...trailers, ...status.map((s) => (s < 0 ? "" : s)), first("ip", "dst")].join("\t"));
}

/** Names of protocols that we leave undecoded become `data`, which may or may not follow a segment. */
const unify = (line: string): string => {
  const [stack = "", ...rest] = line.split("\t");
  return [
    stack.replace(/(:(data|ipx|icmpv6|ipv6\.hopopts))+$/, ""),
    ...rest.map((field) => field.replaceAll(":", "")),
  ].join(" | ");
};

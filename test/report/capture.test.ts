import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Capture } from "../../src/report/capture.ts";
import { PcapWriter } from "../../src/report/pcap.ts";
import { PcapngWriter } from "../../src/report/pcapng-writer.ts";
import { readCapture } from "../../src/report/read-capture.ts";
import { cases, haveProgram, haveShared, itNeeds, sharedPath } from "../harness/shared.ts";

/** A sink that keeps what it is given, and the file so far. */
function file(): { sink: (chunk: Uint8Array) => void; bytes: () => Uint8Array; chunks: () => number } {
  const parts: Uint8Array[] = [];
  return {
    sink: (chunk) => parts.push(chunk.slice()),
    bytes: () => Uint8Array.from(parts.flatMap((part) => [...part])),
    chunks: () => parts.length,
  };
}

const hexOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

interface Written {
  readonly interface: number;
  readonly timeNs: number;
  readonly bytes: Uint8Array;
  readonly comments: readonly string[];
}
const packet = (interfaces: number): fc.Arbitrary<Written> =>
  fc.record({
    interface: fc.nat(interfaces - 1),
    timeNs: fc.maxSafeNat(),
    bytes: fc.uint8Array({ maxLength: 200, size: "max" }),
    comments: fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 3 }),
  });
const session = fc
  .array(fc.record({ name: fc.string({ unit: "grapheme" }), linkType: fc.nat(0xffff), snaplen: fc.nat(300) }), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((interfaces) => fc.tuple(fc.constant(interfaces), fc.array(packet(interfaces.length), { maxLength: 20 })));

describe("pcapng", () => {
  it("reads back what it writes, whatever the chunk size", () =>
    fc.assert(
      fc.property(session, fc.integer({ min: 64, max: 2000 }), ([interfaces, packets], chunkBytes) => {
        const out = file();
        const writer = new PcapngWriter(out.sink, chunkBytes);
        for (const [i, face] of interfaces.entries())
          expect(writer.interface(face.name, face.linkType, face.snaplen)).toBe(i);
        for (const p of packets) {
          // The packet lies somewhere inside a larger buffer, as a frame behind its headroom does.
          const buffer = Uint8Array.of(1, 2, 3, ...p.bytes, 4, 5);
          writer.packet(p.interface, p.timeNs, buffer, 3, 3 + p.bytes.length, p.comments[0]);
          for (const comment of p.comments.slice(1)) expect(writer.comment(comment)).toBe(true);
        }
        writer.flush();
        const read = readCapture(out.bytes());
        expect(read.message).toBeUndefined();
        expect(read.interfaces).toEqual(interfaces.map((face) => ({ ...face, description: "" })));
        expect(read.packets).toEqual(
          packets.map((p) => ({
            interface: p.interface,
            timeNs: BigInt(p.timeNs),
            originalLength: p.bytes.length,
            bytes: p.bytes.subarray(0, interfaces[p.interface]?.snaplen || p.bytes.length),
            comments: p.comments,
          })),
        );
      }),
      { numRuns: cases(100, 5000) },
    ));

  it("takes a comment after the fact only while the packet is in the buffer", () => {
    const out = file();
    const writer = new PcapngWriter(out.sink, 256);
    expect(writer.comment("too early")).toBe(false);
    const id = writer.interface("r1-eth0", 1);
    expect(writer.comment("an interface takes none")).toBe(false);
    writer.packet(id, 1, new Uint8Array(60), 0, 60);
    expect(writer.comment("dropped: no route")).toBe(true);
    expect(writer.comment("x".repeat(300))).toBe(true); // larger than a chunk: the block moves
    writer.flush();
    expect(writer.comment("too late")).toBe(false);
    expect(readCapture(out.bytes()).packets[0]?.comments).toEqual(["dropped: no route", "x".repeat(300)]);
  });

  it("cuts a comment at a character where 16 bits of length end", () => {
    const out = file();
    const writer = new PcapngWriter(out.sink);
    writer.packet(writer.interface("a", 1), 0, new Uint8Array(1), 0, 1, "\u{1f9f6}".repeat(20_000));
    writer.flush();
    expect(readCapture(out.bytes()).packets[0]?.comments).toEqual(["\u{1f9f6}".repeat(16_383)]);
  });

  it("refuses an interface that it was not told of", () => {
    const writer = new PcapngWriter(() => {});
    expect(() => writer.packet(0, 0, new Uint8Array(1), 0, 1)).toThrow("no interface 0");
  });

  it("hands over full chunks and reuses them", () => {
    const out = file();
    const writer = new PcapngWriter(out.sink, 4096);
    const id = writer.interface("a", 1);
    for (let i = 0; i < 100; i++) writer.packet(id, i, new Uint8Array(1000), 0, 1000);
    expect(out.chunks()).toBeGreaterThan(20);
    writer.flush();
    expect(readCapture(out.bytes()).packets).toHaveLength(100);
  });

  it("reads two sections of different byte order, each with its own interfaces and clocks", () => {
    const read = readCapture(
      hexOf(`
      0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
      00000001 00000034 0001 0000 00000040
        0002 0002 6130 0000  0009 0001 83 000000  000e 0008 0000000000000002  0000 0000 00000034
      00000006 00000030 00000000 00000000 0000000c 00000003 00000005 aabbcc00
        0001 0002 6869 0000  0000 0000 00000030
      00000004 00000010 deadbeef 00000010
      0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
      01000000 14000000 6500 0000 02000000 14000000
      02000000 24000000 0000 0700 00000000 40420f00 02000000 02000000 45000000 24000000
      03000000 14000000 04000000 45000000 14000000`),
    );
    expect(read.message).toBeUndefined();
    expect(read.interfaces).toEqual([
      { name: "a0", description: "", linkType: 1, snaplen: 64 },
      { name: "", description: "", linkType: 101, snaplen: 2 },
    ]);
    expect(read.packets).toEqual([
      // 12 units of 2^-3 s, two seconds on
      { interface: 0, timeNs: 3_500_000_000n, originalLength: 5, bytes: hexOf("aabbcc"), comments: ["hi"] },
      { interface: 1, timeNs: 1_000_000_000n, originalLength: 2, bytes: hexOf("4500"), comments: [] },
      { interface: 1, timeNs: 0n, originalLength: 4, bytes: hexOf("4500"), comments: [] },
    ]);
  });

  const start = "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000";
  const face = "01000000 14000000 0100 0000 00000000 14000000";
  const one = "06000000 24000000 00000000 00000000 00000000 01000000 01000000 ff000000 24000000";
  it.each([
    ["cut in a packet", `${start}${face}${one}`.slice(0, -10), "the file is cut short in the middle of packet 1"],
    ["cut in a header", `${start}${face}${one} 0600`, "the file is cut short in the header of a block at octet 84"],
    ["cut elsewhere", `${start}${face.slice(0, -4)}`, "the file is cut short in the middle of a block at octet 28"],
    ["no interface", `${start}${one}`, "packet 1 is from interface 0, which the section does not describe"],
    ["length", `${start} 06000000 0b000000 00000000`, "the block at octet 28 claims length 11"],
    ["lengths", `${start}${face.slice(0, -8)}18000000`, "the two lengths of the block at octet 28 differ"],
    ["version", start.replace("0100", "0200"), "pcapng version 2.0 is not supported"],
  ])("says why it stopped: %s", (_, text, message) => {
    expect(readCapture(hexOf(text)).message).toBe(message);
  });
});

describe("pcap", () => {
  it.each([true, false])("reads back what it writes (nanoseconds %s)", (nanoseconds) =>
    fc.assert(
      fc.property(fc.array(packet(1), { maxLength: 20 }), fc.nat(300), (packets, snaplen) => {
        const out = file();
        const writer = new PcapWriter(out.sink, { linkType: 228, snaplen, nanoseconds, chunkBytes: 300 });
        // 32 bits of seconds
        const stamps = packets.map((p) => p.timeNs % (2 ** 32 * 1e6));
        for (const [i, p] of packets.entries())
          writer.packet(stamps[i] as number, Uint8Array.of(9, ...p.bytes), 1, 1 + p.bytes.length);
        writer.flush();
        const read = readCapture(out.bytes());
        expect(read.message).toBeUndefined();
        expect(read.interfaces).toEqual([{ name: "", description: "", linkType: 228, snaplen }]);
        const unit = nanoseconds ? 1n : 1000n;
        expect(read.packets).toEqual(
          packets.map((p, i) => ({
            interface: 0,
            timeNs: (BigInt(stamps[i] as number) / unit) * unit,
            originalLength: p.bytes.length,
            bytes: p.bytes.subarray(0, snaplen),
            comments: [],
          })),
        );
      }),
      { numRuns: cases(100, 5000) },
    ),
  );

  it("reads big endian, and keeps the FCS bits out of the link type", () => {
    const read = readCapture(
      hexOf("a1b2c3d4 0002 0004 00000000 00000000 0000ffff f4000071 00000001 00000002 00000001 00000004 aa"),
    );
    expect(read.message).toBeUndefined();
    expect(read.interfaces[0]?.linkType).toBe(113);
    expect(read.packets).toEqual([
      { interface: 0, timeNs: 1_000_002_000n, originalLength: 4, bytes: hexOf("aa"), comments: [] },
    ]);
  });

  const header = "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000";
  it.each([
    ["nothing", "", "the file is empty"],
    ["something else", "50000000", "neither a pcap nor a pcapng file"],
    ["cut in the file header", header.slice(0, 20), "the file is cut short in its header"],
    ["cut in a record header", `${header} 01`, "the file is cut short in the header of packet 1"],
    [
      "cut in a packet",
      `${header} 00000000 00000000 02000000 02000000 aa`,
      "the file is cut short in the middle of packet 1",
    ],
    [
      "absurd",
      `${header} 00000000 00000000 ffffffff ffffffff`,
      "packet 1 claims 4294967295 octets, more than the 262144 that a capture may hold",
    ],
    ["version", header.replace("0200", "0300"), "pcap version 3.4 is not supported"],
  ])("says why it stopped: %s", (_, text, message) => {
    expect(readCapture(hexOf(text)).message).toBe(message);
  });
});

const seeds = ["ethernet/pcap4j-EthernetPacketTest.pcap", "stp/rj-rstp-PA-flag.pcapng"];
itNeeds(haveShared)(
  "never throws, whatever the bytes, and never keeps more than they hold",
  () => {
    const files = seeds.map((name) => new Uint8Array(readFileSync(sharedPath("corpora/pcaps", name))));
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.array(change, { maxLength: 6 }), fc.nat(), (original, changes, cut) => {
        const bytes = original.slice(0, cut % (original.length + 1));
        for (const [at, to] of changes) if (bytes.length > 0) bytes[at % bytes.length] = to;
        const read = readCapture(bytes);
        expect(read.packets.reduce((sum, p) => sum + p.bytes.length, 0)).toBeLessThanOrEqual(bytes.length);
        expect(read.packets.length + read.interfaces.length).toBeLessThanOrEqual(bytes.length / 12);
      }),
      { numRuns: cases(500, 100_000) },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200, size: "max" }), (bytes) => {
        readCapture(bytes);
      }),
    );
  },
  600_000,
);

/** What another program prints for these bytes as a file. */
function ask(program: string, bytes: Uint8Array, ...args: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "netloom-"));
  try {
    const path = join(folder, "a.pcapng");
    writeFileSync(path, bytes);
    return execFileSync(program, [...args, path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

itNeeds(haveProgram("tshark") && haveProgram("capinfos"))("is read by tshark and capinfos as it was meant", () => {
  const out = file();
  const writer = new PcapngWriter(out.sink);
  const [a, b] = [writer.interface("r1-eth0", 1, 96), writer.interface("tün0", 101)];
  writer.packet(a, 1_000_000_000_123_456, new Uint8Array(100), 0, 100, "first");
  writer.comment("second");
  writer.packet(b, 7, hexOf("4500001400000000400000007f0000017f000001"), 0, 20);
  writer.flush();
  const fields = ["interface_name", "time_epoch", "len", "cap_len", "comment"].flatMap((f) => ["-e", `frame.${f}`]);
  expect(ask("tshark", out.bytes(), "-T", "fields", ...fields, "-r").split("\n")).toEqual([
    "r1-eth0\t1000000.000123456\t100\t96\tfirst,second",
    "tün0\t0.000000007\t20\t20\t",
    "",
  ]);
  const about = ask("capinfos", out.bytes());
  expect(about).toMatch(/Capture application: *netloom/);
  expect(about).toMatch(/Name = r1-eth0\n[\s\S]*Time precision = nanoseconds/);
});

itNeeds(haveProgram("tshark"))("writes classic pcap that tshark reads", () => {
  const out = file();
  const writer = new PcapWriter(out.sink);
  writer.packet(1_500_000_007, new Uint8Array(60), 0, 60);
  writer.flush();
  const seen = ask("tshark", out.bytes(), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-r");
  expect(seen).toBe("1.500000007\t60\n");
});

itNeeds(haveShared)("reads every packet of a capture cut at its end but the last", () => {
  const whole = new Uint8Array(readFileSync(sharedPath("corpora/pcaps/tcp/packetlife-HTTP.pcap")));
  const all: Capture = readCapture(whole);
  const cut = readCapture(whole.subarray(0, -1));
  expect(cut.packets).toEqual(all.packets.slice(0, -1));
  expect(cut.message).toBe(`the file is cut short in the middle of packet ${all.packets.length}`);
});

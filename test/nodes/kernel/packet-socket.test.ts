import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import type { PacketSocket } from "../../../src/core/os.ts";
import { S } from "../../../src/core/time.ts";
import { device, ip, must, ping } from "../../harness/kernels.ts";
import { bytes, pair, udp, word } from "./datagrams.ts";

const ALL = 0x0003;

/** What a packet socket sees: `out 0800 42`. */
function listen(s: PacketSocket, seen: string[] = []): string[] {
  s.onReceive((b, o, end, { outgoing }) =>
    seen.push(`${outgoing ? "out" : "in"} ${hex(b, o + 12, o + 14, "")} ${end - o}`),
  );
  return seen;
}
const frame = (length: number, type = 0x88b5): Uint8Array => {
  const b = new Uint8Array(length).fill(0xee, 14);
  b.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, type >> 8, type & 255]);
  return b;
};

describe("a packet socket", () => {
  it("for all protocols sees what its device sends and receives, and its index", () => {
    const { lab, a } = pair();
    const s = must(a.os.packetSocket("e0", ALL));
    const seen = listen(s);
    const other = listen(must(a.os.packetSocket("e1", ALL)));
    ping(a, "10.9.0.2");
    lab.run(S);
    expect(seen).toEqual(["out 0806 42", "in 0806 42", "out 0800 98", "in 0800 98"]);
    expect(other).toEqual([]);
    let index = 0;
    s.onReceive((_b, _o, _e, info) => {
      index = info.ifindex;
    });
    ping(a, "10.9.0.2");
    lab.run(S);
    expect(index).toBe(device(a, "e0").ifindex);
    lab.end();
  });
  it("for one protocol sees what is received of it", () => {
    const { lab, a } = pair();
    const [arp, ipv4] = [0x0806, 0x0800].map((type) => listen(must(a.os.packetSocket("e0", type))));
    ping(a, "10.9.0.2");
    lab.run(S);
    expect([arp, ipv4]).toEqual([["in 0806 42"], ["in 0800 98"]]);
  });
  it("sees frames for other hosts, and what nobody understands", () => {
    const { lab, a, b } = pair();
    const seen = listen(must(a.os.packetSocket("e0", ALL)));
    const strange = frame(60);
    strange.set([2, 9, 9, 9, 9, 9]);
    must(must(b.os.packetSocket("e0", ALL)).send(strange));
    lab.run(S);
    expect(seen).toEqual(["in 88b5 60"]);
    lab.end();
  });
  it("sees what goes through the loopback twice: sent, and received", () => {
    const { lab, a } = pair();
    const seen = listen(must(a.os.packetSocket("lo", ALL)));
    udp(a, "", 9);
    must(udp(a).sendTo(bytes(1), ip("127.0.0.1"), 9));
    lab.run(S);
    expect(seen).toEqual(["out 0800 43", "in 0800 43"]);
    lab.end();
  });
  it.each([
    ["shorter than a header", 13, 0x88b5, "EINVAL"],
    ["a header", 14, 0x88b5, "ok"],
    ["as long as the MTU", 1514, 0x88b5, "ok"],
    ["longer", 1515, 0x88b5, "EMSGSIZE"],
    ["longer by a tag", 1518, 0x8100, "ok"],
    ["longer than by a tag", 1519, 0x8100, "EMSGSIZE"],
  ])("sends a frame %s: %s", (_what, length, type, wanted) => {
    const { lab, a, b } = pair();
    const seen = listen(must(b.os.packetSocket("e0", ALL)));
    expect(word(must(a.os.packetSocket("e0", ALL)).send(frame(length < 14 ? 14 : length, type).slice(0, length)))).toBe(
      wanted,
    );
    lab.run(S);
    expect(seen.length).toBe(wanted === "ok" ? 1 : 0);
    lab.end();
  });
  it("sends bytes as they are, whatever becomes of the buffer", () => {
    const { lab, a, b } = pair();
    const got: string[] = [];
    must(b.os.packetSocket("e0", ALL)).onReceive((buf, o, end) => got.push(hex(buf, o, end, "")));
    const b60 = frame(60);
    must(must(a.os.packetSocket("e0", ALL)).send(b60));
    const wanted = hex(b60, 0, 60, "");
    b60.fill(0);
    lab.run(S);
    expect(got).toEqual([wanted]);
  });
  it("needs a device that is there, and up", () => {
    const { a } = pair();
    expect(word(a.os.packetSocket("nope", ALL))).toBe("ENODEV");
    const s = must(a.os.packetSocket("e0", ALL));
    a.setUp(device(a, "e0"), false);
    expect(word(s.send(frame(60)))).toBe("ENETDOWN");
  });
  it("closed sees and sends nothing, though another closes it while both are to see", () => {
    const { lab, a, b } = pair();
    const [first, second] = [must(a.os.packetSocket("e0", ALL)), must(a.os.packetSocket("e0", ALL))];
    const seen = listen(second);
    first.onReceive(() => second.close());
    must(must(b.os.packetSocket("e0", ALL)).send(frame(60)));
    lab.run(S);
    expect([seen, word(second.send(frame(60)))]).toEqual([[], "EBADF"]);
    second.close();
    first.close();
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dissectCapture, dissectFrame, encodeFrame, frameJson, newState } from "../../src/report/dissect.ts";
import { readCapture } from "../../src/report/read-capture.ts";
import { cases, haveShared, itNeeds, sharedPath } from "../harness/shared.ts";

interface ExpectedFrame {
  readonly n: number;
  readonly len: number;
  readonly caplen: number;
  readonly layers: readonly ({ readonly p: string } & Readonly<Record<string, unknown>>)[];
}

/** Layers that have no dissector. */
const UNKNOWN = new Set([
  ...["vrrp", "carp", "dhcp", "sip", "rtp", "openflow_v1", "openflow_v4"],
  ...["radiotap", "wlan", "wlan.mgt"],
]);
/** Frames of these cannot be entered, so that nothing inside them is looked for. */
const CLOSED = new Set(["radiotap", "wlan"]);
/** Streams of changed octets, in which tshark looks for the next BGP message in ways of its own. */
const ADRIFT = /^malformed\/tcpdump-bgp(-aigp-oobr|-bgp_capabilities_print-oobr-2|-ub|_vpn_rt-oobr)\.pcap$/;
/** tshark refuses this file for its link type, and so lists no frames. */
const REFUSED = "tcpdump-kday6.pcap";

const folder = sharedPath("corpora/pcaps");
const captures = haveShared
  ? readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.pcap(ng)?$/.test(name))
      .sort()
  : [];
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));

itNeeds(haveShared)("the captures are there", () => {
  expect(captures.length).toBeGreaterThan(100);
});

describe.each(captures)("%s", (name) => {
  it("is read as tshark reads it", () => {
    const { frames: expected } = JSON.parse(
      readFileSync(join(folder, name.replace(/\.pcap(ng)?$/, ".expect.json")), "utf8"),
    ) as { frames: readonly ExpectedFrame[] };
    const frames = dissectCapture(load(name)).frames.map(frameJson);
    if (basename(name) !== REFUSED) expect(frames).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) {
      const { n, len, caplen } = want;
      expect(frames[i]).toMatchObject({ n, len, caplen });
      if (want.layers.some(({ p }) => CLOSED.has(p))) continue;
      const layers = frames[i]?.["layers"] as unknown as ExpectedFrame["layers"];
      const names = new Set(want.layers.map(({ p }) => p).filter((p) => !UNKNOWN.has(p)));
      if (ADRIFT.test(name)) names.delete("bgp");
      for (const p of names) {
        const wanted = want.layers.filter((layer) => layer.p === p);
        const found = layers.filter((layer) => layer.p === p).slice(0, wanted.length);
        expect(
          found.map((layer, k) => pick(layer, wanted[k] ?? {})),
          `frame ${n}`,
        ).toEqual(wanted);
      }
    }
  });

  it("is encoded to the same octets", () => {
    for (const frame of dissectCapture(load(name)).frames) expect(encodeFrame(frame)).toEqual(frame.bytes);
  });
});

/** The keys of `layer` that `wanted` has too. */
const pick = (layer: object, wanted: object): object =>
  Object.fromEntries(Object.entries(layer).filter(([key]) => key in wanted));

itNeeds(haveShared)("encodes nearly all headers by their codecs, not by keeping octets", () => {
  let [coded, kept] = [0, 0];
  for (const name of captures.filter((path) => !path.startsWith("malformed"))) {
    for (const frame of dissectCapture(load(name)).frames) {
      for (const layer of frame.layers) if (layer.p !== "data") layer.encode ? coded++ : kept++;
    }
  }
  expect(coded).toBeGreaterThan(2000);
  expect(kept).toBeLessThan(20); // PPP, PPPoE and IPv6, which have no codec
});

describe("whatever the bytes", () => {
  const packets = captures.flatMap((name) => {
    const capture = readCapture(load(name));
    return capture.packets.map((p) => ({ bytes: p.bytes, linkType: capture.interfaces[p.interface]?.linkType ?? 1 }));
  });
  const change = fc.tuple(fc.nat(), fc.constantFrom("set", "insert", "remove", "cut"), fc.nat(255));

  /** A frame with some octets changed, put in or taken out. */
  function mutate(original: Uint8Array, changes: readonly (readonly [number, string, number])[]): Uint8Array {
    let octets = [...original.subarray(0, 1000)];
    for (const [place, how, value] of changes) {
      const at = place % (octets.length + 1);
      if (how === "set" && at < octets.length) octets[at] = value;
      else if (how === "insert") octets.splice(at, 0, value, 0);
      else if (how === "remove") octets.splice(at, 1 + (value & 3));
      else if (how === "cut" && value < 64) octets = octets.slice(0, at);
    }
    return Uint8Array.from(octets);
  }

  itNeeds(haveShared)(
    "a changed frame is taken apart and put together again, without end or error",
    () => {
      const state = newState();
      fc.assert(
        fc.property(fc.nat(), fc.array(change, { maxLength: 8 }), fc.nat(2000), (which, changes, missing) => {
          const packet = packets[which % packets.length] as (typeof packets)[number];
          const changed = mutate(packet.bytes, changes);
          const info = { n: 1, timeNs: 0n, length: changed.length + (missing < 1000 ? 0 : missing) };
          const frame = dissectFrame(changed, packet.linkType, state, info);
          expect(encodeFrame(frame)).toEqual(changed);
          expect(JSON.stringify(frameJson(frame)).length).toBeLessThan(200 * (changed.length + 50));
        }),
        { numRuns: cases(1500, 100_000) },
      );
    },
    600_000,
  );

  it("random octets on any link type are no error", () => {
    const linkType = fc.constantFrom(0, 1, 9, 12, 50, 51, 101, 108, 113, 228, 229, 276, 147);
    fc.assert(
      fc.property(linkType, fc.uint8Array({ maxLength: 200, size: "max" }), (type, octets) => {
        const frame = dissectFrame(octets, type, newState());
        expect(encodeFrame(frame)).toEqual(octets);
      }),
      { numRuns: cases(500, 100_000) },
    );
  }, 600_000);
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { Captures } from "../../../../src/cli/captures.ts";
import type { TcpOptions } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { LineQuality } from "../../../../src/nodes/link.ts";
import { haveProgram, itNeeds } from "../../../harness/shared.ts";
import { connect, type Pair, pair, pattern } from "./hosts.ts";

/** What Wireshark makes of the conversations: it knows nothing of the simulation. */

const withTshark = itNeeds(haveProgram("tshark"));

/** Runs a transfer of `up` and `down` octets and returns what tshark shows of it at the host `a`, one line for each segment. */
function look(
  fields: readonly string[],
  quality: Partial<LineQuality>,
  up: number,
  down: number,
  options: TcpOptions = {},
  disturb: (net: Pair) => void = () => {},
): string[][] {
  const dir = mkdtempSync(join(tmpdir(), "netloom-tcp-"));
  try {
    const net = pair(1, quality);
    const captures = new Captures(net.sim, dir, ["all"], false);
    captures.watch(net.a);
    disturb(net);
    const { client, server } = connect(net, options, options);
    net.sim.advance(S);
    client.send(pattern(up), () => client.socket.shutdown());
    const peer = server.end();
    peer.send(pattern(down), () => peer.socket.shutdown());
    net.sim.advance(net.sim.now + 60 * S);
    expect([peer.received, client.received, peer.ended, client.ended]).toEqual([up, down, true, true]);
    captures.flush();
    const args = ["-r", join(dir, "a-eth0.pcapng"), "-Y", "tcp", "-o", "tcp.check_checksum:TRUE", "-T", "fields"];
    const out = execFileSync("tshark", [...args, ...fields.flatMap((f) => ["-e", f])], { encoding: "utf8" });
    return out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const count = (rows: readonly string[][], column: number): number => rows.filter((r) => r[column] !== "").length;

/** Flags of tshark's analysis that tell of trouble; a window update or a full window is none. */
const TROUBLE = [
  "tcp.analysis.retransmission",
  "tcp.analysis.lost_segment",
  "tcp.analysis.ack_lost_segment",
  "tcp.analysis.out_of_order",
  "tcp.analysis.duplicate_ack",
  "tcp.analysis.zero_window",
  "tcp.analysis.keep_alive",
  "tcp.analysis.reused_ports",
];

describe("Wireshark", () => {
  withTshark.each<readonly [string, Partial<LineQuality>, TcpOptions]>([
    ["short", { delayNs: 5000 }, {}],
    ["fast and long", { rateBps: 1_000_000_000, delayNs: 20 * MS, queueFrames: 10_000 }, {}],
    ["slow", { rateBps: 10_000_000, delayNs: 5 * MS }, {}],
    ["with small segments", { rateBps: 10_000_000, delayNs: 5 * MS }, { maxSegment: 500 }],
  ])("finds nothing in a transfer without losses over a path that is %s", (_name, quality, options) => {
    const rows = look(["tcp.checksum.status", ...TROUBLE], quality, 400_000, 100_000, options);
    expect(rows.length).toBeGreaterThan(400);
    expect(rows.every((r) => r[0] === "1")).toBe(true); // good
    expect(TROUBLE.map((flag, i) => [flag, count(rows, i + 1)])).toEqual(TROUBLE.map((flag) => [flag, 0]));
  });

  withTshark("sees what was lost, sent again, and acknowledged twice", () => {
    const lost: number[] = [];
    const rows = look(
      [
        "tcp.checksum.status",
        "tcp.analysis.retransmission",
        "tcp.analysis.duplicate_ack",
        "tcp.options.sack.count",
        "tcp.analysis.lost_segment",
        "tcp.analysis.out_of_order",
      ],
      { rateBps: 10_000_000, delayNs: 10 * MS },
      200_000,
      0,
      {},
      (net) => {
        let n = 0;
        net.b.device("eth0")?.addTap({
          frame: (_dev, p, out) => {
            if (out || p.end - p.start < 1000) return;
            n++;
            if (n !== 40 && n !== 41 && n !== 90) return;
            lost.push(n);
            p.view.setUint16(p.start + 50, p.view.getUint16(p.start + 50) ^ 1);
            p.sumFrom = -1;
          },
        });
      },
    );
    expect(lost).toEqual([40, 41, 90]);
    // What is sent again within 3 ms of an acknowledgement looks reordered to it.
    expect(rows.filter((r) => r[1] !== "" || r[5] !== "").length).toBe(3);
    expect(count(rows, 2)).toBeGreaterThan(10);
    expect(rows.filter((r) => r[3] !== "").length).toBeGreaterThan(10);
    expect(count(rows, 4)).toBe(0); // at the sender nothing is missing
  });

  withTshark("sees a window that was shut, the probes, and the update", () => {
    const rows = look(
      [
        "tcp.analysis.zero_window",
        "tcp.analysis.keep_alive",
        "tcp.analysis.window_update",
        "tcp.analysis.retransmission",
      ],
      { rateBps: 10_000_000, delayNs: 5 * MS },
      200_000,
      0,
      { rcvbuf: 20_000 },
      (net) => {
        net.sim.at(1100 * MS, { label: "reader", fire: () => [...net.b.tcp.connections()][0]?.pause() });
        net.sim.at(4000 * MS, { label: "reader", fire: () => [...net.b.tcp.connections()][0]?.resume() });
      },
    );
    expect(count(rows, 0)).toBeGreaterThan(2);
    expect(count(rows, 1)).toBeGreaterThan(2);
    expect(count(rows, 2)).toBeGreaterThan(0);
    expect(count(rows, 3)).toBe(1); // a tail loss probe: the acknowledgement of the last octets waits longer than it does
  });
});

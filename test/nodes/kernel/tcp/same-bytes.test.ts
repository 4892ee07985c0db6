import { describe, expect, it } from "vitest";
import type { TcpOptions } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { LineQuality } from "../../../../src/nodes/link.ts";
import type { TcpSettings } from "../../../../src/protocols/tcp/settings.ts";
import { connect, pair, patientArp, pattern } from "./hosts.ts";

/**
 * Transfers over bad lines, and the fingerprints of their runs: time and bytes of every frame. They tell that something has
 * changed in what TCP does, not whether it was right; who changes it on purpose writes the new ones down (`vitest -u`).
 */

const BAD: Partial<LineQuality> = { rateBps: 20_000_000, delayNs: 15 * MS, loss: 0.02, queueFrames: 60 };

const runs: readonly (readonly [string, Partial<LineQuality>, Partial<TcpSettings>, TcpOptions])[] = [
  ["losses", BAD, {}, {}],
  ["losses, reno", BAD, { tcp_congestion_control: "reno" }, {}],
  ["losses, without SACK", BAD, { tcp_sack: 0 }, {}],
  ["losses, without SACK and timestamps", BAD, { tcp_sack: 0, tcp_timestamps: 0 }, {}],
  ["losses, without timestamps", BAD, { tcp_timestamps: 0 }, {}],
  ["losses, by counts", BAD, { tcp_recovery: 0 }, {}],
  ["losses, no probes of the tail, no F-RTO", BAD, { tcp_early_retrans: 0, tcp_frto: 0 }, {}],
  ["heavy losses", { ...BAD, loss: 0.15 }, {}, {}],
  ["heavy losses, without SACK", { ...BAD, loss: 0.06 }, { tcp_sack: 0 }, {}],
  ["reordering", { ...BAD, loss: 0, reorder: 0.05 }, {}, {}],
  ["reordering, without SACK", { ...BAD, loss: 0, reorder: 0.05 }, { tcp_sack: 0 }, {}],
  ["reordering and losses", { ...BAD, reorder: 0.05 }, {}, {}],
  ["duplicates", { ...BAD, loss: 0.01, duplicate: 0.1 }, {}, {}],
  ["jitter", { ...BAD, loss: 0.001, jitterNs: 10 * MS }, {}, {}],
  ["a short queue", { ...BAD, loss: 0, queueFrames: 5 }, {}, {}],
  ["a short queue, reno", { ...BAD, loss: 0, queueFrames: 5 }, { tcp_congestion_control: "reno" }, {}],
  ["a fast line", { rateBps: 1_000_000_000, delayNs: 5 * MS, loss: 0.0005 }, {}, {}],
  ["a slow line", { rateBps: 500_000, delayNs: 100 * MS, queueFrames: 20 }, {}, {}],
  ["small buffers", BAD, {}, { rcvbuf: 8000, sndbuf: 20_000 }],
  ["small segments", BAD, {}, { maxSegment: 300, noDelay: true }],
  ["ECN asked for", BAD, { tcp_ecn: 1 }, {}],
  ["the search for an MTU", { ...BAD, mtuBytes: 1300 }, { tcp_mtu_probing: 2, tcp_base_mss: 512 }, {}],
  ["signatures", BAD, {}, { md5: () => Uint8Array.of(1, 2, 3) }],
];

describe("the same bytes as before", () => {
  it.each(runs)("%s", (name, quality, settings, options) => {
    const net = pair(5, quality);
    patientArp(net);
    for (const k of [net.a, net.b]) Object.assign(k.sysctl, settings);
    const { client, server } = connect(net, options, options);
    const { sim } = net;
    for (let i = 0; i < 60 && !server.accepted; i++) sim.advance(sim.now + S);
    const peer = server.end();
    // Much one way, a pause, some both ways; the reader stops for a while.
    client.send(pattern(600_000, 1));
    sim.advance(sim.now + 3 * S);
    peer.socket.pause();
    sim.advance(sim.now + 2 * S);
    peer.socket.resume();
    sim.advance(sim.now + 60 * S);
    client.send(pattern(50_000, 2));
    peer.send(pattern(80_000, 3));
    sim.advance(sim.now + 30 * S);
    for (let i = 0; i < 20; i++) {
      peer.send(pattern(200, i));
      sim.advance(sim.now + 70 * MS);
      client.send(pattern(3000, i));
      sim.advance(sim.now + 25 * MS);
    }
    client.socket.shutdown();
    peer.socket.shutdown();
    sim.advance(sim.now + 600 * S);
    expect([name, peer.received, client.received]).toEqual([name, 710_000, 84_000]);
    expect(`${sim.fingerprint}`).toMatchSnapshot();
  });
});

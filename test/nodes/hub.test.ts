import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/core/sim.ts";
import { MS } from "../../src/core/time.ts";
import { Hub } from "../../src/nodes/hub.ts";
import { Cable, type LineQuality } from "../../src/nodes/link.ts";
import { Recorder } from "./cables.ts";

/** A hub with recorders at its ports. */
function hubOf(count: number, quality: Partial<LineQuality> = {}): { sim: Simulation; hub: Hub; ends: Recorder[] } {
  const sim = new Simulation();
  const hub = new Hub(sim, "hub1");
  const ends = Array.from({ length: count }, (_, i) => {
    const end = new Recorder(sim, `h${i}-eth0`);
    const port = hub.addPort(`eth${i}`);
    port.cable = new Cable(sim, sim.nextCable(), end, port);
    port.cable.tune(quality);
    return end;
  });
  return { sim, hub, ends };
}

function send(sim: Simulation, hub: Hub, end: Recorder, mark: number): void {
  const p = sim.pool.alloc(100);
  p.buf.fill(mark, p.start, p.end);
  p.mark = mark;
  hub.ports
    .find((port) => port.cable?.ends[0] === end)
    ?.cable?.lineFrom(end)
    .transmit(p);
}

describe("a hub", () => {
  it("repeats a frame at all ports but the one it came in by", () => {
    const { sim, hub, ends } = hubOf(4);
    const bytes: number[] = [];
    for (const end of ends) end.onReceive = (p) => void bytes.push(p.buf[p.start] as number, p.length);
    send(sim, hub, ends[1] as Recorder, 7);
    sim.advance(0);
    expect(ends.map((e) => e.received.map((f) => f.id))).toEqual([[7], [], [7], [7]]);
    expect(bytes).toEqual([7, 100, 7, 100, 7, 100]);
    expect(sim.pool.born).toBe(sim.pool.dead);
  });
  it("has names for its ports", () => {
    const { hub } = hubOf(2);
    expect(hub.ports.map((p) => [p.name, p.label])).toEqual([
      ["eth0", "hub1-eth0"],
      ["eth1", "hub1-eth1"],
    ]);
  });
  it("leaves out ports without a cable, and counts what is lost at the others", () => {
    const { sim, hub, ends } = hubOf(3);
    hub.addPort("eth3");
    hub.ports[2]?.cable?.setUp(false);
    send(sim, hub, ends[0] as Recorder, 1);
    sim.advance(MS);
    expect(ends.map((e) => e.received.length)).toEqual([0, 1, 0]);
    expect([hub.lost, sim.pool.born - sim.pool.dead]).toEqual([1, 0]);
  });
  it("with one port gives nothing back", () => {
    const { sim, hub, ends } = hubOf(1);
    send(sim, hub, ends[0] as Recorder, 1);
    sim.advance(MS);
    expect([ends[0]?.received, sim.pool.born - sim.pool.dead]).toEqual([[], 0]);
  });
  it("repeats through another hub, each port's delay counted", () => {
    const { sim, hub, ends } = hubOf(2, { delayNs: 10 });
    const other = new Hub(sim, "hub2");
    const [near, far] = [hub.addPort("up"), other.addPort("down")];
    near.cable = far.cable = new Cable(sim, sim.nextCable(), near, far);
    const beyond = new Recorder(sim, "h9-eth0");
    const port = other.addPort("eth0");
    port.cable = new Cable(sim, sim.nextCable(), beyond, port);
    port.cable.tune({ delayNs: 5 });
    send(sim, hub, ends[0] as Recorder, 3);
    sim.advance(MS);
    expect([ends[1]?.received[0]?.at, beyond.received[0]?.at]).toEqual([20, 15]);
  });
});

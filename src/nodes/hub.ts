import { DROP_REASONS, type DropReason } from "../core/drop.ts";
import type { Packet } from "../core/packet.ts";
import type { Simulation } from "../core/sim.ts";
import type { Cable, Port } from "./link.ts";

/** A repeater: what comes in at one port goes out at all the others. It has no addresses and no configuration. */
export class Hub {
  readonly sim: Simulation;
  readonly name: string;
  readonly ports: HubPort[] = [];
  /** Frames that were lost at its ports. */
  lost = 0;

  constructor(sim: Simulation, name: string) {
    this.sim = sim;
    this.name = name;
  }

  addPort(name: string): HubPort {
    const port = new HubPort(this, name);
    this.ports.push(port);
    return port;
  }

  repeat(p: Packet, from: HubPort): void {
    p.trail?.note(this.sim.now, this.name, from.name, "bridge", "repeated to all other ports");
    for (const port of this.ports) if (port !== from && port.cable !== undefined) port.send(this.sim.pool.clone(p));
    this.sim.pool.release(p);
  }
}

export class HubPort implements Port {
  readonly hub: Hub;
  readonly name: string;
  readonly label: string;
  cable: Cable | undefined;

  constructor(hub: Hub, name: string) {
    this.hub = hub;
    this.name = name;
    this.label = `${hub.name}-${name}`;
  }

  send(p: Packet): void {
    p.record = 0;
    this.cable?.lineFrom(this).transmit(p);
  }
  receiveFrame(p: Packet): void {
    this.hub.repeat(p, this);
  }
  carrierChanged(): void {}
  frameLost(p: Packet, reason: DropReason): void {
    const { sim, name } = this.hub;
    p.trail?.note(sim.now, name, this.name, "drop", DROP_REASONS[reason] as string);
    this.hub.lost++;
    this.hub.sim.pool.release(p);
  }
}

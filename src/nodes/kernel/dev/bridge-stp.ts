import type { Mac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { Alarm } from "../../../core/sim.ts";
import { type Nanos, NEVER, S } from "../../../core/time.ts";
import { LLC_UI, SAP_STP, writeHeader } from "../../../protocols/ethernet/wire.ts";
import { initial, roleOf, type State, stp } from "../../../protocols/stp/machine.ts";
import {
  DEFAULT_BRIDGE_PRIORITY,
  DEFAULT_TIMES,
  type Effect,
  type Event,
  type PortConfig,
  portId,
  type Role,
  type Times,
} from "../../../protocols/stp/state.ts";
import { type Bpdu, type BridgeId, bridgeId, decode, encode, encodedLength } from "../../../protocols/stp/wire.ts";
import type { BridgeDevice } from "./bridge.ts";
import {
  type BridgePort,
  STATE_DISABLED,
  STATE_FORWARDING,
  STATE_LEARNING,
  STATE_LISTENING,
  STATE_NAMES,
} from "./bridge-port.ts";
import { EthernetDevice } from "./ethernet.ts";

/** Where the LLC header of a BPDU's frame begins, and the BPDU. */
const LLC_AT = 14;
const BPDU_AT = 17;
/** TC_PRIO_CONTROL. */
const PRIORITY_CONTROL = 7;
/** Limits of 802.1D-1998 table 8-3, as `net/bridge/br_private_stp.h` has them. */
const HELLO_RANGE = [1 * S, 10 * S] as const;
const DELAY_RANGE = [2 * S, 30 * S] as const;
const AGE_RANGE = [6 * S, 40 * S] as const;

/** What `ip -d link show` and `brctl showstp` tell of a bridge. */
export interface StpStatus {
  readonly id: BridgeId;
  readonly root: BridgeId;
  /** Number of the root port; 0 on the root bridge. */
  readonly rootPort: number;
  readonly rootCost: number;
  readonly topologyChange: boolean;
  readonly topologyChangeDetected: boolean;
  /** Times in force, the root's. */
  readonly times: Times;
  /** Time left on each timer, 0 when it does not run. */
  readonly helloTimer: Nanos;
  readonly tcnTimer: Nanos;
  readonly topologyChangeTimer: Nanos;
}

/** What `ip -d link show` and `brctl showstp` tell of a port. */
export interface StpPortStatus {
  readonly id: number;
  readonly role: Role;
  readonly designatedRoot: BridgeId;
  readonly designatedCost: number;
  readonly designatedBridge: BridgeId;
  readonly designatedPort: number;
  readonly messageAgeTimer: Nanos;
  readonly forwardDelayTimer: Nanos;
  readonly holdTimer: Nanos;
  readonly topologyChangeAck: boolean;
  readonly configPending: boolean;
}

/** The spanning tree of a bridge: carries frames, alarms and port states between the bridge and the machine. */
export class BridgeStp {
  /** `stp_state`. */
  enabled = false;
  /** `stp` is Linux's own; `rstp` is what mstpd adds to it. */
  mode: "stp" | "rstp" = "stp";
  /** 16 bits, as `priority` sets it. */
  priority = DEFAULT_BRIDGE_PRIORITY;
  /** This bridge's own times: `hello_time`, `max_age`, `forward_delay`. */
  times: Times = DEFAULT_TIMES;
  /** The address in the bridge identifier: 0 while the bridge has had neither ports nor an address chosen for it. */
  idMac: Mac = 0;
  readonly #bridge: BridgeDevice;
  /** Null while the spanning tree is off, or the bridge is down. */
  #state: State | null = null;
  #alarm: Alarm | null = null;
  /** Addresses age fast: what the machine asked for. */
  #ageing: Nanos | undefined;

  constructor(bridge: BridgeDevice) {
    this.#bridge = bridge;
  }

  get id(): BridgeId {
    return bridgeId(this.priority, this.idMac);
  }
  /** Whether ports are on their way to forwarding, or a change is not acknowledged yet. */
  get converging(): boolean {
    if (this.#state === null) return false;
    return this.#bridge.ports.some((p) => p.state === STATE_LISTENING || p.state === STATE_LEARNING);
  }

  /** The bridge went up; ports that run follow by `portUp`. */
  bridgeUp(): void {
    if (this.enabled) this.#begin();
  }
  bridgeDown(): void {
    if (this.#state === null) return;
    this.#feed({ at: this.#now, kind: "bridge-down" });
    this.#end();
  }

  /** A port runs now (br_stp_if.c:br_stp_enable_port). Without a spanning tree it forwards at once. */
  portUp(port: BridgePort): void {
    if (this.#state === null) return port.setState(STATE_FORWARDING);
    this.#feed({ at: this.#now, kind: "port-up", port: this.#configOf(port) });
  }
  /** A port runs no longer, or leaves (br_stp_if.c:br_stp_disable_port). */
  portDown(port: BridgePort): void {
    if (this.#state !== null) this.#feed({ at: this.#now, kind: "port-down", port: port.number });
    port.setState(STATE_DISABLED);
    this.#bridge.fdb.flushPort(port);
  }
  /** Path cost or priority changed. */
  portConfigured(port: BridgePort): void {
    if (this.#state === null || port.state === STATE_DISABLED) return;
    const { id, pathCost } = this.#configOf(port);
    this.#feed({ at: this.#now, kind: "port-config", port: port.number, id, pathCost });
  }
  /** What RSTP takes the other end for changed: the port begins anew. */
  portRestarted(port: BridgePort): void {
    if (this.#state?.mode !== "rstp" || port.state === STATE_DISABLED) return;
    this.portDown(port);
    this.portUp(port);
  }

  /** `stp_state`, `stp_mode`: a running tree that changes its mode begins anew. */
  configure(enabled: boolean, mode: "stp" | "rstp"): Outcome {
    if (mode === "rstp" && this.#bridge.ports.some((p) => p.rootBlock)) {
      return refused("EOPNOTSUPP", "root_block is not built for rstp");
    }
    if (enabled === this.enabled && mode === this.mode) return done;
    const restarts = this.enabled && enabled;
    if (this.#state !== null) this.#end();
    this.enabled = enabled;
    this.mode = mode;
    if (!enabled) this.#forwardEverywhere();
    else {
      // br_stp_if.c:br_stp_start
      const forwardDelay = Math.min(Math.max(this.times.forwardDelay, DELAY_RANGE[0]), DELAY_RANGE[1]);
      this.times = { ...this.times, forwardDelay };
      if (this.#bridge.active) this.#begin(!restarts);
    }
    this.#bridge.followPorts(enabled);
    return done;
  }

  /** `priority`. */
  setPriority(priority: number): void {
    this.priority = priority;
    this.#reconfigure();
    this.#bridge.followPorts(true);
  }
  /** The bridge's address changed, and its identifier with it (br_stp_if.c:br_stp_change_bridge_id). */
  setIdMac(mac: Mac): void {
    this.idMac = mac;
    this.#reconfigure();
  }

  /** `hello_time`, `max_age`, `forward_delay`; the last is only limited while the spanning tree runs. */
  setTimes(change: Partial<Times>): Outcome {
    const times = { ...this.times, ...change };
    if (outside(change.hello, HELLO_RANGE) || outside(change.maxAge, AGE_RANGE)) return refused("ERANGE");
    if (this.enabled && outside(change.forwardDelay, DELAY_RANGE)) return refused("ERANGE");
    this.times = times;
    this.#reconfigure();
    return done;
  }

  /** net/bridge/br_stp_bpdu.c:br_stp_rcv: a frame to the group address; false when it holds no BPDU. */
  receive(port: BridgePort, p: Packet): boolean {
    const { buf, start } = p;
    const length = p.view.getUint16(start + 12);
    if (p.end - start < BPDU_AT || length < BPDU_AT - LLC_AT || start + LLC_AT + length > p.end) return false;
    if (buf[start + LLC_AT] !== SAP_STP || buf[start + LLC_AT + 1] !== SAP_STP || buf[start + LLC_AT + 2] !== LLC_UI)
      return false;
    const bpdu = decode(buf, start + BPDU_AT, start + LLC_AT + length);
    if (!bpdu.ok || this.#state === null || port.state === STATE_DISABLED) return bpdu.ok;
    if (port.guard) this.#guard(port);
    else this.#feed({ at: this.#now, kind: "bpdu", port: port.number, bpdu: bpdu.value });
    return true;
  }

  status(): StpStatus {
    const s = this.#state;
    const classic = s?.mode === "stp" ? s : undefined;
    return {
      id: this.id,
      root: s?.root ?? this.id,
      rootPort: s?.rootPort ?? 0,
      rootCost: s?.rootCost ?? 0,
      topologyChange: s?.topologyChange ?? false,
      topologyChangeDetected: classic?.topologyChangeDetected ?? false,
      times: s?.times ?? this.times,
      helloTimer: this.#left(classic?.helloAt),
      tcnTimer: this.#left(classic?.tcnAt),
      topologyChangeTimer: this.#left(classic?.topologyChangeAt),
    };
  }

  portStatus(port: BridgePort): StpPortStatus {
    const s = this.#state;
    const p = s?.ports.find((each) => each.number === port.number);
    const id = portId(port.priority, port.number);
    const classic = p !== undefined && "holdAt" in p ? p : undefined;
    return {
      id,
      role: s !== null && p !== undefined ? roleOf(s, p) : port.state === STATE_DISABLED ? "disabled" : "designated",
      designatedRoot: p?.designated.root ?? s?.root ?? this.id,
      designatedCost: p?.designated.cost ?? s?.rootCost ?? 0,
      designatedBridge: p?.designated.bridge ?? this.id,
      designatedPort: p?.designated.port ?? id,
      messageAgeTimer: this.#left(classic?.messageAgeAt),
      forwardDelayTimer: this.#left(classic?.forwardDelayAt),
      holdTimer: this.#left(classic?.holdAt),
      topologyChangeAck: classic?.topologyChangeAck ?? false,
      configPending: classic?.configPending ?? false,
    };
  }

  get #now(): Nanos {
    return this.#bridge.kernel.sim.now;
  }
  #left(at: Nanos | undefined): Nanos {
    return at === undefined || at === NEVER || at <= this.#now ? 0 : at - this.#now;
  }

  /** `keep`: ports that forward go on doing so, until they hear otherwise, as when Linux is told to run the spanning tree. */
  #begin(keep = false): void {
    const { ports, kernel } = this.#bridge;
    this.#alarm ??= new Alarm(kernel.sim, kernel.name, () => this.#feed({ at: this.#now, kind: "tick" }));
    this.#state = initial({ mode: this.mode, id: this.id, times: this.times });
    this.#feed({ at: this.#now, kind: "bridge-up" });
    for (const port of ports) {
      if (port.state === STATE_DISABLED) continue;
      const forwards = keep && this.mode === "stp" && port.state === STATE_FORWARDING;
      this.#feed({ at: this.#now, kind: "port-up", port: this.#configOf(port) });
      if (forwards) this.#force(port, "forwarding", NEVER);
    }
  }
  #end(): void {
    this.#state = null;
    this.#alarm?.set(NEVER);
    this.#ageing = undefined;
    this.#bridge.followAgeing();
  }
  /** The spanning tree was turned off. */
  #forwardEverywhere(): void {
    for (const port of this.#bridge.ports) if (port.state !== STATE_DISABLED) port.setState(STATE_FORWARDING);
  }

  #configOf(port: BridgePort): PortConfig {
    const { dev } = port;
    return {
      number: port.number,
      id: portId(port.priority, port.number),
      pathCost: port.pathCost,
      pointToPoint: !(dev instanceof EthernetDevice) || dev.peer !== undefined,
      edge: port.edge,
    };
  }

  #reconfigure(): void {
    if (this.#state !== null) this.#feed({ at: this.#now, kind: "bridge-config", id: this.id, times: this.times });
  }

  /** One event for the machine, and what it makes the bridge do. */
  #feed(event: Event): void {
    for (;;) {
      const before = this.#state as State;
      const { state, effects } = stp.step(before, event);
      const way = state.rootPort === 0 ? undefined : this.#bridge.portByNumber(state.rootPort);
      if (way?.rootBlock && state.mode === "stp") {
        // br_stp.c:br_root_port_block: what it heard is forgotten, and the port listens
        this.#force(way, "listening", event.at + before.times.forwardDelay);
        if (event.kind === "bpdu") return;
        continue;
      }
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
      break;
    }
    const state = this.#state;
    if (state === null) return;
    this.#alarm?.set(stp.deadline(state));
    this.#bridge.followAgeing();
    this.#bridge.followPorts();
  }

  /** How long addresses are remembered while the topology changes (br_fdb.c:hold_time); undefined: as configured. */
  get ageing(): Nanos | undefined {
    if (this.#state?.mode === "stp") return this.#state.topologyChange ? this.#state.times.forwardDelay : undefined;
    return this.#ageing;
  }

  #perform(effect: Effect): void {
    if (effect.kind === "ageing") {
      this.#ageing = effect.time;
      return;
    }
    if (effect.kind === "topology-change") return this.#bridge.topologyChanged();
    const port = this.#bridge.portByNumber(effect.port);
    if (port === undefined) return;
    if (effect.kind === "send") this.#send(port, effect.bpdu);
    else if (effect.kind === "flush") this.#bridge.fdb.flushPort(port);
    else port.setState(STATE_NAMES.indexOf(effect.state));
  }

  /** br_stp_bpdu.c:br_send_bpdu: an 802.3 frame, as long as the BPDU. */
  #send(port: BridgePort, bpdu: Bpdu): void {
    const { kernel, groupAddress } = this.#bridge;
    const length = encodedLength(bpdu);
    const p = kernel.sim.pool.alloc(BPDU_AT + length);
    writeHeader(p.buf, p.start, groupAddress, port.dev.mac, BPDU_AT - LLC_AT + length);
    p.buf[p.start + LLC_AT] = SAP_STP;
    p.buf[p.start + LLC_AT + 1] = SAP_STP;
    p.buf[p.start + LLC_AT + 2] = LLC_UI;
    encode(bpdu, p.buf, p.start + BPDU_AT);
    p.priority = PRIORITY_CONTROL;
    port.dev.send(p);
  }

  /** Puts a port into a state that the machine did not choose, as a designated port that has heard nothing. */
  #force(port: BridgePort, state: "forwarding" | "listening", forwardDelayAt: Nanos): void {
    const s = this.#state;
    if (s?.mode !== "stp") return;
    const own = { root: s.root, cost: s.rootCost, bridge: s.config.id, port: portId(port.priority, port.number) };
    const ports = s.ports.map((p) =>
      p.number === port.number ? { ...p, designated: own, state, messageAgeAt: NEVER, forwardDelayAt } : p,
    );
    this.#state = { ...s, ports };
    port.setState(STATE_NAMES.indexOf(state));
    this.#alarm?.set(stp.deadline(this.#state));
    this.#bridge.followPorts();
  }

  #guard(port: BridgePort): void {
    const { sim, name } = this.#bridge.kernel;
    if (sim.trace.on) sim.trace.emit(sim.now, name, "bridge.guard", { bridge: this.#bridge.name, port: port.dev.name });
    this.#bridge.disablePort(port);
  }
}

const outside = (time: Nanos | undefined, range: readonly [Nanos, Nanos]): boolean =>
  time !== undefined && !(time >= range[0] && time <= range[1]);

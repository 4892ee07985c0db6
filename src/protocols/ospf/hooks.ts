import type { Ipv4 } from "../../core/addr.ts";
import type { Lsa } from "./lsa.ts";
import type { Slot } from "./lsdb.ts";
import type { NeighborEvent } from "./machine.ts";
import type { Area, Neighbor, OspfInterface, StaticNeighbor } from "./model.ts";

export type InterfaceEvent =
  | "InterfaceUp"
  | "WaitTimer"
  | "BackupSeen"
  | "NeighborChange"
  | "LoopInd"
  | "InterfaceDown";

/** What the parts of ospfd ask of parts that stand above them. `daemon.ts` puts them together. */
export interface Hooks {
  neighborEvent(n: Neighbor, event: NeighborEvent): void;
  interfaceEvent(oi: OspfInterface, event: InterfaceEvent): void;
  helloTimer(oi: OspfInterface): void;
  /** Nothing was heard of a neighbour for its dead interval. */
  inactivityTimer(n: Neighbor): void;
  /** Whether a neighbour counts as adjacent may have changed. */
  adjacencyChanged(n: Neighbor): void;
  /** A grace advertisement; false: it is not taken. */
  graceReceived(n: Neighbor, lsa: Lsa, age: number, withdrawn: boolean): boolean;
  /** A neighbour is in state Full. */
  becameFull(n: Neighbor): void;
  /** An interface has come about. */
  interfaceAdded(oi: OspfInterface): void;
  graceTimer(oi: OspfInterface): void;
  helloReply(n: Neighbor): void;
  pollTimer(s: StaticNeighbor): void;
  ackTimer(oi: OspfInterface): void;
  updateTimer(): void;
  ddTimer(n: Neighbor): void;
  requestTimer(n: Neighbor): void;
  retransmitTimer(n: Neighbor): void;
  /** Says anew what this router's links in an area are. */
  routerLsa(area: Area): void;
  networkLsa(oi: OspfInterface): void;
  /** An advertisement of the area (undefined: of the system) has other contents than `before`, is new, or is being withdrawn. */
  contentsChanged(area: Area | undefined, slot: Slot, before: Lsa | undefined): void;
  /** Another router's word about something that this router originates, newer than its own, was installed. */
  selfOriginated(area: Area, slot: Slot): void;
  /** An advertisement has reached its greatest age: it goes once everybody has acknowledged. */
  withdrawn(area: Area | undefined, slot: Slot): void;
  /** A slot's own expiry may be earlier now. */
  agingChanged(): void;
  /** The number of full adjacencies of areas has changed. */
  checkBorder(): void;
  /** An interface begins. */
  interfaceMade(oi: OspfInterface): void;
  /** An interface is no more. */
  interfaceGone(oi: OspfInterface): void;
  /** This router has no interface in the area any more. */
  areaLeft(area: Area): void;
  /** Whether packets of a neighbour with this address are taken on an interface. */
  mayHear(oi: OspfInterface, source: Ipv4): boolean;
  /** The prefix list that `ip ospf neighbor-filter` names; undefined: none, or there is no such list. */
  neighborFilterOf(oi: OspfInterface): string | undefined;
  /** Neighbours that are not to be heard any more are forgotten. */
  neighborFilterChanged(): void;
  routerIdChanged(): void;
  /** An interface has come up, or gone down: externals may be told where they could not be, or other gateways are at hand. */
  reachChanged(): void;
}

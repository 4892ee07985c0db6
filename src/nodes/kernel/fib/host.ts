import type { Ipv4 } from "../../../core/addr.ts";

/** The loopback is always the first device of its namespace. */
export const LOOPBACK_IFINDEX = 1;

/** What a device is to the routing tables. */
export interface FibDevice {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
}

/** What the routing tables ask of the kernel that they belong to. */
export interface FibHost {
  /** State of a device by ifindex; undefined when there is none. */
  device(ifindex: number): FibDevice | undefined;
  /** `net.ipv4.conf.<device>.ignore_routes_with_linkdown`; off when left out. Say `Fib.settingsChanged` when it changes. */
  ignoresLinkdown?(ifindex: number): boolean;
  /** Answers may have changed: whoever keeps some must ask again. */
  answersChanged?(): void;
  /** `AddressBook.selectSource`: lets `Fib.selectPath` prefer the way whose own address a packet already has. */
  selectSource?(ifindex: number, dst: Ipv4, scope: number): Ipv4;
}

import type { Ipv4 } from "../../../../core/addr.ts";

/** What an address and port may become (`struct nf_nat_range2`). What is left out stays as it is. */
export interface NatRange {
  readonly minAddress?: Ipv4;
  readonly maxAddress?: Ipv4;
  /** Ports, or ICMP identifiers. */
  readonly minPort?: number;
  readonly maxPort?: number;
  /** Ports keep their distance from this one (`--to-destination addr:min-max/base`). */
  readonly basePort?: number;
  /** `--random` and `--random-fully`: never the port it had. */
  readonly random?: boolean;
  readonly fullyRandom?: boolean;
  /** `--persistent`: one client gets one address, whatever it talks to. */
  readonly persistent?: boolean;
}

/** Which end of a packet changes (`enum nf_nat_manip_type`). */
export const MANIP_SRC = 0;
export const MANIP_DST = 1;

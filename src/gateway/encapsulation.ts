import {
  control,
  decode as decodeGeneve,
  HEADER as GENEVE_HEADER,
  PORT as GENEVE_PORT,
  headerLength as geneveHeaderLength,
  protocol as geneveProtocol,
  vni as geneveVni,
  TYPE_TEB,
  writeHeader as writeGeneve,
} from "../protocols/geneve/wire.ts";
import {
  decode as decodeVxlan,
  FLAG_VNI,
  HEADER as VXLAN_HEADER,
  PORT as VXLAN_PORT,
  flags as vxlanFlags,
  vni as vxlanVni,
  writeHeader as writeVxlan,
} from "../protocols/vxlan/wire.ts";

/** How a frame lies in a UDP datagram. */
export interface Encapsulation {
  /** Octets before the frame. */
  readonly header: number;
  /** Writes the header at the beginning of `b`. */
  write(b: Uint8Array): void;
  /** Where the frame begins in a datagram; -1: it is none of ours. */
  frameAt(b: Uint8Array): number;
}

export const ENCAPSULATIONS = ["vxlan", "geneve", "udp"] as const;
export type EncapsulationKind = (typeof ENCAPSULATIONS)[number];

/** The UDP port of whoever receives, unless told otherwise: IANA's, and for bare frames the one that GNS3 hands out first. */
export const PORTS: { readonly [K in EncapsulationKind]: number } = {
  vxlan: VXLAN_PORT,
  geneve: GENEVE_PORT,
  udp: 10_000,
};

/** `udp`: bare frames, as QEMU's `-netdev dgram` and GNS3's UDP tunnels send them. `vni`: of VXLAN and GENEVE. */
export function encapsulation(kind: EncapsulationKind, vni: number): Encapsulation {
  switch (kind) {
    case "vxlan":
      return {
        header: VXLAN_HEADER,
        write: (b) => writeVxlan(b, 0, vni),
        frameAt: (b) => {
          if (!decodeVxlan(b, 0, b.length).ok) return -1;
          return (vxlanFlags(b, 0) & FLAG_VNI) !== 0 && vxlanVni(b, 0) === vni ? VXLAN_HEADER : -1; // RFC 7348 §5
        },
      };
    case "geneve":
      return {
        header: GENEVE_HEADER,
        write: (b) => writeGeneve(b, 0, TYPE_TEB, vni),
        frameAt: (b) => {
          if (!decodeGeneve(b, 0, b.length).ok || geneveProtocol(b, 0) !== TYPE_TEB) return -1;
          return !control(b, 0) && geneveVni(b, 0) === vni ? geneveHeaderLength(b, 0) : -1; // RFC 8926 §3.4
        },
      };
    case "udp":
      return { header: 0, write: () => {}, frameAt: () => 0 };
  }
}

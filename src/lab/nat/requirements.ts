import { ICMP_REQUIREMENTS } from "./icmp.ts";
import type { Requirement } from "./requirement.ts";
import { TCP_REQUIREMENTS } from "./tcp.ts";
import { UDP_REQUIREMENTS } from "./udp.ts";

/** Every requirement of RFC 4787, 5382 and 5508, in their order. */
export const REQUIREMENTS: readonly Requirement[] = [...UDP_REQUIREMENTS, ...TCP_REQUIREMENTS, ...ICMP_REQUIREMENTS];

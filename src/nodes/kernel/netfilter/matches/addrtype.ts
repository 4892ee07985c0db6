import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { dst, src } from "../../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../../kernel.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import { FORWARD, LOCAL_IN, LOCAL_OUT, POST_ROUTING, PRE_ROUTING } from "../state.ts";
import type { MatchContext } from "./matches.ts";

/** Kinds of addresses that a route can give. */
export const ADDRESS_TYPES = [
  "UNICAST",
  "LOCAL",
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
  "BLACKHOLE",
  "UNREACHABLE",
  "PROHIBIT",
] as const;
export type AddressType = (typeof ADDRESS_TYPES)[number];

/** `-m addrtype --src-type … --dst-type …` (net/netfilter/xt_addrtype.c). */
export interface AddrtypeMatch {
  readonly kind: "addrtype";
  readonly source?: { readonly types: readonly AddressType[]; readonly invert?: boolean };
  readonly destination?: { readonly types: readonly AddressType[]; readonly invert?: boolean };
  /** `--limit-iface-in`, `--limit-iface-out`: by the addresses of that device only. */
  readonly limit?: "in" | "out";
}

export function makeAddrtype(spec: AddrtypeMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  const { source, destination, limit } = spec;
  if (source === undefined && destination === undefined)
    return refused("EINVAL", "addrtype: you must specify --src-type or --dst-type");
  const { kernel } = context;
  return granted({
    test(s) {
      const dev = limit === "in" ? s.in : limit === "out" ? s.out : null;
      const ifindex = limit === undefined ? 0 : (dev?.ifindex ?? -1);
      const { buf, net } = s.p;
      const fits = (want: AddrtypeMatch["source"], address: number): boolean =>
        want === undefined || want.types.includes(typeOf(kernel, address, ifindex)) !== (want.invert === true);
      return fits(source, src(buf, net)) && fits(destination, dst(buf, net));
    },
  });
}

/** A packet has no way out before it is routed, and none in when it is made here. */
export function addrtypeHooks(spec: AddrtypeMatch): number {
  if (spec.limit === "in") return (1 << PRE_ROUTING) | (1 << LOCAL_IN) | (1 << FORWARD);
  if (spec.limit === "out") return (1 << FORWARD) | (1 << LOCAL_OUT) | (1 << POST_ROUTING);
  return -1;
}

/** net/ipv4/fib_frontend.c:inet_addr_type, and `inet_dev_addr_type` with a device. */
function typeOf(kernel: Kernel, address: number, ifindex: number): AddressType {
  const type = kernel.fib.addressType(address);
  if (ifindex !== 0 && (type === "local" || type === "broadcast") && !isOfDevice(kernel, address, ifindex))
    return "UNICAST";
  const name = type.toUpperCase();
  return (ADDRESS_TYPES as readonly string[]).includes(name) ? (name as AddressType) : "UNICAST";
}

const isOfDevice = (kernel: Kernel, address: number, ifindex: number): boolean =>
  kernel.addresses.list(ifindex).some((a) => a.address === address || a.broadcast === address);

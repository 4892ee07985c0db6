import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { S } from "../../../../core/time.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import {
  CT_ESTABLISHED_REPLY,
  CT_INFO,
  CT_UNTRACKED,
  D_EXPIRES,
  DIR_ORIGINAL,
  directionOf,
  FLOW_SHIFT,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  T_DST,
  T_PORTS,
  T_SRC,
  W_ORIGINAL,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} from "../conntrack/flow.ts";
import type { AddressSpec, Matcher, RuleSpec } from "../rule.ts";
import type { HookState } from "../state.ts";
import type { MatchContext } from "./matches.ts";
import { inPortRange, type PortRange } from "./tcpudp.ts";

export type CtState = "INVALID" | "NEW" | "ESTABLISHED" | "RELATED" | "UNTRACKED" | "SNAT" | "DNAT";
export type CtStatus = "NONE" | "EXPECTED" | "SEEN_REPLY" | "ASSURED" | "CONFIRMED";

/** `-m state --state …`. */
export interface StateMatch {
  readonly kind: "state";
  readonly states: readonly Exclude<CtState, "SNAT" | "DNAT">[];
  readonly invert?: boolean;
}

interface Inverted {
  readonly invert?: boolean;
}

/** `-m conntrack` (net/netfilter/xt_conntrack.c). */
export interface ConntrackMatch {
  readonly kind: "conntrack";
  readonly state?: Inverted & { readonly states: readonly CtState[] };
  readonly protocol?: Inverted & { readonly number: number };
  readonly origsrc?: AddressSpec;
  readonly origdst?: AddressSpec;
  readonly replsrc?: AddressSpec;
  readonly repldst?: AddressSpec;
  readonly origsrcport?: PortRange;
  readonly origdstport?: PortRange;
  readonly replsrcport?: PortRange;
  readonly repldstport?: PortRange;
  readonly status?: Inverted & { readonly statuses: readonly CtStatus[] };
  /** Seconds left. */
  readonly expire?: Inverted & { readonly min: number; readonly max: number };
  readonly direction?: "ORIGINAL" | "REPLY";
}

/** States as bits: those of a flow by `CT_…`, answers like questions. */
const INVALID_BIT = 1 << 8;
const UNTRACKED_BIT = 1 << 9;
const SNAT_BIT = 1 << 10;
const DNAT_BIT = 1 << 11;
const STATE_BITS: Readonly<Record<CtState, number>> = {
  ESTABLISHED: 1,
  RELATED: 2,
  NEW: 4,
  INVALID: INVALID_BIT,
  UNTRACKED: UNTRACKED_BIT,
  SNAT: SNAT_BIT,
  DNAT: DNAT_BIT,
};
const STATUS_BITS: Readonly<Record<CtStatus, number>> = {
  NONE: 0,
  EXPECTED: IPS_EXPECTED,
  SEEN_REPLY: IPS_SEEN_REPLY,
  ASSURED: IPS_ASSURED,
  CONFIRMED: IPS_CONFIRMED,
};

export function makeState(spec: StateMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  const mask = bits(spec.states, STATE_BITS);
  if (mask === 0) return refused("EINVAL");
  context.conntrack();
  const invert = spec.invert === true;
  return granted({
    tracks: true,
    steady: true,
    test: ({ p }) => ((stateOf(p.nfct, p.nfctInfo) & mask) !== 0) !== invert,
  });
}

export function makeConntrack(spec: ConntrackMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  if (Object.keys(spec).length === 1) return refused("EINVAL", "conntrack: At least one option is required");
  const ct = context.conntrack();
  const state = spec.state;
  const mask = state === undefined ? 0 : bits(state.states, STATE_BITS);
  const invert = state?.invert === true;
  const nat = (mask & (SNAT_BIT | DNAT_BIT)) !== 0;
  const rest = Object.keys(spec).some((key) => key !== "kind" && key !== "state");
  const tests = rest ? flowTests(spec, ct) : [];
  return granted({
    tracks: true,
    steady: Object.keys(spec).every((key) => STEADY.has(key)),
    test(s) {
      const { nfct, nfctInfo } = s.p;
      if (state !== undefined) {
        const bits = stateOf(nfct, nfctInfo);
        if ((((nat ? withNat(ct, nfct, bits) : bits) & mask) !== 0) === invert) return false;
      }
      if (nfct === 0) return state !== undefined;
      for (const test of tests) if (!test(s, nfct << FLOW_SHIFT)) return false;
      return true;
    },
  });
}

const stateOf = (nfct: number, nfctInfo: number): number => {
  const info = nfctInfo & CT_INFO;
  if (nfct === 0) return info === CT_UNTRACKED ? UNTRACKED_BIT : INVALID_BIT;
  return 1 << (info >= CT_ESTABLISHED_REPLY ? info - CT_ESTABLISHED_REPLY : info);
};

function withNat(ct: Conntrack, nfct: number, state: number): number {
  if (nfct === 0) return state;
  const status = ct.table.words[(nfct << FLOW_SHIFT) + W_STATUS] as number;
  return state | ((status & IPS_SRC_NAT) !== 0 ? SNAT_BIT : 0) | ((status & IPS_DST_NAT) !== 0 ? DNAT_BIT : 0);
}

const bits = <K extends string>(names: readonly K[], table: Readonly<Record<K, number>>): number =>
  names.reduce((sum, name) => sum | table[name], 0);

/** Options that ask for nothing but the state and status of the flow, and the direction of the packet. */
const STEADY: ReadonlySet<string> = new Set(["kind", "state", "status", "direction"]);

type FlowTest = (s: HookState, o: number) => boolean;

function flowTests(spec: ConntrackMatch, ct: Conntrack): FlowTest[] {
  const { table, kernel } = ct;
  const tests: FlowTest[] = [];
  const word = (o: number): number => table.words[o] as number;
  const { direction, protocol, status, expire } = spec;
  if (direction !== undefined)
    tests.push(({ p }) => (directionOf(p.nfctInfo) === DIR_ORIGINAL) === (direction === "ORIGINAL"));
  const address = (want: AddressSpec | undefined, at: number): void => {
    if (want === undefined) return;
    const mask = want.mask | 0;
    const net = want.address & mask;
    const invert = want.invert === true;
    tests.push((_s, o) => ((word(o + at) & mask) === net) !== invert);
  };
  address(spec.origsrc, W_ORIGINAL + T_SRC);
  address(spec.origdst, W_ORIGINAL + T_DST);
  address(spec.replsrc, W_REPLY + T_SRC);
  address(spec.repldst, W_REPLY + T_DST);
  if (protocol !== undefined)
    tests.push((_s, o) => (word(o + W_PROTOCOL) === protocol.number) !== (protocol.invert === true));
  const port = (want: PortRange | undefined, at: number, shift: number): void => {
    if (want !== undefined) tests.push((_s, o) => inPortRange((word(o + at) >>> shift) & 0xffff, want));
  };
  port(spec.origsrcport, W_ORIGINAL + T_PORTS, 16);
  port(spec.origdstport, W_ORIGINAL + T_PORTS, 0);
  port(spec.replsrcport, W_REPLY + T_PORTS, 16);
  port(spec.repldstport, W_REPLY + T_PORTS, 0);
  if (status !== undefined) {
    const mask = bits(status.statuses, STATUS_BITS);
    tests.push((_s, o) => ((word(o + W_STATUS) & mask) !== 0) !== (status.invert === true));
  }
  if (expire !== undefined) {
    tests.push((_s, o) => {
      const left = Math.floor(((table.doubles[(o >> 1) + D_EXPIRES] as number) - kernel.sim.now) / S);
      return (left >= expire.min && left <= expire.max) !== (expire.invert === true);
    });
  }
  return tests;
}

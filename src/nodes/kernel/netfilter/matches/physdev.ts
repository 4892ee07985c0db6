import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { nameMatcher } from "../names.ts";
import type { Matcher, NameSpec } from "../rule.ts";
import { FORWARD, LOCAL_OUT, POST_ROUTING } from "../state.ts";

/** `-m physdev`: ports of a bridge, of frames that `bridge-nf-call-iptables` shows (net/netfilter/xt_physdev.c). */
export interface PhysdevMatch {
  readonly kind: "physdev";
  readonly in?: NameSpec;
  readonly out?: NameSpec;
  readonly isIn?: { readonly invert?: boolean };
  readonly isOut?: { readonly invert?: boolean };
  readonly isBridged?: { readonly invert?: boolean };
}

export function makePhysdev(spec: PhysdevMatch): Outcome<Matcher> {
  const { isIn, isOut, isBridged } = spec;
  if ([spec.in, spec.out, isIn, isOut, isBridged].every((o) => o === undefined)) return refused("EINVAL");
  const input = spec.in === undefined ? null : nameMatcher(spec.in);
  const output = spec.out === undefined ? null : nameMatcher(spec.out);
  const is = (want: { readonly invert?: boolean } | undefined, fact: boolean): boolean =>
    want === undefined || fact !== (want.invert === true);
  return granted({
    test(s) {
      const { physIn, physOut } = s;
      if (!is(isBridged, physIn !== null && physOut !== null)) return false;
      if (!is(isIn, physIn !== null) || !is(isOut, physOut !== null)) return false;
      if (input !== null && !input(physIn?.name ?? "")) return false;
      return output === null || output(physOut?.name ?? "");
    },
  });
}

/** The way out of a bridge is not known before a packet is bridged: `physdev_mt_check`. */
export function physdevHooks(spec: PhysdevMatch): number {
  const asksOut =
    spec.out !== undefined ||
    (spec.isOut !== undefined && spec.isOut.invert !== true) ||
    (spec.isBridged !== undefined && spec.isBridged.invert !== true && spec.out !== undefined);
  return asksOut ? ~(1 << LOCAL_OUT) : -1;
}
/** Where `--physdev-out` can find something. */
export const PHYSDEV_OUT_HOOKS = (1 << FORWARD) | (1 << POST_ROUTING);

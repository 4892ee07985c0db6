import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { nameMatcher } from "../names.ts";
import type { Matcher, NameSpec } from "../rule.ts";
import { LOCAL_OUT } from "../state.ts";

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

/** The way out of a bridge is not known to what is made here, unless it is bridged (net/netfilter/xt_physdev.c:physdev_mt_check). */
export function physdevHooks({ out, isOut, isBridged }: PhysdevMatch): number {
  const asksOut = out !== undefined || isOut !== undefined;
  const bridged = isBridged !== undefined && isBridged.invert !== true;
  return asksOut && !bridged ? ~(1 << LOCAL_OUT) : -1;
}

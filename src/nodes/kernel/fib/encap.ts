import { done, type Outcome, refused } from "../../../core/errno.ts";
import { IMPLICIT_NULL, LABEL_MAX } from "../../../protocols/mpls/wire.ts";

/** Labels that a way puts on the packets that take it (`struct mpls_iptunnel_encap`): `ip route add … encap mpls 16001/16002`. */
export interface Encap {
  /** Top first. */
  readonly labels: readonly number[];
  /** The TTL of the labels: 1…255; 0: the packet's own; −1: as `net.mpls.ip_ttl_propagate` says. */
  readonly ttl: number;
}

/** MAX_NEW_LABELS. */
const LABELS_MAX = 30;

/** Whether labels may be put on packets (net/mpls/af_mpls.c:nla_get_labels). */
export function checkLabels(labels: readonly number[]): Outcome {
  if (labels.length > LABELS_MAX) return refused("EINVAL", "Too many labels");
  if (labels.includes(IMPLICIT_NULL)) {
    return refused("EINVAL", "Implicit NULL Label (3) can not be used in encapsulation");
  }
  const known = labels.every((label) => Number.isInteger(label) && label >= 0 && label <= LABEL_MAX);
  return known ? done : refused("EINVAL");
}

/** Whether two ways push the same (net/mpls/mpls_iptunnel.c:mpls_encap_cmp). */
export const sameEncap = (a: Encap | null, b: Encap | null): boolean =>
  a === b || (a !== null && b !== null && a.ttl === b.ttl && sameLabels(a.labels, b.labels));

export const sameLabels = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((label, i) => label === b[i]);

import type { Bgp } from "./bgp.ts";
import { type DecisionRules, decide } from "./decision.ts";
import type { Peer } from "./peer.ts";
import { type Path, RibNode, type ToldPath } from "./rib.ts";
import type { AddPathTx } from "./settings.ts";

/** Which paths go to neighbours that take several (RFC 7911; bgpd/bgp_addpath.c). */

/** The paths to a prefix that a neighbour is told of, the best one among them; no more than it asks for. */
export function severalOf(node: RibNode, to: Peer, rules: DecisionRules): readonly Path[] {
  const valid = node.paths.filter((p) => p.valid);
  const limit = to.capabilities?.pathsLimit ?? 0;
  const chosen = chosenOf(valid, to.settings.addPathTx ?? "all", rules);
  return limit === 0 || chosen.length <= limit ? chosen : bestOnes(chosen, limit - 1, rules);
}
function chosenOf(valid: readonly Path[], how: AddPathTx, rules: DecisionRules): readonly Path[] {
  if (how === "all") return valid;
  return how === "bestPerAs" ? bestPerAs(valid, rules) : bestOnes(valid, how, rules);
}

/** The best path of each neighbouring AS. */
function bestPerAs(paths: readonly Path[], rules: DecisionRules): readonly Path[] {
  const groups = new Map<number, Path[]>();
  for (const p of paths) {
    const as = p.attributes.asPath.neighborAs;
    const known = groups.get(as);
    if (known === undefined) groups.set(as, [p]);
    else known.push(p);
  }
  return [...groups.values()].flatMap((group) => bestOf(group, rules) ?? []);
}

/** The best one, and of the others the best so many. */
function bestOnes(paths: readonly Path[], count: number, rules: DecisionRules): readonly Path[] {
  const chosen: Path[] = [];
  let left = paths;
  while (chosen.length <= count && left.length > 0) {
    const best = bestOf(left, rules);
    if (best === undefined) break;
    chosen.push(best);
    left = left.filter((p) => p !== best);
  }
  return chosen;
}

function bestOf(paths: readonly Path[], rules: DecisionRules): Path | undefined {
  const node = new RibNode(0, 0);
  node.paths = [...paths];
  return decide(node, rules).best;
}

/** A path as it is told of: it keeps its number as long as it is there. */
export function toldPath(bgp: Bgp, path: Path): ToldPath {
  const { node } = path;
  path.told ??= { node, address: node.address, length: node.length, pathId: bgp.nextPathId() };
  return path.told;
}

import { CONFED_SEQUENCE } from "./as-path.ts";
import { LLGR_STALE } from "./community.ts";
import { FROM_AGGREGATE, FROM_PEER, FROM_REDISTRIBUTE, type Path, type RibNode } from "./rib.ts";

/** Which of several paths is best (RFC 4271 §9.1.2.2, as bgpd/bgp_route.c:bgp_path_info_cmp extends and orders it). */

/** What `bgp bestpath …` and its like say. */
export interface DecisionRules {
  readonly alwaysCompareMed: boolean;
  readonly deterministicMed: boolean;
  readonly medMissingAsWorst: boolean;
  readonly medConfed: boolean;
  readonly asPathIgnore: boolean;
  readonly asPathConfed: boolean;
  readonly multipathRelax: boolean;
  readonly compareRouterId: boolean;
  /** Internal and external paths may be used together. */
  readonly peerTypeRelax: boolean;
  readonly compareAigp: boolean;
  /** Internal paths are used together only where they came by as many reflectors. */
  readonly equalClusterLength: boolean;
  readonly defaultLocalPref: number;
  /** Paths that may be used at once. */
  readonly maxPathsEbgp: number;
  readonly maxPathsIbgp: number;
  /** The administrative distance of a path; undefined: it plays no part. */
  readonly distanceOf?: (p: Path) => number;
}

/** Debian builds FRR for so many, and that is the default (bgpd/bgpd.c:bgp_create). */
export const MULTIPATH_MAX = 256;

/** `winner`: negative when `a` is better. `equal`: they could be used together. */
interface Comparison {
  readonly winner: number;
  readonly reason: string;
  readonly equal: boolean;
}

const FIRST_PATH = "First path received";
const MED_WORST = 4_294_967_295;

/** Kept and overwritten: comparing is the most frequent thing that a router does. */
const result = { winner: 0, reason: "", equal: false };
function say(winner: number, reason: string, equal = false): Comparison {
  result.winner = winner;
  result.reason = reason;
  result.equal = equal;
  return result;
}

/** Compares two valid paths. The answer is overwritten by the next call. */
function comparePaths(a: Path, b: Path, rules: DecisionRules): Comparison {
  const [x, y] = [a.attributes, b.attributes];
  // RFC 9494 §4.3: the least preferred. FRR gives no reason of its own for that.
  if (x.communities.includes(LLGR_STALE)) return say(1, FIRST_PATH);
  if (y.communities.includes(LLGR_STALE)) return say(-1, FIRST_PATH);
  if (a.kind === FROM_REDISTRIBUTE || b.kind === FROM_REDISTRIBUTE) {
    const distance = compareDistances(a, b, rules);
    if (distance !== 0) return say(distance, "Admin Distance");
  }
  if (x.weight !== y.weight) return say(y.weight - x.weight, "Weight");
  const [xp, yp] = [x.localPref ?? rules.defaultLocalPref, y.localPref ?? rules.defaultLocalPref];
  if (xp !== yp) return say(yp - xp, "Local Pref");
  const local = localRank(a) - localRank(b);
  if (local !== 0) return say(local, "Local Route");
  if (rules.compareAigp && x.aigp !== undefined && y.aigp !== undefined) {
    const aigp = x.aigp + a.nextHop.metric - y.aigp - b.nextHop.metric; // RFC 7311 §4.1
    if (aigp !== 0) return say(aigp, "AIGP");
  }
  if (!rules.asPathIgnore) {
    const hops = pathHops(a, rules) - pathHops(b, rules);
    if (hops !== 0) return say(hops, "AS Path");
  }
  if (x.origin !== y.origin) return say(x.origin - y.origin, "Origin");
  if (comparesMed(a, b, rules)) {
    const med = medOf(a, rules) - medOf(b, rules);
    if (med !== 0) return say(med, "MED");
  }
  const sort = sortRank(a) - sortRank(b);
  if (sort !== 0 && !rules.peerTypeRelax) return say(sort, "Peer Type");
  const metric = a.nextHop.metric - b.nextHop.metric;
  if (metric !== 0) return say(metric, "IGP Metric");
  if (rules.equalClusterLength && a.source.sort === "ibgp" && b.source.sort === "ibgp") {
    const cluster = x.clusterList.length - y.clusterList.length;
    if (cluster !== 0) return say(cluster, "Cluster length");
  }
  if (sort !== 0) return say(sort, "Peer Type", maxPaths(a, rules) > 1 && alike(a, b, rules));
  return compareTies(a, b, rules);
}

/** What is redistributed beside what zebra is told of: as zebra would choose (bgpd/bgp_route.c:bgp_path_info_cmp_distance). */
function compareDistances(a: Path, b: Path, rules: DecisionRules): number {
  const told = a.kind === FROM_REDISTRIBUTE ? b : a;
  if (rules.distanceOf === undefined || (told.kind !== FROM_PEER && told.kind !== FROM_AGGREGATE)) return 0;
  return rules.distanceOf(a) - rules.distanceOf(b);
}

/** What decides between paths that are equally good: a multipath set is made of them. */
function compareTies(a: Path, b: Path, rules: DecisionRules): Comparison {
  const equal = maxPaths(a, rules) > 1 && alike(a, b, rules);
  const [x, y] = [a.attributes, b.attributes];
  const external = a.source.sort === "ebgp" && b.source.sort === "ebgp";
  // Of two external paths the one in use stays, so that routes do not flap.
  if (!rules.compareRouterId && external) {
    if (b === b.node.best) return say(1, "Older Path", equal);
    if (a === a.node.best) return say(-1, "Older Path", equal);
  }
  const id = (x.originatorId ?? a.source.remoteId) - (y.originatorId ?? b.source.remoteId);
  if (id !== 0) return say(id, "Router ID", equal);
  const cluster = x.clusterList.length - y.clusterList.length;
  if (cluster !== 0) return say(cluster, "Cluster length", equal);
  const address = a.source.address - b.source.address;
  if (address !== 0) return say(address, "Neighbor IP", equal);
  return say(a.source.serial - b.source.serial || a.kind - b.kind || a.id - b.id, "Nothing left to compare", equal);
}

/** Lower is better: what this router announces itself, in whatever way, comes first. */
const localRank = (p: Path): number => (p.kind === FROM_PEER ? 1 : 0);

function pathHops(p: Path, rules: DecisionRules): number {
  const { asPath } = p.attributes;
  if (!rules.asPathConfed) return asPath.hops;
  return asPath.segments.reduce((n, s) => n + (s.type >= CONFED_SEQUENCE ? s.as.length : 0), asPath.hops);
}

/** MEDs of one neighbouring AS are comparable, others only where the administrator says so (§9.1.2.2 c). */
function comparesMed(a: Path, b: Path, rules: DecisionRules): boolean {
  if (rules.alwaysCompareMed) return true;
  const [x, y] = [a.attributes.asPath, b.attributes.asPath];
  if (x.neighborAs !== 0 || y.neighborAs !== 0) return x.neighborAs === y.neighborAs;
  if (x.segments.length === 0 && y.segments.length === 0) return true;
  return rules.medConfed && x.first !== undefined && x.first === y.first;
}
const medOf = (p: Path, rules: DecisionRules): number => p.attributes.med ?? (rules.medMissingAsWorst ? MED_WORST : 0);

/** External before internal; what comes from within a confederation counts as internal (RFC 5065 §5.3). */
const sortRank = (p: Path): number =>
  (p.source.sort === "ebgp" && p.source.oad !== true) || p.source.sort === "self" ? 0 : 1;

const maxPaths = (p: Path, rules: DecisionRules): number =>
  p.source.sort === "ibgp" ? rules.maxPathsIbgp : rules.maxPathsEbgp;

/** Whether two equally good paths may be used together. */
function alike(a: Path, b: Path, rules: DecisionRules): boolean {
  if (a.kind !== FROM_PEER || b.kind !== FROM_PEER) return false;
  if (rules.multipathRelax) return true;
  if (a.source.sort === "ibgp") return a.attributes.asPath.same(b.attributes.asPath);
  return a.source.as === b.source.as;
}

/** What the decision has found. */
export interface Decision {
  readonly best: Path | undefined;
  readonly reason: string;
}

/** Chooses the best path of a prefix. FRR looks at the newest path first, and its reason is that of the last comparison. */
export function decide(node: RibNode, rules: DecisionRules): Decision {
  if (node.paths.length < 3) return bestOf(node.paths, rules);
  if (!rules.deterministicMed) return explained(bestOf(node.paths, rules), node.paths, rules);
  // With `bgp deterministic-med` the best path of each neighbouring AS is found first, so that their order plays no part.
  const groups = new Map<number, Path[]>();
  for (const p of node.paths) {
    const as = p.attributes.asPath.neighborAs;
    const known = groups.get(as);
    if (known === undefined) groups.set(as, [p]);
    else known.push(p);
  }
  if (groups.size === 1) return bestOf(node.paths, rules);
  const bests = [...groups.values()].flatMap((paths) => bestOf(paths, rules).best ?? []);
  return bestOf(bests, rules);
}

/** Of many paths the reason is what sets the best one apart from the next best that is not used beside it (FRR 10: bgp_best_selection). */
function explained(d: Decision, paths: readonly Path[], rules: DecisionRules): Decision {
  const { best } = d;
  if (best === undefined || maxPaths(best, rules) <= 1) return d;
  let next: Path | undefined;
  for (let i = 0; i < paths.length; i++) {
    const p = paths[i] as Path;
    if (p === best || !p.nextHop.valid || comparePaths(p, best, rules).equal) continue;
    if (next === undefined || comparePaths(p, next, rules).winner < 0) next = p;
  }
  return next === undefined ? d : { best, reason: comparePaths(next, best, rules).reason };
}

function bestOf(paths: readonly Path[], rules: DecisionRules): Decision {
  let best: Path | undefined;
  let reason = FIRST_PATH;
  for (let i = 0; i < paths.length; i++) {
    const p = paths[i] as Path;
    if (!p.nextHop.valid) continue;
    if (best === undefined) {
      best = p;
      continue;
    }
    const c = comparePaths(p, best, rules);
    reason = c.reason;
    if (c.winner < 0) best = p;
  }
  return { best, reason };
}

/** The paths that are used together, the best one first, then by next hop. */
export function multipaths(best: Path, rules: DecisionRules): readonly Path[] {
  const limit = maxPaths(best, rules);
  if (limit <= 1 || best.kind !== FROM_PEER || best.node.paths.length === 1) return [best];
  const others = best.node.paths.filter((p) => p !== best && p.valid && comparePaths(p, best, rules).equal);
  const distinct = others.filter(
    (p, i) => p.nextHop !== best.nextHop && others.findIndex((q) => q.nextHop === p.nextHop) === i,
  );
  return [best, ...distinct.sort((a, b) => a.nextHop.address - b.nextHop.address)].slice(0, limit);
}

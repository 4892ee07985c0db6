import { type Nanos, S } from "../../core/time.ts";
import type { Views } from "../../frr/views.ts";
import { Hub } from "../../nodes/hub.ts";
import type { Cable } from "../../nodes/link.ts";
import { LabError } from "../errors.ts";
import { Net, type Observer } from "../net.ts";
import type { LabNode } from "../node.ts";
import type { Action, Expectation, TestCase } from "./case.ts";
import { differences, extras } from "./match.ts";

/** How an expectation ended. */
export interface Met {
  readonly expectation: Expectation;
  /** `converged`, or the id of the action after which it was looked at. */
  readonly at: string;
  /** How it differs from what is there; empty: it was met. */
  readonly differences: readonly string[];
  /** Simulated time of the last look. */
  readonly lookedAt: Nanos;
}

/** Time between two looks. */
const LOOK_EVERY: Nanos = 100_000_000;

/** Builds the topology of a case, runs it with its actions, and compares. */
export function runCase(test: TestCase, seed = 1, observer: Observer = {}): readonly Met[] {
  const net = new Net(seed, observer);
  const cables = build(net, test);
  const results = [...look(net, test.expect, "converged", test.within_s)];
  for (const step of test.actions) {
    const begun = net.now;
    for (const action of step.do) act(net, cables, action);
    if (step.settle_s !== undefined) net.runTo(begun + Math.round(step.settle_s * S));
    results.push(...look(net, step.expect, step.id, step.within_s - (net.now - begun) / S));
  }
  return results;
}

/** Looks at the expectations in their order, at each until it holds or the time for all is up. */
function* look(net: Net, expectations: readonly Expectation[], at: string, withinS: number): Generator<Met> {
  const until = net.now + Math.round(withinS * S);
  for (const expectation of expectations) {
    let found = compare(net, expectation);
    while (found.length > 0 && net.now < until) {
      net.runTo(Math.min(net.now + LOOK_EVERY, until));
      found = compare(net, expectation);
    }
    yield { expectation, at, differences: found, lookedAt: net.now };
  }
}

/** Which daemon has a view. */
const daemonOf = (what: Expectation["what"]): string =>
  what === "rib" ? "zebra" : what.startsWith("ospf") ? "ospfd" : "bgpd";

function compare(net: Net, e: Expectation): readonly string[] {
  const daemon = daemonOf(e.what);
  const views = net.node(e.node).kernel.os.local.find<Views>(`views ${daemon}`);
  if (views === undefined) return [`${daemon} does not run`];
  const actual = views.view(e.what, { peer: e.peer, prefixes: e.prefixes });
  if (actual === undefined) return [`${daemon} has no view "${e.what}"`];
  const found = [...differences(e.data, actual)];
  for (const key of e.absent ?? []) if (hasKey(actual, key)) found.push(`${key}: should not be there`);
  if (e.match === "exact") found.push(...extras(e.data, actual));
  if (e.match === "exact" && e.what === "ospf routes") found.push(...extrasInside(e.data, actual));
  return found;
}

/** The lists of `ospf routes`, `networks` and `routers`, are its top level. */
const extrasInside = (expected: Expectation["data"], actual: unknown): readonly string[] =>
  Object.entries(expected).flatMap(([key, list]) => extras(list, (actual as Record<string, unknown>)[key], key));

function hasKey(actual: unknown, key: string): boolean {
  if (Array.isArray(actual)) return actual.some((a) => isNamed(a, key));
  return (
    typeof actual === "object" &&
    actual !== null &&
    (key in actual || Object.values(actual).some((list) => Array.isArray(list) && list.some((a) => isNamed(a, key))))
  );
}
const isNamed = (v: unknown, key: string): boolean =>
  typeof v === "object" && v !== null && ["prefix", "id"].some((name) => (v as Record<string, unknown>)[name] === key);

// --- building ------------------------------------------------------------------------------------------------------

/** Nodes, segments, daemons. Gives the cable of every end. */
function build(net: Net, test: TestCase): ReadonlyMap<string, Cable> {
  for (const name of Object.keys(test.nodes)) net.router(name);
  const segments = new Map<string, string[]>();
  for (const { a, b } of test.links) segments.set(b, [...(segments.get(b) ?? []), a]);
  const cables = new Map<string, Cable>();
  for (const [segment, ends] of segments) {
    const [first, second] = ends.map((end) => endOf(net, end));
    if (ends.length === 2 && first !== undefined && second !== undefined) {
      const cable = net.link(first.node, second.node, { name: first.device, peerName: second.device });
      for (const end of ends) cables.set(end, cable);
    } else joinLan(net, segment, ends, cables);
  }
  for (const [name, { daemons, config }] of Object.entries(test.nodes)) {
    const text = { path: `${name}/frr.conf`, text: config };
    for (const daemon of inOrder(daemons)) net.node(name).run(daemon, text);
  }
  return cables;
}

/** A segment of one end, or of more than two: a learning switch. */
function joinLan(net: Net, segment: string, ends: readonly string[], cables: Map<string, Cable>): void {
  const lan = ends.length === 1 ? net.hub(`lan-${segment}`) : net.switch(`lan-${segment}`);
  for (const end of ends) {
    const { node, device } = endOf(net, end);
    cables.set(end, net.link(node, lan, lan instanceof Hub ? { name: device } : { name: device }));
  }
}

/** zebra first, as FRR starts them. */
const inOrder = (daemons: readonly string[]): readonly string[] => [
  ...daemons.filter((d) => d === "zebra"),
  ...daemons.filter((d) => d !== "zebra"),
];

function endOf(net: Net, end: string): { readonly node: LabNode; readonly device: string } {
  const [node = "", device = ""] = end.split(":");
  return { node: net.node(node), device };
}

// --- acting --------------------------------------------------------------------------------------------------------

function act(net: Net, cables: ReadonlyMap<string, Cable>, action: Action): void {
  switch (action.do) {
    case "config":
      return type(net.node(action.node), ["configure terminal", ...action.lines]);
    case "exec":
      return type(net.node(action.node), [action.command]);
    case "cable":
      return cableOf(cables, action.end).setUp(action.state === "joined");
    case "iface": {
      const { node, device } = endOf(net, action.end);
      return void node.sh(`ip link set ${device} ${action.state}`);
    }
  }
}

function type(node: LabNode, lines: readonly string[]): void {
  node.sh(`vtysh ${lines.map((line) => `-c '${line.replaceAll("'", "'\\''")}'`).join(" ")}`);
}

function cableOf(cables: ReadonlyMap<string, Cable>, end: string): Cable {
  const cable = cables.get(end);
  if (cable === undefined) throw new LabError(`there is no cable at ${end}`);
  return cable;
}

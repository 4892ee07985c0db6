import type { Nanos } from "../../core/time.ts";
import { LabError } from "../errors.ts";
import { type CableOptions, lineQuality } from "../net.ts";
import { duration } from "../quantities.ts";
import { CONFIG_KEYS, EVENT_ACTIONS, LAB_VARS, LINE_KEYS, NODE_VARS } from "./keys.ts";
import type { ClabAction, ClabEvent } from "./lab.ts";
import { type Entry, fail, integerOf, listOf, mapOf, onlyKeys, type Site, textOf, type Value } from "./yaml.ts";

/** netloom's own keys: they stand where containerlab allows free variables. */

const QUEUE_MAX = 1_000_000;
const EVENTS_MAX = 100_000;

/** `vars.netloom` of a link or of one of its ends: what the cable does to frames. */
export function lineVars(vars: Value | undefined, what: string): CableOptions {
  const own = netloomOf(vars, what);
  if (own === undefined) return {};
  const entries = mapOf(own, `${what}: netloom`);
  onlyKeys(entries, LINE_KEYS, `${what}: netloom`, own.path);
  return lineOf(entries, what);
}

/** `config.vars.netloom` of the topology's defaults: the file's map of it, checked for its keys. */
export const labVars = (config: Value | undefined): ReadonlyMap<string, Entry> =>
  configVars(config, LAB_VARS, "topology.defaults");

/** `config.vars.netloom` of a kind, a group or a node. */
export const nodeVars = (config: Value | undefined, what: string): ReadonlyMap<string, Entry> =>
  configVars(config, NODE_VARS, what);

/** A span of time such as `10us`. */
export function spanOf(v: Value, what: string): Nanos {
  const text = textOf(v, what, "a time such as 50us, 1.5ms or 30s");
  return checked(v, () => duration(text, what));
}

/** `seed: 7`. */
export const seedOf = (v: Value): number => integerOf(v, "seed", 0, Number.MAX_SAFE_INTEGER);

/** `capture: [r1-eth1, "r2-*"]`, or one pattern. */
export function captureOf(v: Value): readonly string[] {
  const items = v.kind === "text" ? [v] : listOf(v, "capture");
  return items.map((item) => {
    const pattern = textOf(item, "a pattern of capture", "all, or an interface such as r1-eth1 or r2-*");
    if (!/^[\w.*-]+$/.test(pattern)) fail(item, `capture "${pattern}"`, "all, or an interface such as r1-eth1 or r2-*");
    return pattern;
  });
}

/** What the schedule may name: the lab's nodes and the ends of its cables. */
export interface Known {
  readonly nodes: ReadonlySet<string>;
  /** `node:device`. */
  readonly ends: ReadonlySet<string>;
}

/** `schedule:`, in the order of time. */
export function scheduleOf(v: Value, known: Known): readonly ClabEvent[] {
  const items = listOf(v, "schedule");
  if (items.length > EVENTS_MAX) fail(v, "the schedule is too long", `at most ${EVENTS_MAX} entries`);
  return items.map((item) => eventOf(item, known)).sort((a, b) => a.at - b.at);
}

function eventOf(v: Value, known: Known): ClabEvent {
  const entries = mapOf(v, "an entry of the schedule");
  const at = entries.get("at");
  if (at === undefined) fail(v, 'an entry of the schedule without "at"', "a time such as at: 10s");
  const actions = [...entries.keys()].filter((key) => EVENT_ACTIONS.has(key));
  const [name, second] = actions;
  const possible = [...EVENT_ACTIONS].join(", ");
  if (name === undefined) fail(v, "an entry of the schedule that does nothing", `one of ${possible}`);
  if (second !== undefined) fail(v, `an entry of the schedule with "${name}" and "${second}"`, "one of them");
  const allowed = new Set(["at", name, ...(name === "tune" ? LINE_KEYS : [])]);
  onlyKeys(entries, allowed, `a schedule entry with "${name}"`, v.path);
  const value = (entries.get(name) as Entry).value;
  return { path: v.path, line: v.line, at: spanOf(at.value, "at"), action: actionOf(name, value, entries, known) };
}

function actionOf(name: string, v: Value, entries: ReadonlyMap<string, Entry>, known: Known): ClabAction {
  switch (name) {
    case "exec": {
      const m = /^([^\s:]+):\s*(\S.*)$/s.exec(textOf(v, "exec"));
      if (m === null) return fail(v, "exec without a node", "node: command");
      return { kind: "exec", node: knownNode(v, m[1] as string, known), command: m[2] as string };
    }
    case "power-off":
    case "power-on":
      return { kind: name, node: knownNode(v, textOf(v, name, "a node"), known) };
    case "down":
    case "up":
    case "cut":
    case "mend":
      return { kind: name, ...knownEnd(v, name, known) };
    default:
      return { kind: "tune", ...knownEnd(v, name, known), line: lineOf(entries, "tune") };
  }
}

function knownNode(v: Value, name: string, known: Known): string {
  if (!known.nodes.has(name)) fail(v, `there is no node "${name}"`, "a node of this file");
  return name;
}

function knownEnd(v: Value, what: string, known: Known): { readonly node: string; readonly device: string } {
  const text = textOf(v, what, "an end of a link, such as r1:eth1");
  if (!known.ends.has(text)) fail(v, `no link ends at "${text}"`, "an end of a link, such as r1:eth1");
  const at = text.indexOf(":");
  return { node: text.slice(0, at), device: text.slice(at + 1) };
}

function lineOf(entries: ReadonlyMap<string, Entry>, what: string): CableOptions {
  const options: Record<string, string | number> = {};
  for (const [key, { value }] of entries) {
    if (!LINE_KEYS.has(key)) continue;
    options[key] = key === "queue" ? integerOf(value, key, 0, QUEUE_MAX) : textOf(value, `${what}: ${key}`);
    checked(value, () => lineQuality({ [key]: options[key] }));
  }
  return options;
}

function configVars(config: Value | undefined, known: ReadonlySet<string>, what: string): ReadonlyMap<string, Entry> {
  if (config === undefined) return new Map();
  const entries = mapOf(config, `${what}: config`);
  onlyKeys(entries, CONFIG_KEYS, `${what}: config`, config.path);
  const own = netloomOf(entries.get("vars")?.value, `${what}: config`);
  if (own === undefined) return new Map();
  const vars = mapOf(own, `${what}: netloom`);
  onlyKeys(vars, known, `${what}: netloom`, own.path);
  return vars;
}

const netloomOf = (vars: Value | undefined, what: string): Value | undefined =>
  vars === undefined ? undefined : mapOf(vars, `${what}: vars`).get("netloom")?.value;

/** Runs a reader of the lab's, and gives its complaint a place. */
function checked<T>(at: Site, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LabError) throw new LabError(`${at.path}:${at.line}: ${error.message}`);
    throw error;
  }
}

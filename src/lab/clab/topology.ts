import type { Nanos } from "../../core/time.ts";
import { MGMT_KEYS, NODE_KEYS } from "./keys.ts";
import type { ClabBind, ClabCommand, ClabNode, ClabSysctl } from "./lab.ts";
import { labVars, nodeVars, spanOf } from "./vars.ts";
import { type Entry, fail, listOf, mapOf, onlyKeys, type Site, textOf, type Value } from "./yaml.ts";

const NODES_MAX = 100_000;
const KINDS = ["linux", "bridge"] as const;
/** A bridge is a device of that name. */
const DEVICE_NAME_MAX = 15;
const NODE_NAME = /^[A-Za-z0-9][\w.-]*$/;
const SERVICE_TIME = "service-time";

type Definition = Site & { readonly entries: ReadonlyMap<string, Entry> };
type Definitions = ReadonlyMap<string, Definition>;

/** The definitions of a topology, which nodes inherit from (types/topology.go of containerlab). */
export class Topology {
  readonly defaults: Definition;
  readonly nodes: ReadonlyMap<string, ClabNode>;
  /** Where the management network is spoken of first. */
  readonly mgmt: Site | undefined;
  readonly #kinds: Definitions;
  readonly #groups: Definitions;

  constructor(entries: ReadonlyMap<string, Entry>, at: Site) {
    const defaults = entries.get("defaults")?.value;
    this.defaults = defaults === undefined ? { ...at, entries: new Map() } : definition(defaults, "defaults");
    this.#kinds = definitions(entries.get("kinds")?.value, "kind", (name) => isKind(name));
    this.#groups = definitions(entries.get("groups")?.value, "group");
    const nodes = definitions(entries.get("nodes")?.value, "node");
    if (nodes.size === 0)
      fail(entries.get("nodes")?.value ?? at, "the topology has no nodes", "nodes with their kinds");
    if (nodes.size > NODES_MAX) fail(at, "too many nodes", `at most ${NODES_MAX}`);
    this.mgmt = [this.defaults, ...this.#kinds.values(), ...this.#groups.values(), ...nodes.values()]
      .map(managed)
      .find((site) => site !== undefined);
    this.nodes = new Map([...nodes].map(([name, own]) => [name, this.#node(name, own)]));
    checkKeys(this.defaults, "defaults");
    for (const [name, d] of this.#kinds) checkKeys(d, `kind ${name}`);
    for (const [name, d] of this.#groups) checkKeys(d, `group ${name}`);
  }

  #node(name: string, own: Definition): ClabNode {
    const { path, line } = own;
    if (!NODE_NAME.test(name)) fail(own, `node name "${name}"`, "letters, digits, ., _ and -");
    const kind = this.#kindOf(own);
    if (kind === "") fail(own, `node ${name} has no kind`, "kind: linux or kind: bridge");
    if (!isKind(kind)) fail(own, `node ${name}: kind ${kind} is not built`, "kind: linux or kind: bridge");
    if (kind === "bridge" && name.length > DEVICE_NAME_MAX)
      fail(own, `bridge ${name} cannot be the name of a device`, `at most ${DEVICE_NAME_MAX} characters`);
    checkKeys(own, `node ${name}`);
    const levels = this.#levels(own, kind);
    return {
      path,
      line,
      name,
      kind,
      ownsEth0: networkMode(levels) === "none",
      binds: binds(levels, name),
      sysctls: sysctls(levels),
      exec: exec(levels),
      serviceNs: serviceTime(levels),
    };
  }

  /** The node's own kind, its group's, the default group's, the default one (GetNodeKind). */
  #kindOf(own: Definition): string {
    const group = this.#groups.get(word(own, "group"));
    const defaultGroup = this.#groups.get(word(this.defaults, "group"));
    return word(own, "kind") || word(group, "kind") || word(defaultGroup, "kind") || word(this.defaults, "kind");
  }

  /** From the general to the particular: defaults, kind, group, node. */
  #levels(own: Definition, kind: string): readonly Definition[] {
    const byKind = this.#kinds.get(kind);
    const group = this.#groups.get(word(own, "group") || word(byKind, "group") || word(this.defaults, "group"));
    return [this.defaults, byKind, group, own].filter((level) => level !== undefined);
  }
}

const isKind = (name: string): name is (typeof KINDS)[number] => (KINDS as readonly string[]).includes(name);

function definitions(v: Value | undefined, what: string, relevant = (_: string): boolean => true): Definitions {
  if (v === undefined) return new Map();
  const all = [...mapOf(v, `${what}s`)].filter(([name]) => relevant(name));
  return new Map(
    all.map(([name, { line, value }]) => [name, { ...definition(value, `${what} ${name}`), path: v.path, line }]),
  );
}

/** Its keys are checked by `checkKeys`: of a node after its kind, which says more. */
const definition = (v: Value, what: string): Definition => ({ path: v.path, line: v.line, entries: mapOf(v, what) });

const checkKeys = (d: Definition, what: string): void => onlyKeys(d.entries, NODE_KEYS, what, d.path);

/** A word of a definition; empty when it has none. */
function word(d: Definition | undefined, key: string): string {
  const value = d?.entries.get(key)?.value;
  return value === undefined || value.kind === "none" ? "" : textOf(value, key).trim();
}

function managed(d: Definition): Site | undefined {
  const key = MGMT_KEYS.find((k) => d.entries.has(k));
  return key === undefined ? undefined : { path: d.path, line: (d.entries.get(key) as Entry).line };
}

/** Containers share no namespaces here: `network-mode` is the bridge of the management network, or nothing. */
function networkMode(levels: readonly Definition[]): string {
  const level = levels.findLast((l) => word(l, "network-mode") !== "");
  const mode = word(level, "network-mode");
  if (level === undefined || mode === "none" || mode === "bridge") return mode;
  return fail(
    (level.entries.get("network-mode") as Entry).value,
    `network-mode ${mode} is not built`,
    "bridge or none",
  );
}

/** Lists of all levels one after the other, each item once (utils/env.go:MergeStringSlices). */
function merged(levels: readonly Definition[], key: string): Value[] {
  const seen = new Set<string>();
  const items = levels.flatMap((level) => {
    const value = level.entries.get(key)?.value;
    return value === undefined ? [] : listOf(value, key);
  });
  return items.filter((item) => {
    const text = textOf(item, `an item of ${key}`);
    return !seen.has(text) && seen.add(text);
  });
}

const exec = (levels: readonly Definition[]): readonly ClabCommand[] =>
  merged(levels, "exec").map((v) => ({ path: v.path, line: v.line, command: textOf(v, "exec") }));

/** Of two binds to one target the more particular one counts (GetNodeBinds). */
function binds(levels: readonly Definition[], node: string): readonly ClabBind[] {
  const byTarget = new Map<string, ClabBind>();
  for (const v of merged(levels, "binds")) {
    const text = textOf(v, "a bind").replaceAll("__clabNodeName__", node);
    const [source = "", target = "", mode, more] = text.split(":");
    if (source === "" || target === "" || more !== undefined || (mode !== undefined && !/^[\w,]+$/.test(mode)))
      fail(v, `bind "${text}"`, "SOURCE:TARGET, such as r1/frr.conf:/etc/frr/frr.conf");
    if (/__clab\w+__/.test(source)) fail(v, `bind "${text}": containerlab's own directories are not built`, "a path");
    byTarget.set(target, { path: v.path, line: v.line, source, target });
  }
  return [...byTarget.values()];
}

function sysctls(levels: readonly Definition[]): readonly ClabSysctl[] {
  const byKey = new Map<string, ClabSysctl>();
  for (const level of levels) {
    const value = level.entries.get("sysctls")?.value;
    if (value === undefined) continue;
    for (const [key, entry] of mapOf(value, "sysctls"))
      byKey.set(key, { path: level.path, line: entry.line, key, value: textOf(entry.value, `sysctl ${key}`).trim() });
  }
  return [...byKey.values()];
}

/** The most particular level that names one. */
function serviceTime(levels: readonly Definition[]): Nanos | undefined {
  let span: Nanos | undefined;
  for (const [i, level] of levels.entries()) {
    const config = level.entries.get("config")?.value;
    const vars = i === 0 ? labVars(config) : nodeVars(config, "a kind, group or node");
    const value = vars.get(SERVICE_TIME)?.value;
    if (value !== undefined) span = spanOf(value, SERVICE_TIME);
  }
  return span;
}

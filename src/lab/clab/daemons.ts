import { DAEMONS } from "../../nodes/daemons.ts";
import { LabError } from "../errors.ts";
import type { ClabBind, ClabNode } from "./lab.ts";
import { fail, type Site } from "./yaml.ts";

/** A daemon that a node's files ask for. Its factory gets a `DaemonText`. */
export interface Wanted {
  readonly name: string;
  readonly config: DaemonText;
  /** Where it is asked for, for messages: `r1/daemons:3`. */
  readonly because: string;
}
/** The configuration of a daemon that was given as a file. */
export interface DaemonText {
  /** For messages. */
  readonly path: string;
  readonly text: string;
}

/** Gives a file's text; a `LabError` when it cannot be read. */
export type ReadFile = (path: string) => string;

const FRR = "/etc/frr";
/** The files of a node that mean a daemon of their own. */
const CONFIGS: ReadonlyMap<string, string> = new Map([
  ["/etc/keepalived/keepalived.conf", "keepalived"],
  ["/etc/dnsmasq.conf", "dnsmasq"],
]);
/** Binds that change nothing here. */
const WITHOUT_EFFECT = new Set([
  "/etc/frr/vtysh.conf",
  "/lib/modules",
  "/etc/localtime",
  "/etc/hosts",
  "/etc/hostname",
]);

/** In the order in which FRR starts them (tools/frrcommon.sh.in). */
const FRR_DAEMONS = (
  "mgmtd zebra bgpd ripd ripngd ospfd ospf6d isisd babeld pimd pim6d ldpd nhrpd eigrpd sharpd pbrd staticd bfdd fabricd " +
  "vrrpd pathd"
).split(" ");
/** The file of one daemon, from before there was an `frr.conf`. */
const FRR_OWN = new RegExp(`^${FRR}/(${FRR_DAEMONS.join("|")})\\.conf$`);
/** Those of IPv6, which is not built: they are told of, and not started. */
const FRR_IPV6 = new Set(["ripngd", "ospf6d", "pim6d"]);
/** Lines of `daemons` that are about how FRR is started. */
const FRR_STARTING = /^(\w+_options|\w+_wrap|vtysh_enable|watchfrr_\w+|frr_\w+|FRR_\w+|MAX_FDS|all_wrap)\s*\+?=/;
/** Lines of `frr.conf` that ask nothing of zebra. */
const FRR_WITHOUT_EFFECT =
  /^([!#]|frr (version|defaults)\b|hostname\b|domainname\b|(no )?log\b|(no )?service\b|no ipv6 forwarding\b|(enable )?password\b|username\b|line vty\b|(exit|end)\b|$)/;

/**
 * The daemons that the binds of a node ask for: those with `=yes` in `/etc/frr/daemons`; zebra and staticd, which FRR always starts, when
 * `frr.conf` configures anything; keepalived and dnsmasq when they have a configuration.
 * What is left out because it is IPv6 is added to `left`.
 */
export function wantedDaemons(node: ClabNode, read: ReadFile, left: string[]): readonly Wanted[] {
  const wanted: Wanted[] = [];
  const frr: FrrFiles = { own: new Map() };
  for (const bind of node.binds) {
    const target = bind.target.replace(/\/+$/, "");
    const daemon = CONFIGS.get(target);
    if (daemon !== undefined) wanted.push({ name: daemon, config: must(bind, read), because: bind.source });
    else if (target === `${FRR}/daemons`) frr.daemons = must(bind, read);
    else if (target === `${FRR}/frr.conf`) frr.conf = must(bind, read);
    else if (FRR_OWN.test(target)) frr.own.set(FRR_OWN.exec(target)?.[1] as string, must(bind, read));
    else if (target === FRR) readDirectory(bind, read, frr);
    else if (!WITHOUT_EFFECT.has(target)) {
      const known = [`${FRR}/daemons`, `${FRR}/frr.conf`, ...CONFIGS.keys()].join(", ");
      fail(bind, `a bind to ${target} is not built`, `one of ${known}`);
    }
  }
  return [...frrDaemons(frr, left), ...wanted];
}

/** Refuses a node that wants what is not built. */
export function checkDaemons(node: ClabNode, wanted: readonly Wanted[]): void {
  const missing = wanted.filter((w) => !DAEMONS.has(w.name));
  if (missing.length === 0) return;
  const names = missing.map((w) => `${w.name} (${w.because})`).join(", ");
  const built = [...DAEMONS.keys()].join(", ") || "none yet";
  const verb = missing.length === 1 ? "daemon is" : "daemons are";
  throw new LabError(`${node.path}:${node.line}: node ${node.name}: ${verb} not built: ${names}; built: ${built}`);
}

/** The files of FRR: which daemons run, what they are all told, and what each is told alone while there is no `frr.conf`. */
interface FrrFiles {
  daemons?: DaemonText;
  conf?: DaemonText;
  readonly own: Map<string, DaemonText>;
}

function frrDaemons(frr: FrrFiles, left: string[]): Wanted[] {
  const asked = frr.daemons === undefined ? new Map<string, string>() : readDaemons(frr.daemons, left);
  const { conf, own } = frr;
  const files = conf === undefined ? [...own.values()] : [conf];
  for (const conf of files) for (const [name, because] of always(conf)) if (!asked.has(name)) asked.set(name, because);
  const config = conf ?? { path: frr.daemons?.path ?? "", text: "" };
  return FRR_DAEMONS.flatMap((name) => {
    const because = asked.get(name);
    return because === undefined ? [] : [{ name, config: conf ?? own.get(name) ?? config, because }];
  });
}

/** What runs whatever `daemons` says, as far as the configuration has work for it. */
function always(conf: DaemonText): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const [i, raw] of conf.text.split("\n").entries()) {
    const line = raw.trim();
    if (FRR_WITHOUT_EFFECT.test(line)) continue;
    const because = `${conf.path}:${i + 1}`;
    for (const name of ["zebra", "staticd"]) if (!wanted.has(name)) wanted.set(name, because);
  }
  return wanted;
}

/** The daemons with `=yes`, and where. zebra and staticd run in any case: alone they have nothing to do. */
function readDaemons(file: DaemonText, left: string[]): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const [i, raw] of file.text.split("\n").entries()) {
    const line = raw.replace(/#.*/, "").trim();
    const at = { path: file.path, line: i + 1 };
    const m = /^(\w+)\s*=\s*"?(\w+)"?$/.exec(line);
    const name = m?.[1] ?? "";
    if (line === "" || FRR_STARTING.test(line)) continue;
    if (m === null || !FRR_DAEMONS.includes(name) || (m[2] !== "yes" && m[2] !== "no"))
      fail(at, `"${line}"`, "a daemon of FRR with =yes or =no");
    if (m[2] === "no" || name === "zebra" || name === "staticd" || name === "mgmtd") continue;
    if (FRR_IPV6.has(name)) left.push(`${file.path}:${i + 1} (${name})`);
    else wanted.set(name, `${file.path}:${i + 1}`);
  }
  return wanted;
}

/** A directory over `/etc/frr`: its files, as far as there are any. */
function readDirectory(bind: ClabBind, read: ReadFile, frr: FrrFiles): void {
  const inside = (name: string): DaemonText | undefined => {
    const path = `${bind.source.replace(/\/+$/, "")}/${name}`;
    return attempt(() => ({ path, text: read(path) }));
  };
  const [daemons, conf] = [inside("daemons"), inside("frr.conf")];
  for (const name of FRR_DAEMONS) {
    const own = inside(`${name}.conf`);
    if (own !== undefined) frr.own.set(name, own);
  }
  if (daemons === undefined && conf === undefined && frr.own.size === 0)
    fail(bind, `bind ${bind.source}: no daemons and no frr.conf in it`, "a directory with FRR's files");
  if (daemons !== undefined) frr.daemons = daemons;
  if (conf !== undefined) frr.conf = conf;
}

function must(bind: ClabBind & Site, read: ReadFile): DaemonText {
  const text = attempt(() => read(bind.source));
  if (text === undefined) return fail(bind, `bind ${bind.source}: no such file, or not readable`, "a file");
  return { path: bind.source, text };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LabError) return undefined;
    throw error;
  }
}

import type { Ipv4 } from "../../core/addr.ts";
import { addFdb, deleteFdb, type FdbFlush, type FdbRequest, flushFdb } from "../../nodes/kernel/dev/fdb-requests.ts";
import { Args, type Option, option, readOptions } from "../ip/args.ts";
import { garbage, usage, wrong } from "../ip/exit.ts";
import { parseAddress, parseUnsigned } from "../ip/values.ts";
import { answer, type Bridge, bridgeNamed, deviceNamed, notBuilt, unknown } from "./context.ts";
import { getEntry, showEntries } from "./fdb-show.ts";
import { FDB_USAGE, readAddress, readMac, readVlan } from "./fdb-words.ts";

/** `bridge fdb` (bridge/fdb.c:do_fdb). */
export function fdb(b: Bridge, args: Args): void {
  if (!args.more) return showEntries(b, args);
  const rest = new Args(args.rest.slice(1));
  for (const mode of ["add", "append", "replace"] as const) {
    if (!args.abbreviates(mode)) continue;
    const { dev, request } = readEntry(b, rest);
    return answer(addFdb(deviceNamed(b, dev), request, mode));
  }
  if (args.abbreviates("delete")) {
    const { dev, request } = readEntry(b, rest);
    return answer(deleteFdb(deviceNamed(b, dev), request));
  }
  if (args.abbreviates("get")) return getEntry(b, rest);
  if (args.abbreviates("show", "lst", "list")) return showEntries(b, rest);
  if (args.is("flush")) return flush(b, rest);
  if (args.abbreviates("help")) throw usage(FDB_USAGE);
  throw usage(`Command "${args.word}" is unknown, try "bridge fdb help".`);
}

interface Draft {
  readonly b: Bridge;
  dev?: string;
  address?: string;
  dst?: Ipv4;
  port?: number;
  vni?: number;
  via?: string;
  vid?: number;
  self: boolean;
  master: boolean;
  permanent: boolean;
  reachable: boolean;
  noarp: boolean;
  use: boolean;
  external: boolean;
  sticky: boolean;
}

const OPTIONS: readonly Option<Draft>[] = [
  option("=dev", (d, args) => {
    d.dev = args.next();
  }),
  option("=dst", (d, args) => {
    const text = args.next();
    if (d.dst !== undefined) throw garbage("dst", text);
    if (text.includes(":")) throw notBuilt(`IPv6 ("${text}")`);
    d.dst = parseAddress(text, "");
  }),
  unbuilt("=nhid"),
  option("=port", (d, args) => {
    d.port = parseUnsigned(args.next(), 0xffff);
    if (d.port === undefined) throw wrong("invalid port\n", args.word);
  }),
  option("=vni", (d, args) => {
    d.vni = parseUnsigned(args.next(), 0xffffff);
    if (d.vni === undefined) throw wrong("invalid VNI\n", args.word);
  }),
  unbuilt("=src_vni"),
  option("=via", (d, args) => {
    d.via = deviceNamed(d.b, args.next()).name;
  }),
  option("=self", (d) => {
    d.self = true;
  }),
  option("master", (d) => {
    d.master = true;
  }),
  unbuilt("router"),
  option("local|permanent", (d) => {
    d.permanent = true;
  }),
  option("temp|static", (d) => {
    d.reachable = true;
  }),
  option("dynamic", (d) => {
    d.reachable = true;
    d.noarp = false;
  }),
  option("vlan", (d, args) => {
    d.vid = readVlan(args, d.vid);
  }),
  option("use", (d) => {
    d.use = true;
  }),
  option("extern_learn", (d) => {
    d.external = true;
  }),
  option("sticky", (d) => {
    d.sticky = true;
  }),
];

function unbuilt(names: string): Option<Draft> {
  return option(names, (_, args) => {
    throw notBuilt(`"${args.word}"`);
  });
}

/** bridge/fdb.c:fdb_modify. */
function readEntry(b: Bridge, args: Args): { readonly dev: string; readonly request: FdbRequest } {
  const flags = { self: false, master: false, permanent: false, reachable: false, noarp: true };
  const d: Draft = { b, ...flags, use: false, external: false, sticky: false };
  readOptions(args, OPTIONS, d, (draft, words) => {
    draft.address = readAddress(words, draft.address);
  });
  if (d.dev === undefined || d.address === undefined) throw usage("Device and address are required arguments.");
  const request: FdbRequest = {
    mac: readMac(d.address),
    vid: d.vid === undefined || d.vid < 0 ? undefined : d.vid,
    state: d.permanent || !d.reachable ? "permanent" : d.noarp ? "static" : "dynamic",
    self: d.self || !d.master,
    master: d.master,
    sticky: d.sticky,
    use: d.use,
    external: d.external,
    dst: d.dst,
    port: d.port || undefined,
    vni: d.vni,
    via: d.via,
  };
  return { dev: d.dev, request };
}

type Flush = { -readonly [K in keyof FdbFlush]: FdbFlush[K] } & { dev?: string; port?: string };

const SWITCHES = { added_by_user: "user", extern_learn: "external", sticky: "sticky", offloaded: "offloaded" } as const;

const FLUSH_OPTIONS: readonly Option<Flush>[] = [
  option("=dev", (f, args) => {
    f.dev = args.next();
  }),
  option("=master", (f) => {
    f.master = true;
  }),
  option("=self", (f) => {
    f.self = true;
  }),
  option("=permanent", (f) => {
    f.permanent = true;
  }),
  option("=nopermanent", (f) => {
    f.permanent = false;
  }),
  option("=static", (f) => {
    f.static = true;
    f.permanent ??= false;
  }),
  option("=nostatic", (f) => {
    f.static = false;
  }),
  option("=dynamic", (f) => {
    f.static = false;
    f.permanent ??= false;
  }),
  option("=nodynamic", (f) => {
    f.static = true;
  }),
  ...Object.entries(SWITCHES).flatMap(([name, key]) => [
    option<Flush>(`=${name}`, (f) => {
      f[key] = true;
    }),
    option<Flush>(`=no${name}`, (f) => {
      f[key] = false;
    }),
  ]),
  option("=brport", (f, args) => {
    if (f.port !== undefined) throw garbage("brport", args.word);
    f.port = args.next();
  }),
  option("=vlan", (f, args) => {
    f.vid = readVlan(args, f.vid);
  }),
];

/** bridge/fdb.c:fdb_flush. */
function flush(b: Bridge, args: Args): void {
  const f: Flush = {
    ...{ self: false, master: false, vid: undefined, brport: undefined, permanent: undefined, static: undefined },
    ...{ user: undefined, external: undefined, sticky: undefined, offloaded: undefined },
  };
  readOptions(args, FLUSH_OPTIONS, f, (_, words) => {
    throw unknown("fdb flush", words.word);
  });
  if (f.dev === undefined) throw usage("Device is a required argument.");
  const dev = bridgeNamed(b, f.dev);
  if (f.port !== undefined) f.brport = bridgeNamed(b, f.port, "bridge port device");
  if (f.vid !== undefined && f.vid >= 4096) throw usage(`Invalid VLAN ID "${f.vid}"`);
  if (f.vid !== undefined && f.vid < 0) f.vid = undefined;
  f.self ||= !f.master;
  answer(flushFdb(dev, f));
}

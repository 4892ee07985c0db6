import { formatIp, formatPrefix, type Ipv4, lengthOfMask, networkOf, type Prefix } from "../../core/addr.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Said } from "../command.ts";
import type { FrrInstance } from "../daemon.ts";
import type { Args } from "../pattern.ts";
import { configurationFailed, tableFull } from "../refusal.ts";
import type { ConfigBlock } from "../vty.ts";
import type { NexthopState, ZebraClient, ZebraInterface, ZebraNexthop, ZebraSession, Zserv } from "../zapi.ts";

/** A next hop as it is configured. */
interface StaticHop {
  /** 0: directly over the device. */
  readonly gateway: Ipv4;
  readonly ifname: string;
  readonly blackhole: "blackhole" | "reject" | "null0" | undefined;
  readonly onlink: boolean;
}

/** The next hops of one prefix, table and distance (`struct static_path`). */
interface Path {
  readonly table: number | undefined;
  readonly distance: number;
  tag: number;
  hops: readonly StaticHop[];
  /** zebra has it. */
  sent: boolean;
}

/** Prefixes, at most. */
const ROUTES_MAX = 100_000;
/** How long until zebra is looked for again. */
const RETRY: Nanos = 1 * S;

/** staticd of one node: `ip route`. A route goes to zebra while one of its next hops leads somewhere. */
export class Staticd implements FrrInstance {
  readonly #os: Os;
  readonly #routes = new Map<string, { readonly prefix: Prefix; paths: readonly Path[] }>();
  readonly #reached = new Map<Ipv4, boolean>();
  /** Those that are up and run. */
  readonly #interfaces = new Set<string>();
  readonly #retry: OsAlarm;
  #session: ZebraSession | undefined;

  constructor(os: Os) {
    this.#os = os;
    this.#retry = os.alarm(() => this.#connect());
    this.#connect();
  }

  stop(): void {
    this.#retry.set(NEVER);
    this.#session?.close();
    this.#session = undefined;
  }
  show(): unknown {
    return this.#sorted().map(({ prefix, paths }) => ({ prefix: formatPrefix(prefix), paths }));
  }
  busy(): boolean {
    return false;
  }
  writeConfig(): readonly ConfigBlock[] {
    const lines = this.#sorted().flatMap(({ prefix, paths }) =>
      [...paths]
        .sort((a, b) => (a.table ?? 0) - (b.table ?? 0) || a.distance - b.distance)
        .flatMap((path) => path.hops.map((hop) => `ip route ${formatPrefix(prefix)} ${hopText(hop, path)}`)),
    );
    return lines.length === 0 ? [] : [{ section: "static", head: "", lines }];
  }

  /** `ip route …` and `no ip route …`. */
  configure(a: Args, on: boolean): Said {
    const prefix = prefixOf(a);
    if (prefix === undefined) return { refused: "% Malformed address\n" };
    const hop = hopOf(a);
    const key = formatPrefix(prefix);
    const route = this.#routes.get(key) ?? { prefix, paths: [] };
    const [table, distance] = [a.findInt("table"), a.findInt("distance") ?? 1];
    const path = route.paths.find((p) => p.table === table && p.distance === distance);
    if (!on) return this.#remove(key, path, hop);
    if (this.#routes.size >= ROUTES_MAX) return tableFull("static routes", ROUTES_MAX);
    if (path?.hops.some((h) => (h.blackhole === undefined) !== (hop.blackhole === undefined)))
      return configurationFailed("Route cannot have blackhole and non-blackhole nexthops simultaneously");
    const made = path ?? { table, distance, tag: 0, hops: [], sent: false };
    made.tag = a.findInt("tag") ?? 0;
    if (path === undefined) route.paths = [...route.paths, made];
    if (!made.hops.some((h) => sameHop(h, hop))) made.hops = [...made.hops, hop];
    this.#routes.set(key, route);
    this.#watch(hop);
    this.#send(prefix, made);
  }

  #remove(key: string, path: Path | undefined, hop: StaticHop): Said {
    const route = this.#routes.get(key);
    if (route === undefined || !path?.hops.some((h) => sameHop(h, hop)))
      return "% Refusing to remove a non-existent route\n";
    path.hops = path.hops.filter((h) => !sameHop(h, hop));
    this.#send(route.prefix, path);
    if (path.hops.length === 0) route.paths = route.paths.filter((p) => p !== path);
    if (route.paths.length === 0) this.#routes.delete(key);
    this.#unwatch(hop);
  }

  /** Gives zebra what is valid of a path, or takes it back (staticd/static_zebra.c:static_zebra_route_add). */
  #send(prefix: Prefix, path: Path): void {
    const session = this.#session;
    if (session === undefined) return;
    const { table, distance, tag } = path;
    const nexthops = path.hops.filter((h) => this.#valid(h)).map(zebraHop);
    if (nexthops.length > 0) {
      session.add(prefix, {
        nexthops,
        distance,
        metric: 0,
        tag,
        recursive: true,
        ...(table === undefined ? {} : { table }),
      });
    } else if (path.sent) session.remove(prefix, { table, distance });
    path.sent = nexthops.length > 0;
  }
  #valid(h: StaticHop): boolean {
    if (h.blackhole !== undefined) return true;
    if (h.gateway === 0 || h.onlink) return this.#interfaces.has(h.ifname);
    return this.#reached.get(h.gateway) ?? false;
  }
  #sendWith(uses: (h: StaticHop) => boolean): void {
    for (const { prefix, paths } of this.#routes.values())
      for (const path of paths) if (path.hops.some(uses)) this.#send(prefix, path);
  }

  #watch(hop: StaticHop): void {
    if (hop.gateway === 0 || this.#reached.has(hop.gateway)) return;
    this.#reached.set(hop.gateway, false);
    this.#session?.watchNexthop(hop.gateway, true);
  }
  #unwatch({ gateway }: StaticHop): void {
    if (gateway === 0) return;
    for (const { paths } of this.#routes.values())
      for (const path of paths) if (path.hops.some((h) => h.gateway === gateway)) return;
    this.#reached.delete(gateway);
    this.#session?.watchNexthop(gateway, false);
  }

  #connect(): void {
    const zserv = this.#os.local.find<Zserv>("zserv");
    if (zserv === undefined) {
      this.#retry.set(this.#os.now() + RETRY);
      return;
    }
    this.#session = zserv.connect(this.#client());
    for (const gateway of this.#reached.keys()) this.#session.watchNexthop(gateway, true);
    this.#sendWith(() => true);
  }
  #client(): ZebraClient {
    return {
      kind: "static",
      interfaceChanged: (i: ZebraInterface) => {
        const [known, now] = [this.#interfaces.has(i.ifname), i.up && i.running];
        if (now) this.#interfaces.add(i.ifname);
        else this.#interfaces.delete(i.ifname);
        if (known !== now) this.#sendWith((h) => h.ifname === i.ifname);
      },
      interfaceRemoved: (ifname) => {
        this.#interfaces.delete(ifname);
        this.#sendWith((h) => h.ifname === ifname);
      },
      routerId: () => {},
      redistributed: () => {},
      unredistributed: () => {},
      nexthopChanged: (n: NexthopState) => {
        this.#reached.set(n.address, n.nexthops.length > 0);
        this.#sendWith((h) => h.gateway === n.address);
      },
    };
  }

  #sorted() {
    return [...this.#routes.values()].sort(
      (a, b) => a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length,
    );
  }
}

function prefixOf(a: Args): Prefix | undefined {
  if (a.has("prefix")) {
    const { address, length } = a.prefix("prefix");
    return { address: networkOf(address, length), length };
  }
  const length = lengthOfMask(a.ip("mask"));
  return length === undefined ? undefined : { address: networkOf(a.ip("dst"), length), length };
}

function hopOf(a: Args): StaticHop {
  const ifname = a.find("ifname") ?? "";
  const flag = a.find("flag");
  const blackhole =
    flag === "reject" ? "reject" : flag === "blackhole" ? "blackhole" : /^null0$/i.test(ifname) ? "null0" : undefined;
  return {
    gateway: blackhole === undefined ? (a.findIp("gateway") ?? 0) : 0,
    ifname: blackhole === undefined ? ifname : "",
    blackhole,
    onlink: a.has("onlink"),
  };
}

const sameHop = (a: StaticHop, b: StaticHop): boolean =>
  a.gateway === b.gateway && a.ifname === b.ifname && a.blackhole === b.blackhole;

const zebraHop = (h: StaticHop): ZebraNexthop => ({
  gateway: h.gateway,
  ...(h.ifname === "" ? {} : { ifname: h.ifname }),
  ...(h.onlink ? { onlink: true } : {}),
  ...(h.blackhole === undefined ? {} : { blackhole: h.blackhole }),
});

/** staticd/static_vty.c: gateway, device, tag, distance, table, onlink. */
function hopText(h: StaticHop, path: Path): string {
  const way = h.blackhole === "null0" ? ["Null0"] : h.blackhole === undefined ? [] : [h.blackhole];
  return [
    ...way,
    ...(h.gateway === 0 ? [] : [formatIp(h.gateway)]),
    ...(h.ifname === "" ? [] : [h.ifname]),
    ...(path.tag === 0 ? [] : [`tag ${path.tag}`]),
    ...(path.distance === 1 ? [] : [String(path.distance)]),
    ...(path.table === undefined ? [] : [`table ${path.table}`]),
    ...(h.onlink ? ["onlink"] : []),
  ].join(" ");
}

import { formatIp, formatPrefix, type Ipv4, lengthOfMask, networkOf, type Prefix } from "../../core/addr.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Said } from "../command.ts";
import type { FrrInstance } from "../daemon.ts";
import type { DaemonLog } from "../log.ts";
import type { Args } from "../pattern.ts";
import { configurationFailed, tableFull } from "../refusal.ts";
import type { ConfigBlock } from "../vty.ts";
import type { NexthopState, ZebraClient, ZebraInterface, ZebraNexthop, ZebraSession, Zserv } from "../zapi.ts";

/** A next hop as it is configured: what it is, and behind that what is said of it. */
interface StaticHop {
  /** 0: directly over the device. */
  readonly gateway: Ipv4;
  readonly ifname: string;
  readonly blackhole: "blackhole" | "reject" | "null0" | undefined;
  readonly table: number | undefined;
  readonly onlink: boolean;
  readonly distance: number;
  readonly metric: number;
  readonly tag: number;
  readonly weight: number | undefined;
}
interface StaticRoute {
  readonly prefix: Prefix;
  hops: readonly StaticHop[];
  /** Tables and distances of what zebra has. */
  sent: readonly Told[];
}
interface Told {
  readonly table: number | undefined;
  readonly distance: number;
}

/** Prefixes, at most. */
const ROUTES_MAX = 100_000;
/** How long until zebra is looked for again. */
const RETRY: Nanos = 1 * S;

/** staticd of one node: `ip route`. A route goes to zebra while one of its next hops leads somewhere. */
export class Staticd implements FrrInstance {
  readonly log: DaemonLog;
  readonly #os: Os;
  readonly #routes = new Map<string, StaticRoute>();
  readonly #reached = new Map<Ipv4, boolean>();
  /** Those that are up and run. */
  readonly #interfaces = new Set<string>();
  readonly #retry: OsAlarm;
  #session: ZebraSession | undefined;

  constructor(os: Os, log: DaemonLog) {
    this.#os = os;
    this.log = log;
    this.#retry = os.alarm(() => this.#connect());
    this.#connect();
  }

  stop(): void {
    this.#retry.set(NEVER);
    this.#session?.close();
    this.#session = undefined;
  }
  show(): unknown {
    return this.#sorted().map(({ prefix, hops }) => ({ prefix: formatPrefix(prefix), hops }));
  }
  busy(): boolean {
    return false;
  }
  writeConfig(): readonly ConfigBlock[] {
    const lines = this.#sorted().flatMap(({ prefix, hops }) =>
      [...hops]
        .sort((a, b) => (a.table ?? 0) - (b.table ?? 0) || a.distance - b.distance)
        .map((hop) => `ip route ${formatPrefix(prefix)} ${hopText(hop)}`),
    );
    return lines.length === 0 ? [] : [{ section: "static", head: "", lines }];
  }

  /** `ip route …` and `no ip route …`: a next hop that is there already is changed, and one that goes may be named alone. */
  configure(a: Args, on: boolean): Said {
    const prefix = prefixOf(a);
    if (prefix === undefined) return { refused: "% Malformed address\n" };
    const hop = hopOf(a);
    const key = formatPrefix(prefix);
    const route = this.#routes.get(key) ?? { prefix, hops: [], sent: [] };
    if (!on) return this.#remove(key, route, hop);
    if (this.#routes.size >= ROUTES_MAX) return tableFull("static routes", ROUTES_MAX);
    const others = route.hops.filter((h) => !sameHop(h, hop));
    if (others.some((h) => sameGroup(h, hop) && (h.blackhole === undefined) !== (hop.blackhole === undefined)))
      return configurationFailed("Route cannot have blackhole and non-blackhole nexthops simultaneously");
    const at = route.hops.findIndex((h) => sameHop(h, hop));
    const moves = at >= 0 && !sameGroup(route.hops[at] as StaticHop, hop);
    route.hops = at < 0 || moves ? [...others, hop] : route.hops.map((h, i) => (i === at ? hop : h));
    this.#routes.set(key, route);
    this.#watch(hop);
    this.#send(route);
  }

  #remove(key: string, route: StaticRoute, hop: StaticHop): Said {
    if (!route.hops.some((h) => sameHop(h, hop))) return "% Refusing to remove a non-existent route\n";
    route.hops = route.hops.filter((h) => !sameHop(h, hop));
    this.#send(route);
    if (route.hops.length === 0) this.#routes.delete(key);
    this.#unwatch(hop);
  }

  /** Gives zebra what is valid, by table and distance, and takes back what is not (staticd/static_zebra.c:static_zebra_route_add). */
  #send(route: StaticRoute): void {
    const session = this.#session;
    if (session === undefined) return;
    const { prefix, sent } = route;
    const groups = this.#groups(route);
    for (const { table, distance } of sent)
      if (!groups.some((g) => g.table === table && g.distance === distance))
        session.remove(prefix, { table, distance });
    for (const { table, distance, hops } of groups) {
      session.add(prefix, {
        ...{ nexthops: hops.map(zebraHop), distance, metric: hops[0]?.metric ?? 0, recursive: true },
        tag: Math.max(...hops.map((h) => h.tag)),
        ...(table === undefined ? {} : { table }),
      });
    }
    route.sent = groups.map(({ table, distance }) => ({ table, distance }));
  }
  /** The valid next hops of one table and distance belong together; of several metrics the smallest one counts. */
  #groups({ hops }: StaticRoute): (Told & { hops: StaticHop[] })[] {
    const groups: (Told & { hops: StaticHop[] })[] = [];
    for (const h of hops) {
      if (!this.#valid(h)) continue;
      const group = groups.find((g) => g.table === h.table && g.distance === h.distance);
      const metric = group?.hops[0]?.metric ?? h.metric;
      if (group === undefined) groups.push({ table: h.table, distance: h.distance, hops: [h] });
      else if (h.metric === metric) group.hops.push(h);
      else if (h.metric < metric) group.hops = [h];
    }
    return groups;
  }
  #valid(h: StaticHop): boolean {
    if (h.blackhole !== undefined) return true;
    if (h.gateway === 0 || h.onlink) return this.#interfaces.has(h.ifname);
    return this.#reached.get(h.gateway) ?? false;
  }
  #sendWith(uses: (h: StaticHop) => boolean): void {
    for (const route of this.#routes.values()) if (route.hops.some(uses)) this.#send(route);
  }

  #watch(hop: StaticHop): void {
    if (hop.gateway === 0 || this.#reached.has(hop.gateway)) return;
    this.#reached.set(hop.gateway, false);
    this.#session?.watchNexthop(hop.gateway, true);
  }
  #unwatch({ gateway }: StaticHop): void {
    if (gateway === 0) return;
    for (const { hops } of this.#routes.values()) if (hops.some((h) => h.gateway === gateway)) return;
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
    table: a.findInt("table"),
    onlink: a.has("onlink"),
    distance: a.findInt("distance") ?? 1,
    metric: a.findInt("metric") ?? 0,
    tag: a.findInt("tag") ?? 0,
    weight: a.findInt("weight"),
  };
}

const sameHop = (a: StaticHop, b: StaticHop): boolean =>
  a.gateway === b.gateway && a.ifname === b.ifname && a.blackhole === b.blackhole && a.table === b.table;
/** Whether two next hops are used together (`struct static_path`). */
const sameGroup = (a: StaticHop, b: StaticHop): boolean =>
  a.table === b.table && a.distance === b.distance && a.metric === b.metric;

const zebraHop = (h: StaticHop): ZebraNexthop => ({
  gateway: h.gateway,
  ...(h.ifname === "" ? {} : { ifname: h.ifname }),
  ...(h.onlink ? { onlink: true } : {}),
  ...(h.weight === undefined ? {} : { weight: h.weight }),
  ...(h.blackhole === undefined ? {} : { blackhole: h.blackhole }),
});

/** staticd/static_vty.c:static_nexthop_cli_show. */
function hopText(h: StaticHop): string {
  const way = h.blackhole === "null0" ? ["Null0"] : h.blackhole === undefined ? [] : [h.blackhole];
  return [
    ...way,
    ...(h.gateway === 0 ? [] : [formatIp(h.gateway)]),
    ...(h.ifname === "" ? [] : [h.ifname]),
    ...(h.tag === 0 ? [] : [`tag ${h.tag}`]),
    ...(h.distance === 1 ? [] : [String(h.distance)]),
    ...(h.weight === undefined ? [] : [`weight ${h.weight}`]),
    ...(h.metric === 0 ? [] : [`metric ${h.metric}`]),
    ...(h.table === undefined ? [] : [`table ${h.table}`]),
    ...(h.onlink ? ["onlink"] : []),
  ].join(" ");
}

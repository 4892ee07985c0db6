import { formatIp, formatPrefix, type Prefix, parseIp, parsePrefix } from "../../../src/core/addr.ts";
import type { FrrDaemon } from "../../../src/frr/daemon.ts";
import type { VtyServer } from "../../../src/frr/vty.ts";
import { VtySession } from "../../../src/frr/vty.ts";
import type { RouteKind, ZebraNexthop, ZebraSession, Zserv } from "../../../src/frr/zapi.ts";
import type { Zebra, ZebraOptions } from "../../../src/frr/zebra/zebra.ts";
import { startDaemon } from "../../../src/nodes/daemons.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { Lab, must } from "../../harness/kernels.ts";

export const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
export const hop = (gateway: string, ifname?: string): ZebraNexthop => ({
  gateway: parseIp(gateway) as number,
  ...(ifname === undefined ? {} : { ifname }),
});

/** A router with two networks, and zebra on it. */
export function router(config = "", options: ZebraOptions = {}) {
  const lab = new Lab();
  const [n, p] = [lab.router("n"), lab.host("p")];
  lab.cable([n, "e1 10.0.1.1/24"], [p, "p1 10.0.1.2/24"]);
  lab.cable([n, "e2 10.0.2.1/24"], [p, "p2 10.0.2.2/24"]);
  const daemon = must(startDaemon(n.os, "zebra", { config, ...options })) as FrrDaemon<ZebraOptions>;
  const zebra = daemon.root as Zebra;
  lab.run(100_000_000);
  return { lab, n, p, zebra, daemon, wait: (ms = 100) => lab.run(ms * 1_000_000) };
}

/** Types lines at zebra's configuration. */
export function configure(n: Kernel, ...lines: readonly string[]): void {
  const server = n.os.local.find<VtyServer>("vty zebra") as VtyServer;
  const session = new VtySession([server]);
  session.configure();
  for (const line of lines) {
    const { status, output } = session.line(line.split(" "));
    if (status !== "ok") throw new Error(`${line}: ${status} ${output}`);
  }
}

/** A daemon that only notes what it hears. */
export function connect(n: Kernel, kind: RouteKind): { session: ZebraSession; heard: string[] } {
  const heard: string[] = [];
  const hops = (all: readonly ZebraNexthop[]): string =>
    all.map((h) => `${h.gateway === 0 ? "" : `${formatIp(h.gateway)} `}${h.ifname}`).join(", ");
  const zserv = n.os.local.find<Zserv>("zserv") as Zserv;
  const session = zserv.connect({
    kind,
    interfaceChanged: (i) => void heard.push(`interface ${i.ifname} ${i.up && i.running ? "up" : "down"}`),
    interfaceRemoved: (name) => void heard.push(`no interface ${name}`),
    routerId: (id) => void heard.push(`id ${formatIp(id)}`),
    redistributed: (r) =>
      void heard.push(`+ ${r.kind} ${formatPrefix(r.prefix)} [${r.distance}/${r.metric}] ${hops(r.nexthops)}`),
    unredistributed: (r) => void heard.push(`- ${r.kind} ${formatPrefix(r.prefix)}`),
    nexthopChanged: (x) =>
      void heard.push(`${formatIp(x.address)} by ${x.kind ?? "nothing"} [${x.metric}] ${hops(x.nexthops)}`),
    routeNotify: (q, installed) => void heard.push(`${formatPrefix(q)} ${installed ? "installed" : "not installed"}`),
  });
  return { session, heard };
}

/** Zebra's routes as lines: `ospf 10.9.0.0/16 [110/20] * 10.0.1.2 e1`. */
export const rib = (zebra: Zebra): string[] =>
  [...zebra.rib()].flatMap(([p, entries]) =>
    entries.map((e) => {
      const ways = e.nexthops.map((h) => `${h.via ?? ""}${h.recursive ? "..." : ` ${h.iface ?? "nowhere"}`}`.trim());
      return `${e.protocol} ${p} [${e.distance}/${e.metric}] ${e.selected ? "*" : "-"} ${ways.join(", ")}`;
    }),
  );
/** The routes that zebra has put into the kernel. */
export const kernelRoutes = (n: Kernel): string[] =>
  n.os.route
    .list(254)
    .filter((r) => r.metric === 20)
    .map(
      (r) =>
        `${formatPrefix(r.prefix)} ${r.protocol} ${r.nexthops.map((h) => `${formatIp(h.gateway)}%${h.ifindex}`).join(",") || r.type}`,
    );

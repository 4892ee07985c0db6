import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp, type Prefix, parsePrefix } from "../../../../src/core/addr.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import { S } from "../../../../src/core/time.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import type { RouteType } from "../../../../src/nodes/kernel/fib/route.ts";
import type { RuleAction } from "../../../../src/nodes/kernel/fib/rules.ts";
import { DST_FORWARD, type Dst } from "../../../../src/nodes/kernel/ipv4/dst.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { NetDevice } from "../../../../src/nodes/kernel/netdev.ts";
import { sysctlNode } from "../../../../src/nodes/kernel/sysctl-tree.ts";
import { Cable } from "../../../../src/nodes/link.ts";
import { ip } from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";
import { Recorder } from "../../cables.ts";

/** Whatever is changed on a machine, an answer that it kept is the one that it would give anew. */

const DEVICES = ["e0", "e1", "e2", "lo"] as const;
const ADDRESSES = [
  ...["10.0.0.1/24", "10.0.0.2/24", "10.0.1.1/24", "10.0.0.1/16", "10.0.2.1/32", "192.168.0.1/31", "127.0.0.5/8"],
  ...["10.0.1.1/25", "172.16.0.1/12"],
].map((text) => parsePrefix(text) as Prefix);
const NETS = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.1.0/24",
  "10.0.1.9/32",
  "172.16.0.0/12",
  "224.0.0.0/4",
  "10.0.0.9/32",
].map((text) => parsePrefix(text) as Prefix);
const GATEWAYS = ["10.0.0.9", "10.0.1.9", "172.16.0.9", "192.168.0.0"].map(ip);
const HOSTS = [
  ...["10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.255", "10.0.1.1", "10.0.1.9", "10.0.2.1", "172.16.0.9", "8.8.8.8"],
  ...["127.0.0.5", "255.255.255.255", "224.0.0.5", "239.1.1.1", "0.0.0.0", "192.168.0.0"],
].map(ip);
const TYPES: readonly RouteType[] = [
  "unicast",
  "unicast",
  "unicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
  "local",
];
const ACTIONS: readonly RuleAction[] = ["table", "table", "table", "blackhole", "unreachable", "prohibit", "nop"];
const SETTINGS = [
  ...["ip_forward", "ip_no_pmtu_disc", "ip_forward_use_pmtu", "ip_default_ttl", "fib_multipath_hash_policy"],
  ...["rp_filter", "forwarding", "accept_local", "route_localnet", "send_redirects", "shared_media"].flatMap((key) => [
    `conf/all/${key}`,
    `conf/e0/${key}`,
    `conf/e1/${key}`,
  ]),
  ...["ignore_routes_with_linkdown", "promote_secondaries"].map((key) => `conf/all/${key}`),
];

const device = fc.constantFrom(...DEVICES);
const cable = fc.constantFrom("e0", "e1", "e2");
const rare = <T>(value: T, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, { weight: 1, arbitrary });
const prefix = fc.constantFrom(...ADDRESSES);
const net = fc.constantFrom(...NETS);
const host = fc.constantFrom(...HOSTS);
const tos = rare(0, fc.constant(8));
const mark = rare(0, fc.constant(7));
const table = rare(254, fc.constantFrom(100, 253, 255));

const spec = fc.record({
  net,
  dev: device,
  gateway: rare(0, fc.constantFrom(...GATEWAYS)),
  second: rare(0, fc.constantFrom(...GATEWAYS)),
  type: fc.constantFrom(...TYPES),
  metric: rare(0, fc.constantFrom(5, 9)),
  prefsrc: rare(0, host),
  mtu: rare(0, fc.constantFrom(900, 1300)),
  table,
  tos,
});

/** A thing that an administrator, or the world, does. Each gets the machine; what it refuses is refused. */
type Change = (m: Machine) => void;
const named = (text: string, act: Change): readonly [string, Change] => [text, act];
const show = (p: Prefix): string => `${formatIp(p.address)}/${p.length}`;
const change: fc.Arbitrary<readonly [string, Change]> = fc.oneof(
  fc.tuple(device, prefix).map(([d, p]) => named(`addr add ${show(p)} ${d}`, (m) => void m.book.add(m.index(d), p))),
  fc
    .tuple(device, prefix)
    .map(([d, p]) => named(`addr del ${show(p)} ${d}`, (m) => void m.book.remove(m.index(d), p.address, p.length))),
  fc
    .tuple(spec, fc.constantFrom("add", "append", "prepend", "replace", "change"))
    .map(([s, mode]) =>
      named(`route ${mode} ${JSON.stringify(s)}`, (m) => void m.kernel.fib.addRoute(m.route(s), mode as "add")),
    ),
  spec.map((s) => named(`route del ${JSON.stringify(s)}`, (m) => void m.kernel.fib.deleteRoute(m.route(s)))),
  fc
    .record({
      priority: fc.integer({ min: 1, max: 5 }),
      net,
      from: fc.boolean(),
      tos,
      mark,
      dev: rare("", device),
      table,
    })
    .chain((r) => fc.constantFrom(...ACTIONS).map((action) => ({ ...r, action })))
    .chain((r) => fc.boolean().map((not) => ({ ...r, not })))
    .map((r) => named(`rule ${JSON.stringify(r)}`, (m) => m.rule(r))),
  fc.nat(9).map((n) => named(`rule del ${n}`, (m) => m.dropRule(n))),
  fc
    .tuple(fc.constantFrom(...SETTINGS), fc.nat(2))
    .map(([name, value]) => named(`sysctl ${name}=${value}`, (m) => m.set(name, value))),
  fc.tuple(cable, fc.boolean()).map(([d, up]) => named(`${d} up ${up}`, (m) => void m.kernel.setUp(m.dev(d), up))),
  fc.tuple(cable, fc.boolean()).map(([d, up]) => named(`${d} carrier ${up}`, (m) => m.cables.get(d)?.setUp(up))),
  fc
    .tuple(cable, fc.constantFrom(1000, 1500))
    .map(([d, n]) => named(`${d} mtu ${n}`, (m) => void m.kernel.setMtu(m.dev(d), n))),
  cable.map((d) => named(`${d} removed and made anew`, (m) => m.renew(d))),
  cable.map((d) => named(`${d} renamed and back`, (m) => m.rename(d))),
  fc.tuple(cable, fc.boolean()).map(([d, join]) => named(`${d} group ${join}`, (m) => m.group(d, join))),
  fc
    .tuple(host, fc.constantFrom(600, 1200))
    .map(([h, mtu]) => named(`path mtu ${formatIp(h)} ${mtu}`, (m) => m.kernel.ipv4.exceptions.learnMtu(h, mtu))),
  fc
    .tuple(host, fc.constantFrom(...GATEWAYS))
    .map(([h, g]) => named(`redirect ${formatIp(h)}`, (m) => m.redirect(h, g))),
  fc.nat(700).map((s) => named(`${s} s pass`, (m) => m.sim.advance(m.sim.now + s * S))),
  fc.constant(named("route flush cache", (m) => m.kernel.ipv4.exceptions.flush())),
);

interface Question {
  readonly dst: number;
  readonly src: number;
  /** By which device it came in, or the one that it is bound to. */
  readonly dev: string;
  readonly out: boolean;
  readonly tos: number;
  readonly mark: number;
}
const question: fc.Arbitrary<Question> = fc.record({
  dst: host,
  src: fc.oneof(host, fc.constant(0)),
  dev: fc.oneof(device, fc.constant("")),
  out: fc.boolean(),
  tos,
  mark,
});

class Machine {
  readonly sim = new Simulation();
  readonly kernel = new Kernel(this.sim, "h");
  readonly cables = new Map<string, Cable>();

  constructor() {
    for (const name of DEVICES) if (name !== "lo") this.#make(name);
    this.kernel.addresses.add(this.index("e0"), ADDRESSES[0] as Prefix);
    this.kernel.addresses.add(this.index("e1"), ADDRESSES[2] as Prefix);
    this.kernel.setForwarding(true);
  }

  get book() {
    return this.kernel.addresses;
  }
  dev(name: string): NetDevice {
    return this.kernel.device(name) as NetDevice;
  }
  index(name: string): number {
    return this.dev(name).ifindex;
  }

  route(s: typeof spec extends fc.Arbitrary<infer T> ? T : never) {
    const one = { ifindex: this.index(s.dev), ...(s.gateway === 0 ? {} : { gateway: s.gateway }) };
    const ways = s.second === 0 ? one : { nexthops: [one, { gateway: s.second }] };
    return {
      dst: s.net.address,
      length: s.net.length,
      type: s.type,
      metric: s.metric,
      table: s.table,
      tos: s.tos,
      ...(s.prefsrc === 0 ? {} : { prefsrc: s.prefsrc }),
      ...(s.mtu === 0 ? {} : { metrics: { mtu: s.mtu } }),
      ...(s.type === "unicast" || s.type === "local" ? ways : {}),
    };
  }

  rule(r: {
    readonly priority: number;
    readonly net: Prefix;
    readonly from: boolean;
    readonly tos: number;
    readonly mark: number;
    readonly dev: string;
    readonly table: number;
    readonly action: RuleAction;
    readonly not: boolean;
  }): void {
    const { address, length } = r.net;
    const selector = r.from ? { from: address, fromLength: length } : { to: address, toLength: length };
    const { priority, not, tos: own, mark: fwmark, table: id, action } = r;
    this.kernel.fib.addRule({ priority, not, tos: own, mark: fwmark, iif: r.dev, action, table: id, ...selector });
  }
  dropRule(n: number): void {
    const rules = this.kernel.fib.rules();
    const rule = rules[n % rules.length];
    if (rule !== undefined) this.kernel.fib.deleteRule({ priority: rule.priority });
  }

  set(name: string, value: number): void {
    const node = sysctlNode(this.kernel, ["net", "ipv4", ...name.split("/")]);
    if (node?.kind !== "setting") throw new Error(`no setting ${name}`);
    node.write(String(name === "ip_default_ttl" ? 64 + value : value));
  }

  renew(name: string): void {
    this.kernel.unregister(this.dev(name));
    this.#make(name);
  }
  rename(name: string): void {
    this.kernel.rename(this.dev(name), "other");
    this.kernel.rename(this.dev("other"), name);
  }
  group(name: string, join: boolean): void {
    const socket = (this.#sockets[name] ??= this.kernel.os.udpSocket());
    if (join) socket.joinGroup(ip("239.1.1.1"), name);
    else socket.leaveGroup(ip("239.1.1.1"), name);
  }
  readonly #sockets: Record<string, ReturnType<Kernel["os"]["udpSocket"]>> = {};

  redirect(to: number, gateway: number): void {
    const d = this.kernel.ipv4.routes.output(to, 0, 0, 0, 0);
    if (d.type === DST_FORWARD) this.kernel.ipv4.exceptions.learnGateway(d, gateway);
  }

  ask(q: Question): string {
    const { routes } = this.kernel.ipv4;
    const dev = q.dev === "" ? undefined : this.dev(q.dev);
    if (q.out) return tell(routes.output(q.dst, q.src, dev?.ifindex ?? 0, q.tos, q.mark));
    return tell(routes.input(q.dst, q.src, dev ?? this.dev("e0"), q.tos, q.mark));
  }

  #make(name: string): void {
    const { kernel, sim } = this;
    const made = kernel.register(name, (final, ifindex) => new EthernetDevice(kernel, final, ifindex));
    if (!made.ok) throw new Error(made.errno);
    const wire = new Cable(sim, sim.nextCable(), made.value, new Recorder(sim, "far"));
    this.cables.set(name, wire);
    made.value.plug(wire);
    kernel.setUp(made.value, true);
  }
}

/** Everything that an answer says. */
const tell = (d: Dst): string =>
  JSON.stringify([
    ...[d.type, d.errno, d.dev.name, d.dev.ifindex, formatIp(d.nextHop), d.viaGateway, formatIp(d.source), d.redirect],
    ...[d.mtu, d.mtuLocked, d.df, d.hopLimit, d.expires ? d.expiresAt : -1, d.table, d.rulePriority, d.perPacket],
    d.route === null ? "" : `${formatIp(d.route.dst)}/${d.route.length} ${d.route.type} ${d.route.metric}`,
  ]);

it("an answer that was kept is the one that would be given anew, after any change", () => {
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 40, size: "max" }),
      fc.array(question, { minLength: 10, maxLength: 40 }),
      (changes, questions) => {
        const m = new Machine();
        for (const q of questions) m.ask(q);
        for (const [text, act] of changes) {
          act(m);
          const kept = questions.map((q) => m.ask(q));
          m.kernel.ipv4.routes.invalidate();
          const fresh = questions.map((q) => m.ask(q));
          expect({ after: text, answers: kept }).toEqual({ after: text, answers: fresh });
        }
      },
    ),
    { numRuns: cases(150, 20_000) },
  );
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { EthernetDevice } from "../../../src/nodes/kernel/dev/ethernet.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { sysctlNode, sysctlTree } from "../../../src/nodes/kernel/sysctl-tree.ts";
import type { SysctlNode } from "../../../src/nodes/kernel/sysctl-values.ts";
import { chain, device, hear, ip, Lab, must, ping } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";

/** Every setting below a node, by path. */
function* leaves(node: SysctlNode, path: readonly string[] = []): Generator<readonly string[]> {
  if (node.kind === "setting") yield path;
  else for (const name of node.names()) yield* leaves(node.child(name) as SysctlNode, [...path, name]);
}

const at = (kernel: Kernel, path: string) => {
  const node = sysctlNode(kernel, path.split("/"));
  if (node?.kind !== "setting") throw new Error(`${path} is no setting`);
  return node;
};
const set = (kernel: Kernel, path: string, value: number | string): void => must(at(kernel, path).write(String(value)));
const get = (kernel: Kernel, path: string): string => at(kernel, path).read();

/** Every number in which a setting is kept, by name. */
const fields = (kernel: Kernel): Record<string, number> => {
  const { sysctl, neigh } = kernel;
  const { conf, neighParms } = device(kernel, "e1").inet;
  const { gcThresh1, gcThresh2, gcThresh3 } = neigh;
  const parts = { sysctl, all: sysctl.all, default: sysctl.default, neigh: { gcThresh1, gcThresh2, gcThresh3 } };
  const { mpls } = kernel;
  const labels = {
    mpls,
    table: { limit: mpls.routes.limit },
    input: { input: mpls.device(device(kernel, "e1")).input },
  };
  const named = Object.entries({ ...parts, ...labels, neighDefault: sysctl.neighDefault, conf, neighParms }).flatMap(
    ([part, object]) => Object.entries(object).map(([name, value]) => [`${part}.${name}`, value] as const),
  );
  return Object.fromEntries(named.filter(([, value]) => typeof value === "number"));
};

const node = (): Kernel => {
  const kernel = new Lab().host("h");
  must(kernel.register("e1", (name, ifindex) => new EthernetDevice(kernel, name, ifindex)));
  return kernel;
};

/** Connection tracking keeps its own settings: test/console/conntrack has their names. */
const KEPT_ELSEWHERE = /^net\/netfilter\//;

it("has a file for every setting that there is, in order; each reads what was written, and changes something", () => {
  const kernel = node();
  const paths = [...leaves(sysctlTree(kernel))].map((path) => path.join("/"));
  expect(paths).toEqual([...paths].sort());
  const reached = new Set<string>();
  for (const path of paths) {
    const before = fields(kernel);
    const old = get(kernel, path);
    const value = ["2", "1", "0", "40000 50000", "2000", "5000000"].find(
      (v) => v !== old && at(kernel, path).write(v).ok,
    );
    if (value === undefined && KEPT_ELSEWHERE.test(path)) continue; // only to be read
    expect({ path, value: value?.replace(" ", "\t") }).toEqual({ path, value: get(kernel, path) });
    if (KEPT_ELSEWHERE.test(path)) continue;
    const changed = Object.entries(fields(kernel)).filter(([name, now]) => before[name] !== now);
    expect({ path, changes: changed.length > 0 || path.includes("/lo/") }).toEqual({ path, changes: true });
    for (const [name] of changed) reached.add(name);
  }
  expect([...reached].sort()).toEqual(Object.keys(fields(kernel)).sort());
});

it("starts with Linux's values", () => {
  const kernel = node();
  const values: readonly (readonly [string, string])[] = [
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv4/ip_local_port_range", "32768\t60999"],
    ["net/ipv4/conf/all/accept_redirects", "1"],
    ["net/ipv4/conf/all/accept_source_route", "0"],
    ["net/ipv4/conf/e1/accept_source_route", "1"],
    ["net/ipv4/neigh/default/gc_thresh3", "1024"],
    ["net/ipv4/neigh/lo/unres_qlen", "101"],
    ["net/ipv4/neigh/e1/locktime", "100"],
    ["net/ipv4/neigh/e1/proxy_delay", "80"],
    ["net/ipv4/route/error_burst", "1250"],
    ["net/ipv4/route/error_cost", "250"],
    ["net/ipv4/route/redirect_load", "5"],
    ["net/ipv4/route/redirect_silence", "5120"],
    ["net/core/netdev_max_backlog", "1000"],
  ];
  for (const [path, value] of values) expect([path, get(kernel, path)]).toEqual([path, value]);
});

it("has no more than there is", () => {
  const kernel = node();
  for (const path of [
    "net/ipv6",
    "net/bridge",
    "net/ipv4/conf/e2",
    "net/ipv4/neigh/all",
    "net/ipv4/ip_forward/x",
    "kernel",
  ]) {
    expect(sysctlNode(kernel, path.split("/"))).toBeUndefined();
  }
});

it("ip_forward makes a router of it, and a host again", () => {
  const { lab, h1, r1, h2 } = chain();
  const seen = hear(h1);
  const answered = (): number => {
    seen.length = 0;
    ping(h1, "10.0.2.1");
    lab.run(2 * S);
    return seen.filter((s) => s.icmp?.type === 0).length;
  };
  expect(answered()).toBe(1);
  set(r1, "net/ipv4/ip_forward", 0);
  expect([get(r1, "net/ipv4/conf/eth0/forwarding"), get(r1, "net/ipv4/conf/all/accept_redirects")]).toEqual(["0", "1"]);
  expect(answered()).toBe(0);
  set(r1, "net/ipv4/conf/all/forwarding", 1);
  expect(get(r1, "net/ipv4/conf/all/accept_redirects")).toBe("0");
  expect(answered()).toBe(1);
  set(r1, "net/ipv4/conf/eth0/forwarding", 0); // what comes in there goes no further
  expect(answered()).toBe(0);
  set(r1, "net/ipv4/conf/eth0/forwarding", 1);
  set(h2, "net/ipv4/icmp_echo_ignore_all", 1);
  expect(answered()).toBe(0);
});

it("what is sent obeys ip_default_ttl at once", () => {
  const { lab, h1, h2 } = chain();
  const seen = hear(h2);
  ping(h1, "10.0.2.1");
  lab.run(S);
  set(h1, "net/ipv4/ip_default_ttl", 9);
  ping(h1, "10.0.2.1");
  lab.run(S);
  expect(seen.map((s) => s.ip.ttl)).toEqual([63, 8]);
});

it("devices follow default until they are set themselves or have an address", () => {
  const lab = new Lab();
  const h = lab.host("h");
  for (const name of ["a", "b", "c"]) must(h.register(name, (n, i) => new EthernetDevice(h, n, i)));
  set(h, "net/ipv4/conf/a/rp_filter", 0);
  set(h, "net/ipv4/neigh/a/ucast_solicit", 3);
  must(h.addresses.add(device(h, "b").ifindex, { address: ip("10.0.0.1"), length: 24 }));
  set(h, "net/ipv4/conf/default/rp_filter", 2);
  set(h, "net/ipv4/neigh/default/ucast_solicit", 7);
  const both = (name: string): string[] => [
    get(h, `net/ipv4/conf/${name}/rp_filter`),
    get(h, `net/ipv4/neigh/${name}/ucast_solicit`),
  ];
  expect([both("a"), both("b"), both("c"), both("lo")]).toEqual([
    ["0", "3"],
    ["0", "3"],
    ["2", "7"],
    ["0", "3"],
  ]);
  must(h.register("d", (n, i) => new EthernetDevice(h, n, i)));
  expect(both("d")).toEqual(["2", "7"]);
});

it("keeps every value in its range, whatever is written", () => {
  const kernel = node();
  const paths = [...leaves(sysctlTree(kernel))].map((path) => path.join("/"));
  const text = fc.oneof(
    fc.integer().map(String),
    fc.maxSafeInteger().map(String),
    fc.string(),
    fc.tuple(fc.nat(70_000), fc.nat(70_000)).map((pair) => pair.join(" ")),
    fc.nat(0xffffffff).map((n) => `0x${n.toString(16)}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), text, (path, value) => {
      const old = get(kernel, path);
      const written = at(kernel, path).write(value);
      if (!written.ok) expect(get(kernel, path)).toBe(old);
      for (const number of get(kernel, path).split("\t")) expect(Number.isSafeInteger(Number(number))).toBe(true);
      const { ip_local_port_range_low: low, ip_local_port_range_high: high } = kernel.sysctl;
      expect(low >= 1024 && low <= high && high <= 65_535).toBe(true);
      expect(kernel.sysctl.ipfrag_low_thresh).toBeLessThanOrEqual(kernel.sysctl.ipfrag_high_thresh);
    }),
    { numRuns: cases(1000, 100_000) },
  );
});

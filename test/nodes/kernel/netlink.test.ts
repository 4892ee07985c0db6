import { expect, it } from "vitest";
import { formatPrefix } from "../../../src/core/addr.ts";
import type { NetlinkMessage } from "../../../src/core/netlink.ts";
import { device, ip, must } from "../../harness/kernels.ts";
import { pair, word } from "./datagrams.ts";

const text = (m: NetlinkMessage): string => {
  if (m.kind === "link") return `${m.op} ${m.link.ifname} ${m.link.up ? "up" : "down"}`;
  if (m.kind === "address") return `${m.op} ${m.address.ifname} ${formatPrefix(m.address)}`;
  return m.kind === "route" ? `${m.op} ${formatPrefix(m.route.prefix)} ${m.route.table}` : m.kind;
};

it("tells of links, addresses and routes later in the same instant, and of no route that goes with its device", () => {
  const { lab, a } = pair();
  const heard: string[] = [];
  const end = a.os.watch((m) => heard.push(text(m)));
  must(a.os.addr.add("e1", ip("10.0.5.1"), 24));
  must(a.os.route.replace({ prefix: { address: ip("8.0.0.0"), length: 8 }, protocol: 188, type: "blackhole" }));
  expect(heard).toEqual([]);
  lab.run(1);
  expect(heard).toEqual([
    "new 10.0.5.1/32 255",
    "new 10.0.5.0/24 254",
    "new 10.0.5.255/32 255",
    "new e1 10.0.5.1/24",
    "new 8.0.0.0/8 254",
  ]);
  heard.length = 0;
  must(a.os.link.setUp("e1", false));
  lab.run(1);
  expect(new Set(heard)).toEqual(new Set(["new e1 down"]));
  end();
  a.setUp(device(a, "e1"), true);
  lab.run(1);
  expect(heard).not.toContain("new e1 up");
});

it("adds, replaces, lists and deletes routes with several ways", () => {
  const { a } = pair();
  const [e0, e1] = [device(a, "e0").ifindex, device(a, "e1").ifindex];
  const prefix = { address: ip("8.0.0.0"), length: 8 };
  const hop = (gateway: string, ifindex: number, weight = 1) => ({
    gateway: ip(gateway),
    ifindex,
    weight,
    onlink: false,
  });
  const add = (nexthops: readonly ReturnType<typeof hop>[]) =>
    a.os.route.replace({ prefix, protocol: 188, metric: 20, nexthops });
  must(add([hop("10.9.0.2", e0), hop("10.7.0.2", e1, 3)]));
  const ways = () =>
    a.os.route
      .list(254)
      .find((r) => r.protocol === 188)
      ?.nexthops.map((h) => [h.ifindex, h.weight]);
  expect(ways()).toEqual([
    [e0, 1],
    [e1, 3],
  ]);
  must(add([hop("10.7.0.2", e1)]));
  expect(ways()).toEqual([[e1, 1]]);
  expect(word(add([hop("77.0.0.1", e1)]))).toBe("ENETUNREACH");
  must(a.os.route.del({ prefix, protocol: 188, metric: 20 }));
  expect(ways()).toBeUndefined();
  expect(word(a.os.route.del({ prefix, protocol: 188, metric: 20 }))).toBe("ESRCH");
  expect(word(a.os.link.setUp("nope", true))).toBe("ENODEV");
});

it("puts many routes by one way, which is checked again when devices or addresses have changed", () => {
  const { a } = pair();
  const e1 = device(a, "e1");
  const hop = { gateway: ip("10.7.0.2"), ifindex: e1.ifindex, weight: 1, onlink: false };
  const way = a.os.route.way({ protocol: 188, metric: 20, nexthops: [hop] });
  const put = (text: string) => word(a.os.route.put({ address: ip(text), length: 16 }, way));
  const here = () => a.os.route.list(254).filter((r) => r.protocol === 188).length;
  expect([put("8.0.0.0"), put("8.1.0.0"), put("8.1.0.0"), here()]).toEqual(["ok", "ok", "ok", 2]);
  must(a.os.link.setUp("e1", false));
  expect([put("8.2.0.0"), here()]).toEqual(["ENETUNREACH", 0]);
  must(a.os.link.setUp("e1", true));
  expect([put("8.2.0.0"), here()]).toEqual(["ok", 1]);
  must(a.os.route.del({ prefix: { address: ip("8.2.0.0"), length: 16 }, protocol: 188, metric: 20 }));
  expect([put("8.3.0.0"), here()]).toEqual(["ok", 1]);
  must(a.os.addr.del("e1", ip("10.7.0.1"), 24));
  expect([put("8.4.0.0"), word(a.os.route.put({ address: 1, length: 16 }, way))]).toEqual(["ENETUNREACH", "EINVAL"]);
});

it("passes over routes of protocols that a watcher does not want to hear of, until they go", () => {
  const { lab, a } = pair();
  const heard: string[] = [];
  a.os.watch((m) => heard.push(text(m)), new Set([188]));
  const prefix = { address: ip("8.0.0.0"), length: 8 };
  must(a.os.route.replace({ prefix, protocol: 188, type: "blackhole" }));
  must(a.os.route.replace({ prefix, protocol: 3, type: "blackhole" }));
  must(a.os.route.replace({ prefix, protocol: 188, type: "blackhole" }));
  must(a.os.route.replace({ prefix, protocol: 188, type: "unreachable" }));
  must(a.os.route.del({ prefix, protocol: 188 }));
  lab.run(1);
  expect(heard).toEqual(["new 8.0.0.0/8 254", "new 8.0.0.0/8 254", "del 8.0.0.0/8 254"]);
});

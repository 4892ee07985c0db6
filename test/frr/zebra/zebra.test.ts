import { describe, expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import { device } from "../../harness/kernels.ts";
import { configure, connect, hop, kernelRoutes, prefix, rib, router } from "./toy-client.ts";

const CONNECTED = [
  "connected 10.0.1.0/24 [0/0] * e1",
  "local 10.0.1.1/32 [0/0] * e1",
  "connected 10.0.2.0/24 [0/0] * e2",
  "local 10.0.2.1/32 [0/0] * e2",
];

describe("which route is chosen", () => {
  it("the one with the lower distance, and the other when it is gone", () => {
    const { n, zebra, wait } = router();
    const [ospf, bgp] = [connect(n, "ospf").session, connect(n, "bgp").session];
    ospf.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
    bgp.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.2.2")], metric: 0, recursive: true });
    wait();
    expect(rib(zebra)).toEqual([
      ...CONNECTED,
      "bgp 10.9.0.0/16 [20/0] * 10.0.2.2 e2",
      "ospf 10.9.0.0/16 [110/20] - 10.0.1.2 e1",
    ]);
    expect(kernelRoutes(n)).toEqual(["10.9.0.0/16 186 10.0.2.2%3"]);
    bgp.remove(prefix("10.9.0.0/16"));
    wait();
    expect(kernelRoutes(n)).toEqual(["10.9.0.0/16 188 10.0.1.2%2"]);
    ospf.close();
    wait();
    expect(kernelRoutes(n)).toEqual([]);
    expect(rib(zebra)).toEqual(CONNECTED);
  });

  it("that of who stops is gone, that of who is killed waits in the kernel for the next zebra", () => {
    for (const killed of [false, true]) {
      const { n, daemon, wait } = router();
      connect(n, "ospf").session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
      wait();
      if (killed) daemon.kill();
      else daemon.stop();
      expect(kernelRoutes(n)).toHaveLength(killed ? 1 : 0);
      daemon.start();
      expect(kernelRoutes(n)).toHaveLength(0);
    }
  });

  it("connected before all, and of equals the lower metric, then the older", () => {
    const { n, zebra, wait } = router();
    const [a, b, c] = [connect(n, "ospf").session, connect(n, "bgp").session, connect(n, "static").session];
    a.add(prefix("10.0.1.0/24"), { nexthops: [hop("10.0.2.2", "e2")], metric: 1, distance: 0 });
    for (const [s, metric] of [
      [a, 7],
      [b, 5],
      [c, 5],
    ] as const)
      s.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric, distance: 30 });
    wait();
    expect(rib(zebra).filter((line) => line.includes("*"))).toContain("connected 10.0.1.0/24 [0/0] * e1");
    expect(rib(zebra).filter((line) => line.includes("10.9."))).toEqual([
      "static 10.9.0.0/16 [30/5] - 10.0.1.2 e1",
      "bgp 10.9.0.0/16 [30/5] * 10.0.1.2 e1",
      "ospf 10.9.0.0/16 [30/7] - 10.0.1.2 e1",
    ]);
  });

  it("waits 10 ms before it chooses", () => {
    const { n, wait } = router();
    connect(n, "ospf").session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
    wait(9);
    expect(kernelRoutes(n)).toEqual([]);
    wait(1);
    expect(kernelRoutes(n)).toEqual(["10.9.0.0/16 188 10.0.1.2%2"]);
  });
});

describe("gateways", () => {
  it("behind other routes follow them, several ways at a time", () => {
    const { n, zebra, wait } = router();
    const [ospf, bgp] = [connect(n, "ospf").session, connect(n, "bgp").session];
    bgp.add(prefix("20.0.0.0/8"), { nexthops: [hop("10.9.0.1")], metric: 0, recursive: true });
    wait();
    expect(rib(zebra).at(-1)).toBe("bgp 20.0.0.0/8 [20/0] - 10.9.0.1 nowhere");
    ospf.add(prefix("10.9.0.0/16"), {
      nexthops: [hop("10.0.1.2", "e1"), hop("10.0.2.2", "e2")],
      metric: 20,
    });
    wait();
    expect(rib(zebra).at(-1)).toBe("bgp 20.0.0.0/8 [20/0] * 10.9.0.1..., 10.0.1.2 e1, 10.0.2.2 e2");
    expect(kernelRoutes(n)).toContain("20.0.0.0/8 186 10.0.1.2%2,10.0.2.2%3");
    ospf.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.2.2", "e2")], metric: 20 });
    wait();
    expect(kernelRoutes(n)).toContain("20.0.0.0/8 186 10.0.2.2%3");
    ospf.remove(prefix("10.9.0.0/16"));
    wait();
    expect(kernelRoutes(n)).toEqual([]);
  });

  it("that want labels get them", () => {
    const { n, zebra, wait } = router();
    const nexthops = [{ ...hop("10.0.1.2", "e1"), labels: [100] }];
    connect(n, "bgp").session.add(prefix("20.0.0.0/8"), { nexthops, metric: 0 });
    wait();
    expect(rib(zebra).at(-1)).toBe("bgp 20.0.0.0/8 [20/0] * 10.0.1.2 e1");
    expect(n.os.route.list(254).flatMap((r) => r.nexthops.flatMap((h) => h.labels ?? []))).toEqual([100]);
  });

  it("are followed for daemons, whether they are reached or not", () => {
    const { n, wait } = router();
    const [ospf, bgp] = [connect(n, "ospf"), connect(n, "bgp")];
    bgp.session.watchNexthop(parseIp("10.9.0.1") as number, true);
    expect(bgp.heard).toEqual([]);
    wait();
    ospf.session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
    wait();
    ospf.session.add(prefix("10.9.0.0/24"), { nexthops: [hop("10.0.2.2", "e2")], metric: 7 });
    wait();
    ospf.session.close();
    wait();
    bgp.session.watchNexthop(parseIp("10.9.0.1") as number, false);
    expect(bgp.heard.filter((line) => line.startsWith("10.9."))).toEqual([
      "10.9.0.1 by nothing [0] ",
      "10.9.0.1 by ospf [20] 10.0.1.2 e1",
      "10.9.0.1 by ospf [7] 10.0.2.2 e2",
      "10.9.0.1 by nothing [0] ",
    ]);
  });

  it("are resolved by the default route only where that is wanted", () => {
    const { n, wait } = router();
    const [st, bgp] = [connect(n, "static").session, connect(n, "bgp")];
    st.add(prefix("0.0.0.0/0"), { nexthops: [hop("10.0.1.2", "e1")], metric: 0 });
    wait();
    bgp.session.watchNexthop(parseIp("99.0.0.1") as number, true);
    wait();
    configure(n, "ip nht resolve-via-default");
    wait();
    expect(bgp.heard.filter((line) => line.startsWith("99."))).toEqual([
      "99.0.0.1 by nothing [0] ",
      "99.0.0.1 by static [0] 10.0.1.2 e1",
    ]);
  });
});

describe("daemons are told", () => {
  it("of interfaces and the router id at once, then as they change, and of nothing after the end", () => {
    const { n, wait } = router();
    const { session, heard } = connect(n, "ospf");
    expect(heard).toEqual([]);
    wait();
    expect(heard).toEqual(["interface e1 up", "interface e2 up", "interface lo up", "id 10.0.2.1"]);
    heard.length = 0;
    configure(n, "interface lo", "ip address 10.255.0.1/32");
    wait();
    expect(heard).toEqual(["interface lo up", "id 10.255.0.1"]);
    configure(n, "ip router-id 1.1.1.1");
    n.setCarrier(device(n, "e1"), false);
    wait();
    expect(heard.slice(2)).toEqual(["id 1.1.1.1", "interface e1 down"]);
    session.close();
    n.setCarrier(device(n, "e1"), true);
    wait();
    expect(heard).toHaveLength(4);
  });

  it("of the routes that they redistribute, as long as those are the chosen ones", () => {
    const { n, wait } = router();
    const [st, ospf] = [connect(n, "static").session, connect(n, "ospf")];
    const about = (): string[] => ospf.heard.splice(0).filter((line) => /^[+-]/.test(line));
    st.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 0 });
    wait();
    ospf.session.redistribute("static", true);
    ospf.session.redistribute("default", true);
    wait();
    expect(about()).toEqual(["+ static 10.9.0.0/16 [1/0] 10.0.1.2 e1"]);
    const bgp = connect(n, "bgp").session;
    bgp.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.2.2", "e2")], metric: 0, distance: 0 });
    bgp.add(prefix("0.0.0.0/0"), { nexthops: [hop("10.0.2.2", "e2")], metric: 3 });
    wait();
    expect(about()).toEqual(["- static 10.9.0.0/16", "+ bgp 0.0.0.0/0 [20/3] 10.0.2.2 e2"]);
    bgp.close();
    wait();
    expect(about()).toEqual(["+ static 10.9.0.0/16 [1/0] 10.0.1.2 e1", "- bgp 0.0.0.0/0"]);
    ospf.session.redistribute("static", false);
    st.close();
    wait();
    expect(about()).toEqual([]);
  });

  it("whether the kernel has their routes", () => {
    const { n, wait } = router();
    const { session, heard } = connect(n, "bgp");
    wait();
    heard.length = 0;
    session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2")], metric: 0 });
    wait();
    expect(heard).toEqual(["10.9.0.0/16 installed"]);
  });
});

describe("the kernel's own routes", () => {
  const add = (n: ReturnType<typeof router>["n"], metric = 0) =>
    n.os.route.replace({
      prefix: prefix("10.30.0.0/16"),
      protocol: 3,
      metric,
      nexthops: [{ gateway: parseIp("10.0.1.2") as number, ifindex: 2, weight: 1, onlink: false }],
    });

  it("are learnt as they come", () => {
    const { n, zebra, wait } = router();
    add(n);
    wait(10);
    expect(rib(zebra).at(-1)).toBe("kernel 10.30.0.0/16 [0/0] * 10.0.1.2 e1");
    n.os.route.del({ prefix: prefix("10.30.0.0/16"), protocol: 3 });
    wait(10);
    expect(rib(zebra)).toEqual(CONNECTED);
  });

  it("or found by looking, at a phase and from time to time", () => {
    const { n, zebra, wait } = router("", { scanEveryS: 1, scanPhaseS: 0.5 });
    add(n);
    wait(390); // at 0.49 s
    expect(rib(zebra)).toEqual(CONNECTED);
    wait(30);
    expect(rib(zebra)).toHaveLength(5);
    n.os.route.del({ prefix: prefix("10.30.0.0/16"), protocol: 3 });
    wait(900);
    expect(rib(zebra)).toHaveLength(5);
    wait(100);
    expect(rib(zebra)).toEqual(CONNECTED);
  });

  it("what zebra put there comes back when somebody deletes it, and is swept when zebra begins anew", () => {
    const { n, daemon, wait } = router();
    connect(n, "ospf").session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
    wait();
    n.os.route.del({ prefix: prefix("10.9.0.0/16"), protocol: 188 });
    expect(kernelRoutes(n)).toEqual([]);
    wait();
    expect(kernelRoutes(n)).toHaveLength(1);
    daemon.start();
    expect(kernelRoutes(n)).toEqual([]);
  });

  it("gets zebra's choice after a delay, where one is set", () => {
    const { n, daemon, wait } = router("", { applyDelayS: 0.05 });
    connect(n, "ospf").session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
    wait(55);
    expect([kernelRoutes(n).length, daemon.busy()]).toEqual([0, true]);
    wait(5);
    expect([kernelRoutes(n).length, daemon.busy()]).toEqual([1, false]);
  });
});

it("a route map of a protocol keeps next hops out of the kernel, and chooses sources", () => {
  const { n, zebra, wait } = router(`
    route-map M permit 10
     match ip address prefix-list P
     set src 10.0.2.1
    ip prefix-list P permit 10.9.0.0/16
    ip protocol ospf route-map M`);
  const { session } = connect(n, "ospf");
  for (const p of ["10.8.0.0/16", "10.9.0.0/16"])
    session.add(prefix(p), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
  wait();
  expect(rib(zebra).slice(-2)).toEqual([
    "ospf 10.8.0.0/16 [110/20] - 10.0.1.2 e1",
    "ospf 10.9.0.0/16 [110/20] * 10.0.1.2 e1",
  ]);
  expect(n.os.route.list(254).find((r) => r.protocol === 188)?.source).toBe(parseIp("10.0.2.1"));
  configure(n, "ip prefix-list P permit 10.8.0.0/16");
  wait(4000);
  expect(kernelRoutes(n)).toHaveLength(1);
  wait(2000);
  expect(kernelRoutes(n)).toHaveLength(2);
});

it("a device that goes takes its routes along, and brings them back", () => {
  const { n, zebra, wait } = router("interface e1\n ip address 10.0.3.1/24\n");
  const { session } = connect(n, "ospf");
  session.add(prefix("10.9.0.0/16"), { nexthops: [hop("10.0.1.2", "e1")], metric: 20 });
  wait();
  const before = rib(zebra);
  n.setUp(device(n, "e1"), false);
  wait();
  expect(rib(zebra)).toEqual([...CONNECTED.slice(2), "ospf 10.9.0.0/16 [110/20] - 10.0.1.2 e1"]);
  n.setUp(device(n, "e1"), true);
  wait();
  expect(rib(zebra)).toEqual(before);
  expect(kernelRoutes(n)).toHaveLength(1);
  n.setUp(device(n, "e1"), false);
  n.setUp(device(n, "e1"), true);
  wait();
  expect(kernelRoutes(n)).toHaveLength(1);
});

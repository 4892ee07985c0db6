import { expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import type { VtyServer } from "../../../src/frr/vty.ts";
import { VtySession } from "../../../src/frr/vty.ts";
import { device } from "../../harness/kernels.ts";
import { configure, connect, kernelRoutes, prefix, router } from "./toy-client.ts";

const gateway = parseIp("10.0.1.2") as number;
const other = parseIp("10.0.2.2") as number;

const kernelLabels = (n: ReturnType<typeof router>["n"]): readonly string[] =>
  n.os.labels
    .list()
    .flatMap(({ label, protocol, nexthops }) =>
      label < 16
        ? []
        : [`${label} ${protocol} ${nexthops.map((h) => `${h.labels.join("/") || "pop"}%${h.ifindex}`).join(" ")}`],
    );

it("labels are refused while the kernel knows none", () => {
  const { n } = router();
  const session = new VtySession([n.os.local.find<VtyServer>("vty zebra") as VtyServer]);
  session.configure();
  const { output } = session.line("mpls lsp 16004 10.0.1.2 16007".split(" "));
  expect(output).toContain("% MPLS not turned on in kernel, ignoring command");
});

it("the configured ways of a label count before those of OSPF, as long as they lead somewhere", () => {
  const { n, zebra, wait } = router();
  n.mpls.routes.resize(20_000);
  const { session } = connect(n, "ospf");
  session.label(16_004, [
    { gateway, label: 3 },
    { gateway: other, label: 17_004 },
  ]);
  expect(kernelLabels(n)).toEqual(["16004 188 pop%2 17004%3"]);
  configure(n, "mpls lsp 16004 10.0.1.2 16007", "mpls lsp 16005 10.0.2.2 explicit-null");
  expect(kernelLabels(n)).toEqual(["16004 196 16007%2", "16005 196 0%3"]);
  expect(zebra.lsps.show()).toBe(` Inbound Label  Type       Nexthop   Outbound Label      
 --------------------------------------------------------
 16004          SR (OSPF)  10.0.1.2  implicit-null       
 16004          SR (OSPF)  10.0.2.2  17004               
 16004          Static     10.0.1.2  16007               
 16005          Static     10.0.2.2  IPv4 Explicit Null  

`);
  n.setUp(device(n, "e1"), false);
  wait();
  expect(kernelLabels(n)).toEqual(["16004 188 17004%3", "16005 196 0%3"]);
  configure(n, "no mpls lsp 16005");
  session.close();
  wait();
  expect(kernelLabels(n)).toEqual([]);
  expect(zebra.lsps.writeConfig()).toEqual(["mpls lsp 16004 10.0.1.2 16007"]);
});

it("a label above the kernel's is not installed, and says so", () => {
  const { n, zebra } = router();
  n.mpls.routes.resize(16_000);
  connect(n, "ospf").session.label(16_004, [{ gateway, label: 3 }]);
  expect(kernelLabels(n)).toEqual([]);
  expect(JSON.parse(zebra.lsps.json())).toEqual({
    16004: { inLabel: 16_004, nexthops: [{ type: "SR (OSPF)", outLabel: 3, distance: 110, nexthop: "10.0.1.2" }] },
  });
});

it("routes push labels, but not implicit null", () => {
  const { n, wait } = router();
  n.mpls.routes.resize(20_000);
  const { session } = connect(n, "ospf");
  const hops = [{ gateway, ifname: "e1", labels: [16_004] }];
  session.add(prefix("10.9.0.0/16"), { nexthops: hops, metric: 20 });
  session.add(prefix("10.8.0.0/16"), { nexthops: [{ gateway, ifname: "e1", labels: [3] }], metric: 20 });
  wait();
  expect(kernelRoutes(n)).toEqual(["10.8.0.0/16 188 10.0.1.2%2", "10.9.0.0/16 188 10.0.1.2%2"]);
  const pushed = n.fib.routes(254).flatMap((r) => r.nexthops.map((h) => h.encap?.labels.join("/") ?? "none"));
  expect(pushed).toContain("16004");
  expect(pushed).not.toContain("3");
});

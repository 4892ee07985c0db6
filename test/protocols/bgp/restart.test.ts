import { describe, expect, it } from "vitest";
import { formatPrefix } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import { announce, bgpdOf, hub, table } from "./hub.ts";
import type { Router } from "./routers.ts";

const shown = (r: Router, prefix: string): string => r.show(`show ip bgp ${prefix}`);

/** Two routers that restart gracefully; what is said beside that. */
function pair(first = "", second = "") {
  const { lab, all } = hub([
    {
      as: 65001,
      lines: `bgp graceful-restart\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers 3 9\n ${first}\n ${announce("10.1.0.0/16", "10.9.0.0/16")}`,
    },
    {
      as: 65002,
      lines: `bgp graceful-restart\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers 3 9\n ${second}\n ${announce("10.2.0.0/16")}`,
    },
  ]);
  const [r1, r2] = all as [Router, Router];
  return { lab, r1, r2, bgpd: bgpdOf(r1) };
}
const kernelHas = (r: Router, prefix: string): boolean =>
  r.kernel.os.route.list().some((e) => formatPrefix(e.prefix) === prefix);

describe("a neighbour that restarts", () => {
  it("keeps its routes until its restart time is over, in the table and in the kernel (RFC 4724 §4.2)", () => {
    const { lab, r2, bgpd } = pair("bgp graceful-restart restart-time 20");
    expect(kernelHas(r2, "10.1.0.0/16")).toBe(true);
    bgpd.stop();
    lab.run(19 * S);
    expect(shown(r2, "10.1.0.0/16")).toContain("(stale)");
    expect(r2.show("show ip bgp")).toContain("S>");
    expect(kernelHas(r2, "10.1.0.0/16")).toBe(true);
    lab.run(2 * S);
    expect(Object.keys(table(r2))).toEqual(["10.2.0.0/16"]);
    expect(kernelHas(r2, "10.1.0.0/16")).toBe(false);
  });
  it("that is back tells what there is now, and the rest goes with its End-of-RIB", () => {
    const { lab, r1, r2, bgpd } = pair("bgp graceful-restart preserve-fw-state");
    bgpd.stop();
    lab.run(2 * S);
    bgpd.start();
    r1.type("router bgp 65001", "address-family ipv4 unicast", "no network 10.9.0.0/16");
    lab.run(2 * S);
    expect(shown(r2, "10.9.0.0/16")).toContain("(stale)");
    lab.run(20 * S);
    expect(Object.keys(table(r2))).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
    expect(shown(r2, "10.1.0.0/16")).not.toContain("stale");
  });
  it("that has lost its forwarding state is believed nothing that it said before", () => {
    const { lab, r2, bgpd } = pair();
    bgpd.stop();
    lab.run(2 * S);
    bgpd.start();
    let lost = false;
    for (let i = 0; i < 200 && !lost; i++) {
      lab.run(0.1 * S);
      lost = !Object.keys(table(r2)).includes("10.1.0.0/16");
    }
    expect(lost).toBe(true);
    lab.run(10 * S);
    expect(Object.keys(table(r2))).toContain("10.1.0.0/16");
  });
  it("is forgotten where this router takes no part in restarts", () => {
    const { lab, r2, bgpd } = pair("", "neighbor 10.0.0.1 graceful-restart-disable");
    bgpd.stop();
    lab.run(S);
    expect(Object.keys(table(r2))).toEqual(["10.2.0.0/16"]);
    expect(r2.show("show ip bgp neighbors 10.0.0.1")).toContain("Local GR Mode: Disable\n");
  });
  it("by clear bgp is reset hard, unless that is not wanted (RFC 8538 §3)", () => {
    for (const [line, stale] of [
      ["", false],
      ["no bgp hard-administrative-reset", true],
    ] as const) {
      const { lab, r1, r2 } = pair("neighbor 10.0.0.2 timers delayopen 60", `${line}\n neighbor 10.0.0.1 passive`);
      r2.show("clear ip bgp 10.0.0.1");
      lab.run(0.5 * S);
      expect(Object.keys(table(r1)).includes("10.2.0.0/16")).toBe(stale);
      expect(Object.keys(table(r2)).includes("10.1.0.0/16")).toBe(stale);
      expect(r1.show("show ip bgp neighbors 10.0.0.2")).toContain("Cease/Administrative Reset");
    }
  });
  it("has long-lived routes that are marked, chosen last and kept from those that know of none (RFC 9494 §4)", () => {
    const long = "bgp graceful-restart\n bgp graceful-restart restart-time 0\n";
    const stale = "bgp long-lived-graceful-restart stale-time 30\n";
    const { lab, all } = hub([
      { as: 65001, lines: `${long} ${stale} neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16")}` },
      {
        as: 65002,
        lines: `${long} ${stale} neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.4 remote-as 65004`,
      },
      { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002" },
      { as: 65004, lines: "bgp graceful-restart-disable\n neighbor 10.0.0.2 remote-as 65002" },
    ]);
    const [r1, r2, r3, r4] = all as [Router, Router, Router, Router];
    expect(Object.keys(table(r4))).toEqual(["10.1.0.0/16"]);
    bgpdOf(r1).stop();
    lab.run(3 * S);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ communities: "llgr-stale", best: true }]);
    expect(table(r3)["10.1.0.0/16"]).toMatchObject([{ communities: "llgr-stale" }]);
    expect(table(r4)).toEqual({});
    r3.type("router bgp 65003", "no bgp network import-check", "address-family ipv4 unicast", "network 10.1.0.0/16");
    lab.run(3 * S);
    expect(table(r2)["10.1.0.0/16"]?.find((p) => p.best === true)?.peer).toBe("10.0.0.3");
    lab.run(30 * S);
    expect(table(r2)["10.1.0.0/16"]?.length).toBe(1);
  });
});

describe("a router that restarts", () => {
  it("finds its routes in the kernel, and decides when its neighbours have told everything (RFC 4724 §4.1)", () => {
    const { lab, r1, r2, bgpd } = pair();
    lab.run(130 * S); // r2 counts no longer as started
    bgpd.stop();
    lab.run(2 * S);
    expect(kernelHas(r1, "10.2.0.0/16")).toBe(true);
    bgpd.start();
    const best = (): unknown => table(r1)["10.2.0.0/16"]?.[0]?.best;
    for (let i = 0; i < 1000; i++) {
      lab.run(0.01 * S);
      expect(kernelHas(r1, "10.2.0.0/16")).toBe(true);
      if (r1.bgpd.bgp?.restarter.deferring === true) expect(best()).not.toBe(true);
    }
    expect(best()).toBe(true);
    expect(Object.keys(table(r2))).toContain("10.1.0.0/16");
  });
  it("loses them after rib-stale-time, or at once when it does not restart gracefully", () => {
    const { lab, r1, bgpd } = pair("bgp graceful-restart rib-stale-time 5");
    bgpd.stop();
    lab.run(4 * S);
    expect(kernelHas(r1, "10.2.0.0/16")).toBe(true);
    lab.run(2 * S);
    expect(kernelHas(r1, "10.2.0.0/16")).toBe(false);
    const other = pair("no bgp graceful-restart");
    other.bgpd.stop();
    other.lab.run(S);
    expect(kernelHas(other.r1, "10.2.0.0/16")).toBe(false);
  });
  it("says so, for a while, and what it says of restarts is written as it was typed", () => {
    const lines = [
      "bgp graceful-restart restart-time 99",
      "bgp graceful-restart stalepath-time 98",
      "bgp graceful-restart select-defer-time 97",
      "bgp graceful-restart rib-stale-time 96",
      "bgp long-lived-graceful-restart stale-time 95",
      "no bgp graceful-restart notification",
      "bgp graceful-restart preserve-fw-state",
      "bgp graceful-restart disable-eor",
      "no bgp hard-administrative-reset",
      "neighbor 10.0.0.2 graceful-restart-helper",
    ];
    const { r1, r2 } = pair(lines.join("\n "));
    const written = r1.bgpd.writeConfig()[0]?.lines.map((l) => l.trim()) ?? [];
    for (const line of ["bgp graceful-restart", ...lines]) expect(written).toContain(line);
    const view = r2.show("show ip bgp neighbors 10.0.0.1");
    expect(view).toContain("Remote GR Mode: Helper");
    expect(view).toContain("R bit: True\n    N bit: False");
    expect(view).toContain("Received Restart Time(sec): 99");
  });
});

it("who stops says so to its neighbours, who is killed does not", () => {
  for (const killed of [false, true]) {
    const { lab, all } = hub([
      { as: 65001, lines: "bgp graceful-restart-disable\n neighbor 10.0.0.2 remote-as 65002" },
      { as: 65002, lines: "bgp graceful-restart-disable\n neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const [r1, r2] = all as [Router, Router];
    if (killed) bgpdOf(r1).kill();
    else bgpdOf(r1).stop();
    lab.run(S);
    const shown = r2.show("show bgp neighbors 10.0.0.1");
    expect(shown).toContain(killed ? "Peer closed the session" : "Cease/Peer De-configured");
  }
});

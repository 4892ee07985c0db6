import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { configure, OspfLab, show } from "./net.ts";
import { FAST, ring } from "./ring.ts";

/** What r1 of a real ring of FRR 8.4.4 printed, by command. */
function recorded(command: string): string {
  const text = readFileSync(sharedPath("anchors/linux/frr_outputs.txt"), "utf8");
  const part = text.split(`##### r1# ${command}\n`)[1];
  if (part === undefined) throw new Error(`no recording of ${command}`);
  return part.split("\n##### ")[0] as string;
}

/** Without times, counts and sums that differ from run to run. */
const plain = (text: string): string =>
  text
    .replace(/0x8[0-9a-f]{7}|Seq Number: 8[0-9a-f]{7}/g, "SEQ")
    .replace(/SEQ 0x[0-9a-f]{4}/g, "SEQ SUM")
    .replace(/Checksum: 0x[0-9a-f]{4}/g, "Checksum: SUM")
    .replace(/Sum 0x[0-9a-f]{8}/g, "Sum SUM")
    .replace(/LS age: \d+/g, "LS age: AGE")
    .replace(/ +\d+ SEQ/g, " AGE SEQ")
    .replace(/\d+\.\d{3}s| \d+ usecs/g, "TIME")
    .replace(/ +(TIME)/g, " $1")
    .replace(/multiplier is currently \d+/, "multiplier")
    .replace(/executed \d+ times/, "executed")
    .replace(/, \d+ state changes/, "")
    .replace(/Retransmission List \d+/g, "Retransmission List")
    .replace(/(DBsmL\n)|( {4,}\d+ {5}0 {5}0\n)/g, "$1 counts\n")
    .trim();

/** The parts of a database in the order of their routers, whoever spoke first. */
const attached = (text: string): string => text.replace(/^( {8}Attached Router: .*\n\n)+/gm, "ROUTERS\n");

describe("r1 of FRR's ring", () => {
  const { lab, routers } = ring(1, FAST);
  lab.run(40 * S);
  const [r1] = routers;
  if (r1 === undefined) throw new Error("no router");
  itNeeds(haveShared).each([
    "show ip ospf neighbor",
    "show ip ospf neighbor detail",
    "show ip ospf database",
    "show ip ospf database router",
    "show ip ospf database network",
    "show ip ospf interface",
    "show ip ospf route",
    "show ip ospf",
  ])("prints %s as FRR does", (command) => {
    // FRR 8.4 does not know this table yet
    const shown = show(r1, command).replace(/=+ OSPF reachable routers table =+\n(.+\n)*\n/, "");
    expect(attached(plain(shown))).toBe(attached(plain(recorded(command))));
  });

  it("writes its configuration", () => {
    const lines = r1.frr.writeConfig().flatMap((b) => [b.head, ...b.lines]);
    expect(lines).toEqual([
      "interface e12",
      " ip ospf area 0",
      " ip ospf dead-interval 4",
      " ip ospf hello-interval 1",
      "interface e14",
      " ip ospf area 0",
      " ip ospf dead-interval 4",
      " ip ospf hello-interval 1",
      "interface lo",
      " ip ospf area 0",
      " ip ospf passive",
      "router ospf",
      " ospf router-id 10.255.0.1",
      " log-adjacency-changes detail",
      " no capability opaque",
    ]);
  });

  it.each(["neighbor", "neighbor detail", "interface", "route", "border-routers", "database", "database router"])(
    "prints JSON of %s",
    (what) => {
      expect(() => JSON.parse(show(r1, `show ip ospf ${what} json`))).not.toThrow();
    },
  );
});

it("writes what was typed, so that it reads back to the same", () => {
  const lines = [
    "ospf router-id 1.1.1.1",
    "ospf abr-type standard",
    "log-adjacency-changes",
    "compatible rfc1583",
    "auto-cost reference-bandwidth 1000",
    "timers lsa min-arrival 500",
    "timers throttle spf 10 100 1000",
    "maximum-paths 8",
    "max-metric router-lsa on-shutdown 30",
    "max-metric router-lsa administrative",
    "passive-interface default",
    "network 10.0.0.0/8 area 0",
    "network 11.0.0.0/8 area 0.0.0.1",
    "area 0 authentication message-digest",
    "area 0 range 10.1.0.0/16 cost 7",
    "area 0 range 10.2.0.0/16 not-advertise",
    "area 1 stub no-summary",
    "area 1 default-cost 9",
    "area 2 nssa translate-always default-information-originate",
    "area 2 filter-list prefix L in",
    "neighbor 10.0.0.9 priority 3 poll-interval 20",
    "neighbor 10.0.0.10",
    "area 3 virtual-link 9.9.9.9",
    "area 3 virtual-link 9.9.9.9 authentication-key secret",
    "default-metric 33",
    "redistribute connected metric 5 metric-type 1 route-map M",
    "redistribute static",
    "distribute-list A out static",
    "default-information originate always metric 3",
    "aggregation timer 9",
    "summary-address 10.7.0.0/16 tag 4",
    "summary-address 10.8.0.0/16 no-advertise",
    "distance ospf intra-area 90 external 150",
    "graceful-restart helper enable",
    "no graceful-restart helper strict-lsa-checking",
    "graceful-restart helper supported-grace-time 300",
    "graceful-restart helper enable 8.8.8.8",
    "forwarding-address-self",
    "no capability opaque",
  ];
  const lab = new OspfLab();
  const router = lab.frr(lab.router("r1"), "");
  configure(router, "router ospf", ...lines);
  const written = router.frr.writeConfig().find((b) => b.head === "router ospf");
  expect(written?.lines.map((l) => l.trim())).toEqual(lines);
});

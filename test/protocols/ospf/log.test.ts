import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { textOf } from "../../harness/text-file.ts";
import { configure, OspfLab, type Router } from "./net.ts";

const PATH = "/var/log/frr/ospfd.log";
const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n";

/** Two routers on a cable, 10.0.0.1 and 10.0.0.2; what stands in `router ospf` and at the interface of each. */
function pair(process: readonly [string, string], at: readonly [string, string] = [FAST, FAST]) {
  const lab = new OspfLab();
  const kernels = [lab.router("r1"), lab.router("r2")] as const;
  const cable = lab.cable([kernels[0], "e0 10.0.0.1/24"], [kernels[1], "e0 10.0.0.2/24"]);
  const [r1, r2] = kernels.map((kernel, i) =>
    lab.frr(
      kernel,
      `log file ${PATH} informational\nlog timestamp precision 3\nlog record-priority\ninterface e0\n ip ospf area 0\n${at[i]}router ospf\n ospf router-id ${i + 1}.${i + 1}.${i + 1}.${i + 1}\n${process[i]}`,
    ),
  ) as [Router, Router];
  const linesOf = (r: Router): string[] => (textOf(r.kernel.os, PATH) ?? "").trimEnd().split("\n");
  return { lab, r1, r2, cable, linesOf };
}
/** Races decide whether they are met: the recording has none. */
const NOT_RECORDED =
  /\[MJPRP-6G4WM\] Packet\[DD\]: Neighbor [0-9.]+: Initial DBD from Slave, ignoring\.$|\[XGKSD-28KJC\] default:Packet\[DD\]: [0-9.]+ DB Desc resend with seqnum:[0-9a-f]+ , flags:[0-9a-f]$/;
/** A line without what differs from run to run. */
const shape = (line: string): string =>
  line
    .replace(/^\S+ \S+ /, "")
    .replace(/(seqnum:|0x)[0-9a-f]+/g, "$1N")
    .replace(/r1-eth0|e0/g, "DEV")
    .replace(/\d+(\.\d+){3}/g, "A")
    .replace(/(Down|Init|2-Way|ExStart|Exchange|Loading|Full|Deleted)/g, "STATE")
    .replace(/\(([0-9A-Za-z-]+\??)\)$/, "(EVENT)")
    .replace(/flags:\d/, "flags:N")
    .replace(/(expected|received) \d+/g, "$1 N");

it("logs neighbours in detail, in the form of a real ospfd", () => {
  const { lab, r1, r2, linesOf } = pair([" log-adjacency-changes detail\n", " log-adjacency-changes detail\n"]);
  lab.run(20 * S);
  configure(r1, "interface e0", "ip ospf hello-interval 2");
  lab.run(10 * S);
  r1.frr.stop();
  const lines = [...linesOf(r1), ...linesOf(r2)];
  const real = readFileSync(new URL("log-lines.txt", import.meta.url), "utf8")
    .split("\n")
    .slice(1)
    .filter(Boolean);
  const shapes = new Set(real.map(shape));
  const strange = lines.filter((line) => !shapes.has(shape(line)) && !NOT_RECORDED.test(line));
  expect(strange).toEqual([]);
  const seen = new Set(lines.map(shape));
  expect([...shapes].filter((s) => !seen.has(s) && !s.includes("discarded"))).toEqual([]);
});

it("the way up and down is told step by step, at its time", () => {
  const { lab, r1, r2, linesOf } = pair([" log-adjacency-changes detail\n", ""]);
  lab.run(20 * S);
  r2.frr.stop();
  lab.run(10 * S);
  const changes = linesOf(r1).flatMap((line) => line.match(/\S+ -> \S+ \(.*\)$/)?.slice(0, 1) ?? []);
  expect(changes).toEqual([
    "Down -> Init (HelloReceived)",
    "Init -> 2-Way (2-WayReceived)",
    "2-Way -> ExStart (AdjOK?)",
    "ExStart -> Exchange (NegotiationDone)",
    "Exchange -> Loading (ExchangeDone)",
    "Loading -> Full (LoadingDone)",
    "Full -> Deleted (InactivityTimer)",
  ]);
  const last = linesOf(r1).find((line) => line.includes("InactivityTimer"));
  expect(last).toMatch(
    /^1970\/01\/01 00:00:2[34]\.\d{3} notifications: OSPF: \[Y05P2-YJVXY\] AdjChg: Nbr 2\.2\.2\.2, /,
  );
  expect(linesOf(r2).filter((line) => line.includes("AdjChg"))).toEqual([]);
});

it("without detail only what begins and what ends an adjacency is told", () => {
  const { lab, r1, cable, linesOf } = pair([" log-adjacency-changes\n", ""]);
  lab.run(20 * S);
  cable.setUp(false);
  lab.run(10 * S);
  const said = linesOf(r1).filter((line) => line.includes("AdjChg"));
  expect(said.map((line) => line.replace(/.*: /, ""))).toEqual([
    expect.stringMatching(/^(Loading -> Full \(LoadingDone\)|Exchange -> Full \(ExchangeDone\))$/),
    "Full -> Deleted (KillNbr)",
  ]);
  configure(r1, "router ospf", "no log-adjacency-changes");
  cable.setUp(true);
  lab.run(20 * S);
  expect(linesOf(r1).filter((line) => line.includes("AdjChg"))).toEqual(said);
});

it("says why hellos and descriptions are not taken", () => {
  const why = (at: readonly [string, string], more = ""): string[] => {
    const { lab, r1, linesOf } = pair([more, ""], at);
    lab.run(12 * S);
    return [...new Set(linesOf(r1).flatMap((line) => line.match(/\[EC \d+\] .*/)?.slice(0, 1) ?? []))];
  };
  const hello = "[EC 134217741] Packet 2.2.2.2 [Hello:RECV]:";
  expect(why([FAST, " ip ospf hello-interval 1\n ip ospf dead-interval 5\n"])).toEqual([
    `${hello} RouterDeadInterval mismatch on e0:10.0.0.1 (expected 4, but received 5).`,
  ]);
  expect(why([FAST, FAST], " area 0.0.0.1 stub\n")).toEqual([]);
  expect(why([FAST.replace(" ip", " ip ospf area 0.0.0.1\n ip"), FAST])).toEqual([
    "[EC 134217741] interface e0:10.0.0.1: ospf_read invalid Area ID 0.0.0.0",
  ]);
  expect(
    why(
      [FAST.replace(" ip", " ip ospf area 0.0.0.1\n ip"), FAST.replace(" ip", " ip ospf area 0.0.0.1\n ip")],
      " area 0.0.0.1 stub\n",
    ),
  ).toEqual([`${hello} my options: 0, his options 2`]);
});

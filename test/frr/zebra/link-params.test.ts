import { expect, it } from "vitest";
import { startDaemon } from "../../../src/nodes/daemons.ts";
import { must } from "../../harness/kernels.ts";
import { Box } from "../../harness/transcript.ts";

const BLOCK = [
  " link-params",
  "  metric 20",
  "  max-bw 1e+11",
  "  max-rsv-bw 1.25e+08",
  "  unrsv-bw 3 1e+06",
  "  admin-grp 0xa1",
  "  srlg 7",
  "  srlg 9",
  "  neighbor 10.0.255.5 as 65535",
  "  delay 10000 min 5000 max 20000",
  "  delay-variation 300",
  "  packet-loss 1.500000",
  "  res-bw 1e+06",
  "  ava-bw 2e+06",
  "  use-bw 3e+06",
  " exit-link-params",
];

/** A node with zebra that has read a configuration of e1. */
function box(...lines: readonly string[]) {
  const made = new Box();
  const config = ["interface e1", ...lines, "exit", ""].join("\n");
  must(startDaemon(made.n.os, "zebra", { config }));
  made.wait("100ms");
  const vtysh = (...commands: readonly string[]) => made.run(`vtysh ${commands.map((c) => `-c '${c}'`).join(" ")}`);
  const blockOf = (): string[] =>
    vtysh("show running-config")
      .output.split("\n")
      .filter((line) => /^ link-params|^ {2}|^ exit-link/.test(line));
  return { vtysh, blockOf };
}

it("parameters of links are written as they were typed", () => {
  expect(box(...BLOCK).blockOf()).toEqual(BLOCK);
  const { vtysh, blockOf } = box(" ip address 10.0.0.1/24");
  expect(blockOf()).toEqual([]);
  vtysh("configure terminal", "interface e1", "link-params", "max-bw 10e+10", "exit-link-params", "bandwidth 5");
  expect(blockOf()).toEqual([" link-params", "  max-bw 1e+11", " exit-link-params"]);
  vtysh("configure terminal", "interface e1", "no link-params");
  expect(blockOf()).toEqual([]);
});

it("all of them can be taken back", () => {
  const { vtysh, blockOf } = box(...BLOCK);
  const words = [...new Set(BLOCK.slice(1, -1).map((line) => line.trim().split(" ")[0] as string))];
  const take = words.flatMap((word) =>
    word === "srlg" ? ["no srlg 7", "no srlg 9"] : [word === "unrsv-bw" ? "no unrsv-bw 3" : `no ${word}`],
  );
  vtysh("configure terminal", "interface e1", "link-params", ...take);
  expect(blockOf()).toEqual([" link-params", " exit-link-params"]);
});

it("what is not a rate, a bit pattern or a percentage is refused", () => {
  const { vtysh } = box();
  for (const line of ["max-bw fast", "unrsv-bw 1 -5", "admin-grp 12", "packet-loss 60"])
    expect(vtysh("configure terminal", "interface e1", "link-params", line)).toMatchObject({
      status: 1,
      output: expect.stringContaining("Invalid"),
    });
});

it("shows them: what is not set is the rate of the device, or ten megabits", () => {
  const { vtysh } = box(...BLOCK);
  const text = vtysh("show interface e1").output;
  expect(text).toContain(
    "  Traffic Engineering Link Parameters:\n    TE metric 20\n    Maximum Bandwidth 1e+11 (Byte/s)\n",
  );
  expect(text).toContain("      [2]: 1.25e+06 (Bytes/sec),\t[3]: 1e+06 (Bytes/sec)\n");
  expect(text).toContain(
    "    Link Delay Average: 10000 (micro-sec.) Min:  5000 (micro-sec.) Max:  20000 (micro-sec.)\n",
  );
  expect(text).toContain("    Neighbor ASBR IP: 10.0.255.5 AS: 65535 \n");
  expect(box(" bandwidth 100", " link-params").vtysh("show interface e1").output).toContain(
    "    Maximum Bandwidth 1.25e+07 (Byte/s)\n",
  );
});

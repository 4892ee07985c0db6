import { expect, it } from "vitest";
import { Box, testGarbage } from "../../harness/transcript.ts";

it("shows learnt addresses with their age", () => {
  const box = new Box();
  box.run("brctl addbr br0; brctl addif br0 e1 e2; ip link set br0 up; ip link set e1 up; ip link set e2 up");
  box.run("ip link set br0 type bridge vlan_default_pvid 0");
  box.run("ip addr add 10.0.0.1/24 dev p1", box.p);
  box.run("arping -c 1 -w 1 -I p1 10.0.0.9", box.p);
  box.wait("1.5s");
  const { output } = box.run("brctl showmacs br0");
  const lines = output.split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "port no\tmac addr\t\tis local?\tageing timer",
    "  1\t02:00:00:00:00:01\tyes\t\t   0.00",
    "  2\t02:00:00:00:00:02\tyes\t\t   0.00",
  ]);
  expect(lines[3]).toMatch(/^ {2}1\t02:00:00:00:0a:01\tno\t\t {3}2\.50$/);
});

it("lets hosts talk across a bridge that it made, and no longer when a port has left", () => {
  const box = new Box();
  box.run(
    "brctl addbr br0; brctl addif br0 e1; ip link set br0 up; ip link set e1 up; ip addr add 10.0.0.2/24 dev br0",
  );
  box.run("ip addr add 10.0.0.1/24 dev p1", box.p);
  expect(box.run("ping -c 1 -W 1 10.0.0.2", box.p).status).toBe(0);
  expect(box.run("brctl delif br0 e1")).toEqual({ output: "", status: 0 });
  expect(box.run("ping -c 1 -W 1 10.0.0.2", box.p).status).toBe(1);
});

testGarbage(
  ["brctl addbr", "brctl addif br0", "brctl"],
  "addbr addif delif show showmacs showstp stp setageing setfd sethello setmaxage setbridgeprio setpathcost setportprio hairpin br0 e1 e3 lo zz on off 1 0 -5 3.5 99999999999 x 0x10 -h --".split(
    " ",
  ),
);

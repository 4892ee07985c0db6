import { expect, it } from "vitest";
import { Box, testGarbage } from "../../harness/transcript.ts";

/** What a command on a node with a bridge `br0` (port `e1`) and a VXLAN device `vx0` ends with. */
function outcome(command: string): { readonly output: string; readonly status: number } {
  const box = new Box();
  box.run("ip link add br0 type bridge; ip link set e1 master br0; ip link add vx0 type vxlan id 1 dstport 4789");
  return box.run(command);
}

it.each([
  ["bridge mdb show", "bridge mdb"],
  ["bridge vni", "bridge vni"],
  ["bridge monitor all", "bridge monitor"],
  ["bridge -t fdb", "-t"],
  ["bridge -batch x", "-batch"],
  ["bridge -c fdb", "-c"],
  ["bridge -s vlan", "-statistics of VLANs"],
  ["bridge vlan tunnelshow", "bridge vlan tunnelshow"],
  ["bridge vlan set vid 1 dev e1 state 3", "bridge vlan set"],
  ["bridge vlan global", "bridge vlan global"],
  ["bridge vlan add vid 3 dev e1 tunnel_info id 3", '"tunnel_info"'],
  ["bridge link set dev e1 fastleave on", '"fastleave"'],
  ["bridge link set dev e1 neigh_suppress on", '"neigh_suppress"'],
  ["bridge link set dev e1 mcast_router 2", '"mcast_router"'],
  ["bridge fdb add 02:00:00:00:00:01 dev vx0 nhid 1", '"nhid"'],
  ["bridge fdb add 02:00:00:00:00:01 dev vx0 src_vni 1", '"src_vni"'],
  ["bridge fdb add 02:00:00:00:00:01 dev vx0 dst ::1", 'IPv6 ("::1")'],
  ["bridge fdb add 02:00:00:00:00:01 dev vx0 router", '"router"'],
])("refuses by name: %s", (command, name) => {
  expect(outcome(command)).toEqual({ output: `bridge: ${name} is not built\n`, status: 255 });
});

it.each([
  ["bridge link set dev e1 foo on", "link set"],
  ["bridge link show foo", "link show"],
  ["bridge fdb show foo", "fdb show"],
  ["bridge fdb flush dev br0 foo", "fdb flush"],
  ["bridge vlan show foo", "vlan show"],
  ["bridge vlan add vid 3 dev e1 foo", "vlan add"],
])("passes over no word: %s", (command, where) => {
  expect(outcome(command)).toEqual({ output: `bridge: unknown option "foo" of ${where}\n`, status: 255 });
});

it("acts in another namespace", () => {
  const box = new Box();
  expect(box.run("bridge -n p fdb add 02:00:00:00:00:09 dev p1")).toEqual({ output: "", status: 0 });
  expect(box.run("bridge -n p fdb show dev p1").output).toContain("02:00:00:00:00:09 self permanent\n");
  expect(box.run("bridge fdb show").output).not.toContain("02:00:00:00:00:09");
  expect(box.run("bridge -n q fdb")).toEqual({
    output: 'Cannot open network namespace "q": No such file or directory\n',
    status: 255,
  });
});

it("shows the other end of a pair in the same namespace, and that it is down", () => {
  const box = new Box();
  box.run(
    "ip link add v0 type veth peer name v1; ip link add br0 type bridge; ip link set v0 master br0; ip link set v0 up",
  );
  expect(box.run("bridge link").output).toBe(
    "6: v0@v1: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 master br0 state disabled priority 32 cost 2 \n",
  );
  expect(box.run("bridge -j link").output).toContain('"link":"v1","ifname":"v0","flags":["NO-CARRIER","BROADCAST"');
});

it("keeps what a control plane has told to a VXLAN device, and lets go what nobody asks for", () => {
  const box = new Box();
  box.run("ip link add vx0 type vxlan id 1 dstport 4789 ageing 5; ip link set vx0 up");
  box.run("bridge fdb add 02:00:00:00:01:01 dev vx0 dst 10.0.0.2 dynamic");
  box.run("bridge fdb add 02:00:00:00:01:02 dev vx0 dst 10.0.0.2 dynamic extern_learn");
  box.run("bridge fdb add 02:00:00:00:01:03 dev vx0 dst 10.0.0.2 static");
  box.wait("6s");
  // what was added by hand is not taken over
  box.run("bridge fdb replace 02:00:00:00:01:03 dev vx0 dst 10.0.0.3 dynamic extern_learn");
  expect(box.run("bridge fdb show dev vx0").output).toBe(
    "02:00:00:00:01:03 dst 10.0.0.3 self static\n02:00:00:00:01:02 dst 10.0.0.2 self extern_learn \n",
  );
});

it("keeps frames of isolated ports apart", () => {
  const box = new Box();
  box.run("ip link add br0 type bridge; ip link set br0 up");
  for (const i of [1, 2]) {
    box.run(`ip link set e${i} master br0; ip link set e${i} up; bridge link set dev e${i} isolated on`);
    box.run(`ip addr add 10.0.0.${i}/24 dev p${i}`, box.p);
  }
  box.run("arping -c 1 -I p1 10.0.0.9", box.p);
  expect(box.n.device("e2")?.stats.txPackets).toBe(0);
  box.run("bridge link set dev e2 isolated off");
  box.run("arping -c 1 -I p1 10.0.0.9", box.p);
  expect(box.n.device("e2")?.stats.txPackets).toBeGreaterThan(0);
  expect(box.run("bridge fdb show br br0 dynamic").output).toBe("02:00:00:00:0a:01 dev e1 master br0 \n");
});

testGarbage(
  [
    "ip link add br0 type bridge",
    "ip link set e1 master br0",
    "bridge fdb add",
    "bridge fdb",
    "bridge link set",
    "bridge vlan add",
    "bridge",
  ],
  "add append del replace show flush get dev e1 br0 lo master self vid vlan 1 5-7 0 70000 02:00:00:00:00:05 dst 10.0.0.1 port vni via use sticky extern_learn static dynamic local state on off isolated cost priority -j -d -s br brport pvid untagged link fdb".split(
    " ",
  ),
);

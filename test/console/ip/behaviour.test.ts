import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { Nodes } from "./transcript.ts";

/** Runs commands that must succeed without a word. */
function silently(nodes: Nodes, node: string, ...commands: readonly string[]): void {
  for (const command of commands) {
    const { output, status } = nodes.run(node, command);
    expect({ command, output, status }).toEqual({ command, output: "", status: 0 });
  }
}

/** Two nodes, `one` and `two`, on one veth cable that was made while the simulation ran: 10.0.0.1 and 10.0.0.2. */
function twoNodes(): Nodes {
  const nodes = new Nodes();
  nodes.kernel("one");
  nodes.kernel("two");
  silently(
    nodes,
    "one",
    "ip link add v1 address 02:00:00:00:00:01 type veth peer name v2 address 02:00:00:00:00:02 netns two",
    "ip addr add 10.0.0.1/24 dev v1",
    "ip link set v1 up",
    "ip -n two addr add 10.0.0.2/24 dev v2",
    "ip -n two link set v2 up",
  );
  return nodes;
}

const answers = (nodes: Nodes, node: string, address: string): boolean =>
  nodes.output(node, `ping -c 1 -W 1 ${address}`).includes("1 received");

it("connects two nodes while the simulation runs, and the neighbours are told as they change", () => {
  const nodes = twoNodes();
  expect(nodes.output("one", "ip neigh")).toBe("");
  expect(answers(nodes, "one", "10.0.0.2")).toBe(true);
  expect(nodes.output("one", "ip neigh")).toBe("10.0.0.2 dev v1 lladdr 02:00:00:00:00:02 REACHABLE \n");
  expect(nodes.output("two", "ip neigh show dev v2")).toBe("10.0.0.1 lladdr 02:00:00:00:00:01 DELAY \n");
  nodes.wait(100);
  expect(nodes.output("one", "ip neigh")).toBe("10.0.0.2 dev v1 lladdr 02:00:00:00:00:02 STALE \n");
  expect(answers(nodes, "one", "10.0.0.9")).toBe(false);
  nodes.wait(5);
  expect(nodes.output("one", "ip neigh show 10.0.0.9")).toBe("10.0.0.9 dev v1 FAILED \n");
  expect(nodes.output("one", "ip neigh show nud stale")).toBe("10.0.0.2 dev v1 lladdr 02:00:00:00:00:02 STALE \n");
});

it("runs commands on other nodes, to their ends", () => {
  const nodes = twoNodes();
  const { output, status } = nodes.run("one", "ip netns exec two ping -c 2 -i 1 10.0.0.1");
  expect(output).toContain("2 packets transmitted, 2 received");
  expect(status).toBe(0);
  expect(nodes.run("one", "ip netns exec two ping -c 1 -W 1 10.0.0.9").status).toBe(1);
  expect(nodes.output("one", "ip netns exec two ip netns exec one ip -br link show v1")).toMatch(/^v1@if\d/);
});

it("interrupts the command on the other node with the one that started it", () => {
  const nodes = twoNodes();
  const running = nodes.start("one", "ip netns exec two ping 10.0.0.1");
  nodes.wait(3);
  expect(running.ended).toBe(false);
  running.interrupt();
  nodes.wait(1);
  expect(running.ended).toBe(true);
  expect(running.output).toMatch(/ping statistics ---\n[34] packets transmitted/);
});

it("moves a device to another node, with its cable and without its addresses", () => {
  const nodes = twoNodes();
  nodes.kernel("three");
  silently(nodes, "two", "ip link set v2 netns three");
  expect(nodes.run("two", "ip link show v2")).toMatchObject({ output: 'Device "v2" does not exist.\n', status: 1 });
  expect(nodes.output("three", "ip -br addr show v2")).toMatch(/^v2@if\d +DOWN +\n$/);
  expect(answers(nodes, "one", "10.0.0.2")).toBe(false);
  silently(nodes, "three", "ip addr add 10.0.0.3/24 dev v2", "ip link set v2 up");
  expect(answers(nodes, "one", "10.0.0.3")).toBe(true);
});

it("deletes both ends of a veth, and the routes that led there", () => {
  const nodes = twoNodes();
  silently(nodes, "one", "ip route add 10.5.0.0/16 via 10.0.0.2");
  silently(nodes, "two", "ip link del v2");
  expect(nodes.output("one", "ip -br link")).toMatch(/^lo .*\n$/);
  expect(nodes.output("one", "ip route")).toBe("");
});

it("carries VLANs, bridges and tunnels that commands made", () => {
  const nodes = twoNodes();
  for (const [node, v, n] of [
    ["one", "v1", 1],
    ["two", "v2", 2],
  ] as const) {
    silently(
      nodes,
      node,
      `ip link add link ${v} name vlan5 type vlan id 5`,
      `ip addr add 10.5.0.${n}/24 dev vlan5`,
      "ip link set vlan5 up",
      `ip link add gre1 type gre local 10.5.0.${n} remote 10.5.0.${3 - n}`,
      `ip addr add 10.6.0.${n}/30 dev gre1`,
      "ip link set gre1 up",
      `ip link add vx type vxlan id 7 local 10.6.0.${n} remote 10.6.0.${3 - n} dstport 4789`,
      "ip link add br0 type bridge",
      "ip link set vx master br0 up",
      `ip addr add 10.7.0.${n}/24 dev br0`,
      "ip link set br0 up",
    );
  }
  nodes.wait(40); // the bridge ports learn first
  for (const network of ["10.5.0", "10.6.0", "10.7.0"]) expect(answers(nodes, "one", `${network}.2`)).toBe(true);
  expect(nodes.output("one", "ip -o -4 addr show br0")).toContain("inet 10.7.0.1/24 scope global br0");
  expect(nodes.output("one", "ip route get 10.7.0.2")).toMatch(/^10\.7\.0\.2 dev br0 src 10\.7\.0\.1 uid 0/);
});

it("counts what went through a device", () => {
  const nodes = twoNodes();
  silently(nodes, "one", "ip neigh add 10.0.0.2 dev v1 lladdr 02:00:00:00:00:02");
  silently(nodes, "two", "ip neigh add 10.0.0.1 dev v2 lladdr 02:00:00:00:00:01");
  const [before] = JSON.parse(nodes.output("one", "ip -j -s link show v1"));
  nodes.run("one", "ping -c 3 -s 100 10.0.0.2");
  const [after] = JSON.parse(nodes.output("one", "ip -j -s link show v1"));
  const { rx, tx } = before.stats64;
  expect(after.stats64.tx).toMatchObject({ packets: tx.packets + 3, bytes: tx.bytes + 3 * 142 });
  expect(after.stats64.rx).toMatchObject({ packets: rx.packets + 3, bytes: rx.bytes + 3 * 142 });
});

it("tells how long an address still lives", () => {
  const nodes = twoNodes();
  const one = nodes.kernel("one");
  const { now } = nodes.sim;
  const lives = { validUntil: now + 100 * S, preferredUntil: now + 50 * S };
  const added = one.addresses.add(one.device("v1")?.ifindex ?? 0, { address: 0x0a000007, length: 24, ...lives });
  expect(added.ok).toBe(true);
  expect(nodes.output("one", "ip addr show v1 dynamic")).toContain(
    "inet 10.0.0.7/24 scope global secondary dynamic v1\n       valid_lft 100sec preferred_lft 50sec\n",
  );
});

it("gives the same bytes every time", () => {
  const run = (): string => {
    const nodes = twoNodes();
    silently(nodes, "one", "ip link add type veth", "ip link set veth0 up", "ip link set veth1 up");
    answers(nodes, "one", "10.0.0.2");
    return `${nodes.output("one", "ip -s -d addr")}${nodes.output("two", "ip -s -d addr")}${nodes.sim.fingerprint}`;
  };
  expect(run()).toBe(run());
});

it("numbers cables that are made later as those that were there from the start", () => {
  const nodes = twoNodes();
  expect(nodes.sim.nextCable()).toBe(1);
});

it("goes to a gateway only when it is on the link: one of this host's own is no hop", () => {
  const nodes = twoNodes();
  silently(nodes, "one", "ip addr add 10.8.0.0/16 dev lo", "ip route add 10.9.0.0/16 via 10.8.0.0");
  expect(nodes.output("one", "ip route get 10.9.0.1")).toMatch(/^10\.9\.0\.1 dev lo src /);
});

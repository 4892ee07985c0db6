import { expect, it } from "vitest";
import { startCommand } from "../../../src/console/shell.ts";
import { S } from "../../../src/core/time.ts";
import { Box, testGarbage } from "../../harness/transcript.ts";

const run = (command: string): { readonly output: string; readonly status: number } => new Box().run(command);

it("sleeps as long as it is told, in simulated time", () => {
  const box = new Box();
  const running = startCommand(box.n, box.world, "sleep 1.5 0.01m; echo awake");
  box.lab.run(2.09 * S);
  expect(running.output).toBe("");
  box.lab.run(0.02 * S);
  expect([running.output, running.status]).toEqual(["awake\n", 0]);
});

it("sleeps for ever, until it is interrupted", () => {
  const box = new Box();
  const running = startCommand(box.n, box.world, "sleep infinity");
  box.lab.run(1000 * S);
  expect(running.status).toBeUndefined();
  running.interrupt();
  expect(running.status).toBe(130);
});

it("knows its name and its addresses", () => {
  const box = new Box();
  expect(box.run("hostname").output).toBe("n\n");
  expect(box.run("hostname -s").output).toBe("n\n");
  expect(box.run("hostname -I").output).toBe("\n");
  box.run("ip addr add 10.0.0.1/24 dev e1; ip addr add 10.0.1.1/24 dev e2; ip link set e1 up");
  expect(box.run("hostname -I").output).toBe("10.0.0.1 \n");
  box.run("ip addr add 10.0.0.2/24 dev e1; ip link set e2 up");
  expect(box.run("hostname --all-ip-addresses").output).toBe("10.0.0.1 10.0.0.2 10.0.1.1 \n");
});

it.each([
  ["hostname foo", "hostname: changing the name to foo is not built", 1],
  ["hostname -f", "hostname: -f is not built", 1],
  ["hostname -x", "hostname: invalid option -- 'x'", 255],
  ["cat -n /sys/class/net/lo/mtu", "cat: option -n is not built", 1],
  ["cat --number /sys/class/net/lo/mtu", "cat: option -n is not built", 1],
  ["ethtool -K e1 tx off", "ethtool: -K is not built", 1],
  ["ethtool e1 e2", "ethtool: bad command line argument(s)", 1],
])("refuses by name: %s", (command, first, status) => {
  const ended = run(command);
  expect([ended.output.split("\n")[0], ended.status]).toEqual([first, status]);
});

it("has the files of a tunnel and of a VLAN", () => {
  const box = new Box();
  box.run("ip link add g1 type gre local 192.0.2.1 remote 192.0.2.2; ip link set g1 up");
  box.run("ip link add link e1 name e1.5 type vlan id 5; ip link set e1 up; ip link set e1.5 up");
  const read = (path: string): string => box.run(`cat /sys/class/net/${path}`).output.trimEnd();
  expect(["address", "broadcast", "addr_len", "type", "flags"].map((file) => read(`g1/${file}`))).toEqual([
    ...["c0:00:02:01", "c0:00:02:02", "4", "778", "0x91"],
  ]);
  expect(read("g1/speed")).toBe("cat: /sys/class/net/g1/speed: Invalid argument");
  expect([read("e1.5/speed"), read("e1.5/duplex"), read("e1.5/iflink")]).toEqual(["10000", "full", "2"]);
});

it("counts in files as elsewhere", () => {
  const box = new Box();
  box.run("ifconfig e1 10.0.0.1/24");
  box.run("ifconfig p1 10.0.0.2/24", box.p);
  box.run("ping -c 2 10.0.0.2");
  const counters = ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_errors"];
  const paths = counters.map((name) => `/sys/class/net/e1/statistics/${name}`);
  const { stats } = box.n.device("e1") ?? { stats: undefined };
  expect(box.run(`cat ${paths.join(" ")}`).output).toBe(
    `${stats?.rxPackets}\n${stats?.rxBytes}\n${stats?.txPackets}\n${stats?.txBytes}\n0\n`,
  );
  expect(stats?.rxPackets).toBe(3);
});

it("reads every escape of echo", () => {
  const { output } = run("echo -e 'a\\\\a\\a\\b\\e\\f\\r\\t\\v\\n\\0\\07\\0101\\x41\\x4g\\q'");
  expect(output).toBe("a\\a\x07\b\x1b\f\r\t\v\n\0\x07AA\x04g\\q\n");
  expect(run("echo -e 'a\\cb' c").output).toBe("a");
  expect(run("echo -n").output).toBe("");
});

testGarbage(
  ["cat", "echo", "hostname", "ethtool", "true"],
  "-n -e -s -I /sys/class/net/e1/mtu /sys/class/net /proc/sys/net e1 zz / . .. -- - '' \\c a\\cb // /proc/sys//net/ipv4/./ip_forward".split(
    " ",
  ),
);

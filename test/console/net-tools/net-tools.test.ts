import { describe, expect, it } from "vitest";
import { describeInterface, interfaceNames } from "../../../src/console/net-tools/interfaces.ts";
import { device } from "../../harness/kernels.ts";
import { Box, testGarbage } from "../../harness/transcript.ts";

const run = (command: string): { readonly output: string; readonly status: number } => new Box().run(command);

describe("ifconfig", () => {
  it("tells octets in the largest unit of which there is more than one, cut to tenths", () => {
    const dev = device(new Box().n, "e1");
    const shown = (bytes: number): string => {
      dev.stats.rxBytes = bytes;
      return / bytes \d+ \((.*)\)/.exec(describeInterface(dev, "e1"))?.[1] ?? "";
    };
    expect([0, 1023, 1024, 1025, 4813, 1048576, 1048577, 5e9, 2 ** 41].map(shown)).toEqual([
      ...["0.0 B", "1023.0 B", "1024.0 B", "1.0 KiB", "4.7 KiB", "1024.0 KiB", "1.0 MiB", "4.6 GiB", "2.0 TiB"],
    ]);
  });

  it("counts what went through", () => {
    const box = new Box();
    box.run("ifconfig e1 10.0.0.1/24");
    box.run("ifconfig p1 10.0.0.2/24", box.p);
    box.run("ping -c 3 10.0.0.2");
    expect(box.run("ifconfig e1").output).toBe(
      [
        "e1: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500",
        "        inet 10.0.0.1  netmask 255.255.255.0  broadcast 10.0.0.255",
        "        ether 02:00:00:00:00:01  txqueuelen 1000  (Ethernet)",
        "        RX packets 4  bytes 336 (336.0 B)",
        "        RX errors 0  dropped 0  overruns 0  frame 0",
        "        TX packets 4  bytes 336 (336.0 B)",
        "        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0",
        "\n",
      ].join("\n"),
    );
  });

  it("names a tunnel's hardware as nobody's", () => {
    const box = new Box();
    box.run(
      "ip link add g1 type gre local 192.0.2.1 remote 192.0.2.2; ip link set g1 up; ip addr add 10.0.0.1 peer 10.0.0.2 dev g1",
    );
    const { output } = box.run("ifconfig g1");
    expect(output.split("\n").slice(0, 3)).toEqual([
      "g1: flags=209<UP,POINTOPOINT,RUNNING,NOARP>  mtu 1476",
      "        inet 10.0.0.1  netmask 255.255.255.255  destination 10.0.0.2",
      "        unspec C0-00-02-01-00-00-00-00-00-00-00-00-00-00-00-00  txqueuelen 1000  (UNSPEC)",
    ]);
    box.run("ifconfig g1 10.9.0.1 dstaddr 10.9.0.2");
    expect(box.run("ip -o -4 addr show dev g1").output).toContain("inet 10.9.0.1 peer 10.9.0.2/32 ");
  });

  it("sorts names by their numbers, labels behind their devices", () => {
    const box = new Box();
    for (const name of ["eth10", "eth2", "eth"]) box.run(`ip link add ${name} type dummy`);
    for (const label of ["eth2:10", "eth2:9", "eth10:1"])
      box.run(`ifconfig ${label} 10.0.0.${label.length}${label.slice(-1)}`);
    expect(interfaceNames(box.n)).toEqual([
      "e1",
      "e2",
      "e3",
      "eth",
      "eth2",
      "eth2:9",
      "eth2:10",
      "eth10",
      "eth10:1",
      "lo",
    ]);
  });

  it("puts the subnet's route with the address, and takes it away", () => {
    const box = new Box();
    box.run("ifconfig e1 10.0.0.1 netmask 255.255.255.0");
    expect(box.run("ip route").output).toBe("10.0.0.0/24 dev e1 proto kernel scope link src 10.0.0.1 \n");
    box.run("ifconfig e1 netmask 255.255.0.0");
    expect(box.run("ip route").output).toBe("10.0.0.0/16 dev e1 proto kernel scope link src 10.0.0.1 \n");
    box.run("ifconfig e1 down");
    expect(box.run("ip route").output).toBe("");
  });

  it.each(["trailers", "irq 5", "media auto", "tunnel ::1", "dynamic", "inet6 up"])("refuses by name: %s", (words) => {
    const name = words.split(" ")[0];
    expect(run(`ifconfig e1 ${words}`)).toEqual({ output: `ifconfig: ${name} is not built\n`, status: 1 });
  });

  it("refuses other hardware, IPv6, and unknown hosts", () => {
    expect(run("ifconfig e1 hw foo 1")).toEqual({ output: "ifconfig: hw foo is not built\n", status: 3 });
    expect(run("ifconfig e1 add fe80::1")).toEqual({ output: "ifconfig: IPv6 (fe80::1) is not built\n", status: 1 });
    expect(run("ifconfig e1 300.1.1.1")).toEqual({
      output: "300.1.1.1: Unknown host\nifconfig: `--help' gives usage information.\n",
      status: 1,
    });
    expect(run("ifconfig e1 10.0.0.1 netmask").status).toBe(3);
  });
});

describe("route", () => {
  it.each([
    ["route add -net 10.3.0.1 netmask 255.255.0.0 dev e1", "route: netmask doesn't match route address"],
    ["route add -net 10.3.0.0 netmask 255.0.255.0 dev e1", "route: bogus netmask 255.0.255.0"],
    [
      "route add -host 10.3.0.0 netmask 255.255.0.0 dev e1",
      "route: netmask 0000ffff doesn't make sense with host route",
    ],
    ["route add default gw default", "route: default: cannot use a NETWORK as gateway!"],
    ["route add -net 10.3.0.0/16 dev e1 foo", 'route: unknown option "foo"'],
    ["route flush", "Flushing `inet' routing table not supported"],
    ["route add -net 10.3.0.0/16 reinstate", "route: reinstate is not built"],
    ["route -C", "route: -C is not built: there is no cache of routes to show"],
    ["route -6", "route: inet6 is not built"],
    ["route foo", 'route: "foo" is no command'],
  ])("says what is wrong: %s", (command, first) => {
    const { output, status } = run(command);
    expect([output.split("\n")[0], status]).toEqual([first, 3]);
  });

  it("knows no host by name, and shows its usage for an option that it does not know", () => {
    expect(run("route add default gw foo")).toEqual({ output: "foo: Unknown host\n", status: 6 });
    expect(run("route -x").output).toMatch(/^route: invalid option -- 'x'\nUsage: route /);
    expect(run("route -x").status).toBe(0);
  });

  it("makes routes that packets take", () => {
    const box = new Box();
    box.run("ifconfig e1 10.0.0.1/24; route add -net 10.5.0.0 netmask 255.255.0.0 gw 10.0.0.2");
    box.run("ifconfig p1 10.0.0.2/24; ifconfig lo:1 10.5.0.5/32", box.p);
    expect(box.run("ping -c 1 -W 1 10.5.0.5").status).toBe(0);
    box.run("route del -net 10.5.0.0 netmask 255.255.0.0");
    expect(box.run("ping -c 1 -W 1 10.5.0.5").output).toContain("Network is unreachable");
    box.run("route add -host 10.5.0.5 reject");
    expect(box.run("ping -c 1 -W 1 10.5.0.5").output).toContain("No route to host");
  });
});

describe("arp", () => {
  it("shows who is known, who is being asked for, and who never answered", () => {
    const box = new Box();
    box.run("ifconfig e1 10.0.0.1/24");
    box.run("ifconfig p1 10.0.0.2/24", box.p);
    box.run("ping -c 1 -W 1 10.0.0.2; ping -c 1 -W 1 10.0.0.9");
    expect(box.run("arp -an").output).toBe(
      "? (10.0.0.2) at 02:00:00:00:0a:01 [ether] on e1\n? (10.0.0.9) at <incomplete> on e1\n",
    );
    expect(box.run("arp -n").output).toBe(
      [
        "Address                  HWtype  HWaddress           Flags Mask            Iface",
        "10.0.0.2                 ether   02:00:00:00:0a:01   C                     e1",
        "10.0.0.9                         (incomplete)                              e1\n",
      ].join("\n"),
    );
  });

  it("sends to the address that it was told", () => {
    const box = new Box();
    box.run("ifconfig e1 10.0.0.1/24; arp -s 10.0.0.2 02:00:00:00:00:77");
    box.run("ifconfig p1 10.0.0.2/24", box.p);
    expect(box.run("ping -c 1 -W 1 10.0.0.2").status).toBe(1); // that is nobody's
    box.run("arp -d 10.0.0.2");
    expect(box.run("ping -c 1 -W 1 10.0.0.2").status).toBe(0);
  });

  it.each([
    ["arp -f", "arp: -f is not built", 255],
    ["arp -H foo", "arp: foo: unknown hardware type.", 255],
    ["arp -A foo", "arp: foo: unknown address family.", 255],
    ["arp -s 10.0.0.2 02:00:00:00:00:77 trail", "arp: trail is not built", 255],
    ["arp -s 10.0.0.2 02:00:00:00:00:77 foo", 'arp: unknown option "foo"', 3],
    ["arp -Ds 10.0.0.2 zz pub", "arp: cant get HW-Address for `zz': No such device.", 255],
    ["arp -d foo", "foo: Unknown host", 255],
    ["arp -x", "arp: invalid option -- 'x'", 3],
  ])("says what is wrong: %s", (command, first, code) => {
    const { output, status } = run(command);
    expect([output.split("\n")[0], status]).toEqual([first, code]);
  });
});

testGarbage(
  ["ifconfig", "ifconfig e1", "ifconfig e1:1", "route add", "route del", "route", "arp", "arp -s", "arp -d"],
  "e1 e1:1 zz up down 10.0.0.1 10.0.0.1/24 0.0.0.0 255.255.255.0 netmask broadcast dstaddr pointopoint mtu 1400 hw ether 02:00:00:00:00:05 promisc -promisc add del -net -host gw dev metric 3 reject default -n -a -an -e -s -d pub temp -i - -- 10.0.0.0/8 name x txqueuelen".split(
    " ",
  ),
);

import fc from "fast-check";
import { expect, it } from "vitest";
import { VtyShell } from "../../../src/console/vtysh/shell.ts";
import { Net } from "../../../src/lab/net.ts";
import { prompt } from "../../../src/lab/prompt.ts";
import { cases } from "../../harness/shared.ts";

/** A router with FRR on it. */
function lab() {
  const net = new Net();
  const [r1, r2] = [net.router("r1"), net.router("r2")];
  net.link(r1, r2, { name: "eth1", peerName: "eth1" });
  r1.frr("interface eth1\n ip address 10.0.0.1/24\nip route 10.5.0.0/16 10.0.0.2\n");
  net.run("1s");
  return { net, r1, r2 };
}

it("a conversation moves through the modes, and says where it is", () => {
  const { r1 } = lab();
  const shell = new VtyShell(r1.kernel.os);
  const said = (line: string): string => {
    const { output, ended } = shell.run(line);
    return `${shell.prompt}${output}${ended ? "(end)" : ""}`;
  };
  expect(said("conf t")).toBe("r1(config)# ");
  expect(said("interface eth1")).toBe("r1(config-if)# ");
  expect(said("route-map X permit 10")).toBe("r1(config-route-map)# ");
  expect(said("exit")).toBe("r1(config)# ");
  expect(said("int eth1")).toBe("r1(config-if)# ");
  expect(said("do show ip nht")).toContain("10.0.0.2\n resolved via connected");
  expect(said("end")).toBe("r1# ");
  expect(said("show nothing ?")).toBe("r1# % There is no matched command.\n");
  expect(said("show ip ro?")).toBe("r1#   route\n  router-id\n");
  expect(said("exit")).toBe("r1# (end)");
});

it("the console talks to a node's daemons until exit", () => {
  const { net } = lab();
  const p = prompt(net);
  expect(p.run("r2 vtysh")).toBe("Exiting: failed to connect to any daemons.\n");
  expect(p.run("r1 vtysh")).toContain("Hello, this is FRRouting");
  expect(p.inner).toBe("r1# ");
  p.run("conf t");
  expect(p.inner).toBe("r1(config)# ");
  p.run("exit");
  expect(p.run("show daemons")).toBe(" zebra staticd\n");
  p.run("exit");
  expect(p.inner).toBeUndefined();
  expect(p.run("r1 vtysh -c 'show ip route static'")).toContain("S>* 10.5.0.0/16 [1/0] via 10.0.0.2, eth1, weight 1");
});

it("writes the configuration to a file, and reads it from there", () => {
  const { r1 } = lab();
  expect(r1.sh("vtysh -c 'write memory'")).toContain("Integrated configuration saved to /etc/frr/frr.conf\n[OK]\n");
  r1.sh("vtysh -c 'configure terminal' -c 'no ip route 10.5.0.0/16 10.0.0.2'");
  expect(r1.sh("vtysh -c 'show running-config'")).not.toContain("ip route");
  expect(r1.exec("vtysh -b").status).toBe(0);
  expect(r1.sh("vtysh -c 'show running-config'")).toContain("ip route 10.5.0.0/16 10.0.0.2\n");
});

it("a configuration that cannot be read is an error with its place", () => {
  const { r2 } = lab();
  expect(() => r2.frr("interface eth1\n ip adress 10.0.0.2/24\n")).toThrow(
    /r2: zebra: r2\/frr\.conf:2: "ip adress 10\.0\.0\.2\/24" is not built/,
  );
  expect(() => r2.frr("ip import-table 7\n")).toThrow(
    /r2\/frr\.conf:1: "ip import-table 7": % ip import-table is not built/,
  );
  expect(() => r2.run("zebra", { config: "", scanEvery: 1 })).toThrow(
    /unknown setting "scanEvery"; known: config, scanEveryS/,
  );
});

it("a node that lost its power begins with what its files say", () => {
  const { net, r1 } = lab();
  r1.sh("vtysh -c 'configure terminal' -c 'ip route 10.6.0.0/16 blackhole'");
  net.run("1s");
  expect(r1.sh("ip route")).toContain("10.6.0.0/16");
  r1.power(false);
  net.run("1s");
  r1.power(true);
  net.run("1s");
  expect(r1.sh("ip route")).toMatch(
    /^10\.0\.0\.0\/24 .*\n10\.5\.0\.0\/16 via 10\.0\.0\.2 dev eth1 proto static metric 20 \n$/,
  );
});

it("answers whatever is typed, and throws nothing", () => {
  const { net, r1 } = lab();
  const words =
    "show ip route no interface eth1 router ospf bgp 1 255 10.0.0.0/8 10.0.0.2 any json end exit do conf t address prefix-list access-list permit deny seq le ge 32 route-map X match set metric +5 tag call on-match goto description ? shutdown bandwidth blackhole detail summary protocol nht neighbor write running-config";
  const word = fc.oneof(fc.constantFrom(...words.split(" ")), fc.string({ maxLength: 4 }));
  const shell = new VtyShell(r1.kernel.os);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 7 }), (line) => {
      const { output, ok } = shell.run(line.join(" "));
      expect(ok || output !== "" || line.includes("no")).toBe(true);
      net.run("1ms");
    }),
    { numRuns: cases(500, 50_000) },
  );
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { cases } from "../../harness/shared.ts";
import { Nodes } from "./transcript.ts";

const COMMANDS = [
  "link add",
  "link set",
  "link show",
  "link del",
  "addr add",
  "addr replace",
  "addr show",
  "addr del",
  "addr flush",
  "route add",
  "route replace",
  "route append",
  "route show",
  "route get",
  "route del",
  "route flush",
  "rule add",
  "rule show",
  "rule del",
  "rule flush",
  "neigh add",
  "neigh replace",
  "neigh show",
  "neigh del",
  "neigh flush",
  "netns",
  "maddr",
  "tunnel add",
  "tunnel change",
  "tunnel show",
  "tunnel del",
];
const OPTIONS = [
  ..."dev link name type master nomaster up down mtu address broadcast txqueuelen alias group netns promisc".split(" "),
  ..."arp multicast allmulticast peer id vni remote local dstport ttl tos key ikey seq csum protocol reorder_hdr".split(
    " ",
  ),
  ..."ingress-qos-map stp_state priority vlan_filtering forward_delay label scope noprefixroute metric valid_lft".split(
    " ",
  ),
  ..."secondary permanent to via src table proto onlink nexthop weight root match exact cache lock advmss from iif".split(
    " ",
  ),
  ..."oif mark fwmark pref lookup goto not suppress_prefixlength lladdr nud proxy mode external ageing learning".split(
    " ",
  ),
];
const VALUES = [
  ..."lo v0 v1 d0 br0 x0 veth vlan bridge vxlan gre gretap geneve dummy veth0 one two nosuch".split(" "),
  ..."10.0.0.1 10.0.0.2/24 10.1.0.0/16 0/0 default 224.0.0.1 255.255.255.255 0.0.0.0 10 fe80::1".split(" "),
  ..."02:00:00:00:00:01 ff:ff:ff:ff:ff:ff on off 0 1 5 64 100 1500 65536 4294967296 -1 0x10 all main local".split(" "),
  ..."blackhole unreachable throw host global permanent stale 1:2 0x10/0xf static 802.1Q + - '' any inherit".split(" "),
];
const globals = fc.subarray(["-s", "-d", "-o", "-br", "-j", "-p", "-4", "-h", "-n two"]);

const line = fc
  .tuple(
    globals,
    fc.constantFrom(...COMMANDS),
    fc.array(
      fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom(...OPTIONS) },
        { weight: 1, arbitrary: fc.constantFrom(...VALUES) },
      ),
      {
        maxLength: 8,
      },
    ),
  )
  .map(([options, command, words]) => ["ip", ...options, command, ...words].join(" "));

it("answers whatever is typed with a status and whole lines, and the node goes on", () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 12 }), (lines) => {
      const nodes = new Nodes();
      nodes.kernel("one");
      nodes.kernel("two");
      nodes.run("one", "ip link add v0 type veth peer name v1");
      nodes.run("one", "ip addr add 10.0.0.1/24 dev v0");
      nodes.run("one", "ip link set v1 up");
      nodes.run("one", "ip link set v0 up");
      for (const typed of lines) {
        const { output, status } = nodes.run("one", typed);
        expect({ typed, status }).toEqual({ typed, status: expect.toBeOneOf([0, 1, 2, 255]) });
        if (status !== 0) expect(output).not.toBe("");
        if (output !== "") expect(output.endsWith("\n")).toBe(true);
      }
      nodes.wait(1);
      for (const show of ["link", "addr", "route show table all", "rule", "neigh", "netns", "maddr"]) {
        const { output, status } = nodes.run("one", `ip -j -d -s ${show}`);
        expect({ show, status }).toEqual({ show, status: 0 });
        expect(() => JSON.parse(output)).not.toThrow();
      }
    }),
    { numRuns: cases(150, 5_000) },
  );
});

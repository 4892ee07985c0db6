import { expect, it } from "vitest";
import { CommandSet } from "../../src/frr/command.ts";
import { ConfigReader, configLines, ipv6Lines, readConfig } from "../../src/frr/config-file.ts";

/** Two daemons that note what they are told. */
function daemons() {
  const seen: string[] = [];
  const zebra = new CommandSet<string>("zebra")
    .open<string, string>("config", "interface IFNAME$name", "interface", (_, a) => ({ context: a.text("name") }))
    .addIn<string>("interface", "ip address A.B.C.D/M$p", (i, a) => void seen.push(`${i} ${a.text("p")}`))
    .addIn<string>("interface", "description LINE...", () => {}) as CommandSet<never>;
  const bgpd = new CommandSet<string>("bgpd")
    .open<string, string>("config", "router bgp (1-65535)$as", "router bgp", (_, a) => ({ context: a.text("as") }))
    .open<string, string>("router bgp", "address-family ipv4 unicast", "address-family ipv4", (c) => ({ context: c }))
    .addIn<string>("router bgp", "neighbor WORD$n activate", (c, a) => void seen.push(`${c} ${a.text("n")}`))
    .addIn<string>("router bgp", "bad", () => ({ refused: "% no\n% really\n" }))
    .addIn<string>("address-family ipv4", "network A.B.C.D/M$p", (c, a) => void seen.push(`${c} net ${a.text("p")}`));
  return { seen, zebra, bgpd: bgpd as CommandSet<never> };
}
const read = (text: string, own: "zebra" | "bgpd" = "zebra") => {
  const d = daemons();
  const said = readConfig({ path: "r1/frr.conf", text }, { commands: d[own], root: own }, [d.zebra, d.bgpd]);
  return { said, seen: d.seen };
};

const TEXT = `frr version 8.4.4
hostname r1
domainname example.org
service integrated-vtysh-config
no ipv6 forwarding
log trap warnings
interface eth0
 description the :: way
 ip address 10.0.0.1/24
 ipv6 address 2001:db8::1/64
exit
!
router bgp 65000
  neighbor A activate
  neighbor 2001:db8::2 activate
  address-family ipv4 uni
    network 10.0.0.0/8
  exit-address-family
  address-family ipv6 unicast
   whatever
  exit-address-family
  neighbor B activate
  exit-address-family
exit
router ospf6
 some thing
int eth1
ip addr 10.0.1.1/24
end
`;

it("takes what is its own, knows what is the others', and passes over IPv6", () => {
  expect(read(TEXT)).toEqual({ said: undefined, seen: ["eth0 10.0.0.1/24", "eth1 10.0.1.1/24"] });
  expect(read(TEXT, "bgpd")).toEqual({ said: undefined, seen: ["65000 A", "65000 net 10.0.0.0/8", "65000 B"] });
  expect(ipv6Lines({ path: "c", text: TEXT })).toEqual([
    "c:10 (ipv6 address 2001:db8::1/64)",
    "c:15 (neighbor 2001:db8::2 activate)",
    "c:19 (address-family ipv6 unicast)",
    "c:20 (whatever)",
    "c:25 (router ospf6)",
    "c:26 (some thing)",
  ]);
});

it("names file and line of what is nobody's, or refused", () => {
  expect(read("!\nrouter rip\n").said).toBe(
    'r1/frr.conf:2: "router rip" is not built: no daemon of zebra, bgpd knows it',
  );
  expect(read("interface\n").said).toBe('r1/frr.conf:1: "interface" is incomplete');
  expect(read("router bgp 1\n bad\n", "bgpd").said).toBe('r1/frr.conf:2: "bad": % no; % really');
  expect(read("router bgp 1\n bad\n").said).toBeUndefined();
});

it("a mode is left by exit, and a line of an outer one closes those inside", () => {
  const { zebra, bgpd, seen } = daemons();
  const reader = new ConfigReader([
    { commands: zebra, root: "z" },
    { commands: bgpd, root: "b" },
  ]);
  for (const { line } of configLines(
    "router bgp 7\naddress-family ipv4 unicast\nnetwork 1.0.0.0/8\nint x\nexit\nexit\nbad",
  ))
    reader.read(line);
  expect(seen).toEqual(["7 net 1.0.0.0/8"]);
  expect(reader.read("neighbor A activate")).toContain("is not built");
});

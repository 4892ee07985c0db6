import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseMac } from "../../../../src/core/addr.ts";
import { netfilter } from "../../../../src/nodes/kernel/netfilter/hooks.ts";
import type { MatchSpec } from "../../../../src/nodes/kernel/netfilter/matches/matches.ts";
import type { PortRange } from "../../../../src/nodes/kernel/netfilter/matches/tcpudp.ts";
import type { RuleSpec } from "../../../../src/nodes/kernel/netfilter/rule.ts";
import type { TargetSpec } from "../../../../src/nodes/kernel/netfilter/targets/targets.ts";
import { device, ip, Lab, must } from "../../../harness/kernels.ts";

const protocol = (number: number, invert?: boolean): RuleSpec => ({
  protocol: { number, ...(invert === true && { invert }) },
});
const [TCP, UDP, ICMP] = [protocol(6), protocol(17), protocol(1)];
const one = (match: MatchSpec, rule: RuleSpec = {}): RuleSpec => ({ ...rule, matches: [match] });
const to = (target: TargetSpec, rule: RuleSpec = {}): RuleSpec => ({ ...rule, target });
const port = (low: number, high = low, invert = false): PortRange => ({ low, high, ...(invert && { invert }) });
const from = (text: string, mask = 0xffffffff, invert = false): RuleSpec => ({
  source: { address: ip(text), mask, ...(invert && { invert }) },
});
const tcp = (options: object): RuleSpec => one({ kind: "tcp", ...options }, TCP);
const udp = (options: object): RuleSpec => one({ kind: "udp", ...options }, UDP);
const multiport = (rule: RuleSpec, ends: "source" | "destination" | "either", ports: PortRange[], invert = false) =>
  one({ kind: "multiport", ends, ports, ...(invert && { invert }) }, rule);
const icmp = (type: number, codeLow = 0, codeHigh = 255, invert = false): RuleSpec =>
  one({ kind: "icmp", type, codeLow, codeHigh, ...(invert && { invert }) }, ICMP);
const mark = (value: number, mask = 0xffffffff, invert = false): RuleSpec =>
  one({ kind: "mark", mark: value, mask, ...(invert && { invert }) });
const setMark = (value: number, mask: number, rule: RuleSpec = {}): RuleSpec =>
  to({ kind: "MARK", op: "set-xmark", value, mask }, rule);
const mac = parseMac("02:00:00:00:00:a2") as number;
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];
const SYN_MASK = FIN | SYN | RST | ACK;

/** The rules of the recording, in its order. */
const RULES: readonly (readonly [string, RuleSpec])[] = [
  ["-s 10.1.0.0/24", from("10.1.0.0", 0xffffff00)],
  ["! -s 10.1.0.2", from("10.1.0.2", 0xffffffff, true)],
  ["-s 10.1.0.2/255.0.0.255", from("10.1.0.2", 0xff0000ff)],
  ["-d 10.2.0.2 -p udp", { ...UDP, destination: { address: ip("10.2.0.2"), mask: 0xffffffff } }],
  ["-i ra", { in: { name: "ra" } }],
  ["-i r+", { in: { name: "r+" } }],
  ["! -i ra", { in: { name: "ra", invert: true } }],
  ["-o rb", { out: { name: "rb" } }],
  ["-o x+", { out: { name: "x+" } }],
  ["-p tcp", TCP],
  ["! -p tcp", protocol(6, true)],
  ["-f", { fragment: {} }],
  ["! -f", { fragment: { invert: true } }],
  ["-p tcp -m tcp --sport 1000:2000", tcp({ sport: port(1000, 2000) })],
  ["-p tcp -m tcp ! --dport 80", tcp({ dport: port(80, 80, true) })],
  ["-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", tcp({ flags: { mask: SYN_MASK, comp: SYN } })],
  ["-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", tcp({ flags: { mask: SYN_MASK, comp: SYN, invert: true } })],
  ["-p tcp -m tcp --tcp-flags ALL NONE", tcp({ flags: { mask: 63, comp: 0 } })],
  ["-p tcp -m tcp --tcp-flags SYN,FIN SYN,FIN", tcp({ flags: { mask: 3, comp: 3 } })],
  ["-p tcp -m tcp --tcp-option 2", tcp({ option: { number: 2 } })],
  ["-p tcp -m tcp ! --tcp-option 2", tcp({ option: { number: 2, invert: true } })],
  ["-p udp -m udp --dport 53", udp({ dport: port(53) })],
  ["-p udp -m udp ! --sport 53", udp({ sport: port(53, 53, true) })],
  [
    "-p tcp -m multiport --dports 53,80,1000:2000",
    multiport(TCP, "destination", [port(53), port(80), port(1000, 2000)]),
  ],
  ["-p udp -m multiport --sports 53,5000", multiport(UDP, "source", [port(53), port(5000)])],
  ["-p udp -m multiport --ports 53", multiport(UDP, "either", [port(53)])],
  ["-p tcp -m multiport ! --dports 80", multiport(TCP, "destination", [port(80)], true)],
  ["-p icmp -m icmp --icmp-type 8", icmp(8)],
  ["-p icmp -m icmp --icmp-type 3/3", icmp(3, 3, 3)],
  ["-p icmp -m icmp --icmp-type any", icmp(255)],
  ["-p icmp -m icmp ! --icmp-type 8", icmp(8, 0, 255, true)],
  ["-m length --length 0:100", one({ kind: "length", min: 0, max: 100 })],
  ["-m length ! --length 40", one({ kind: "length", min: 40, max: 40, invert: true })],
  ["-m ttl --ttl-eq 63", one({ kind: "ttl", op: "eq", ttl: 63 })],
  ["-m ttl --ttl-lt 10", one({ kind: "ttl", op: "lt", ttl: 10 })],
  ["-m ttl --ttl-gt 63", one({ kind: "ttl", op: "gt", ttl: 63 })],
  ["-m ttl ! --ttl-eq 63", one({ kind: "ttl", op: "eq", ttl: 63, invert: true })],
  ["-m mac --mac-source 02:00:00:00:00:a2", one({ kind: "mac", source: mac })],
  ["-m mac ! --mac-source 02:00:00:00:00:a2", one({ kind: "mac", source: mac, invert: true })],
  ["-m addrtype --dst-type UNICAST", one({ kind: "addrtype", destination: { types: ["UNICAST"] } })],
  ["-m addrtype --src-type LOCAL", one({ kind: "addrtype", source: { types: ["LOCAL"] } })],
  [
    "-m addrtype ! --dst-type MULTICAST",
    one({ kind: "addrtype", destination: { types: ["MULTICAST"], invert: true } }),
  ],
  [
    "-m addrtype --dst-type BROADCAST,UNICAST --src-type UNICAST",
    one({ kind: "addrtype", destination: { types: ["BROADCAST", "UNICAST"] }, source: { types: ["UNICAST"] } }),
  ],
  ["-m statistic --mode nth --every 3 --packet 1", one({ kind: "statistic", mode: "nth", every: 3, packet: 1 })],
  ["-m statistic --mode nth --every 4 --packet 0", one({ kind: "statistic", mode: "nth", every: 4, packet: 0 })],
  [
    "-m statistic --mode nth ! --every 5 --packet 2",
    one({ kind: "statistic", mode: "nth", every: 5, packet: 2, invert: true }),
  ],
  ["-m limit --limit 1/hour --limit-burst 5", one({ kind: "limit", rate: 1, unit: "hour", burst: 5 })],
  ["-m comment --comment words", one({ kind: "comment", text: "words" })],
  ["-j MARK --set-xmark 0x5/0xffffffff", setMark(5, 0xffffffff)],
  ["-m mark --mark 0x5", mark(5)],
  ["-p udp -j MARK --set-xmark 0xa/0xf", setMark(0xa, 0xf, UDP)],
  ["-m mark --mark 0xa", mark(0xa)],
  ["-m mark ! --mark 0xa", mark(0xa, 0xffffffff, true)],
  ["-p tcp -j MARK --set-xmark 0x8/0x8", setMark(8, 8, TCP)],
  ["-m mark --mark 0x8/0x8", mark(8, 8)],
  ["-p tcp -j MARK --set-xmark 0x0/0x1", setMark(0, 1, TCP)],
  ["-m mark --mark 0xc", mark(0xc)],
  ["-p tcp -j MARK --set-xmark 0x3/0x0", setMark(3, 0, TCP)],
  ["-m mark --mark 0xf", mark(0xf)],
  ["-p tcp -j one", to({ kind: "jump", chain: "one" }, TCP)],
  ["-p udp -g two", to({ kind: "goto", chain: "two" }, UDP)],
  ["-p udp", UDP],
  ["-p icmp -j ACCEPT", to({ kind: "ACCEPT" }, ICMP)],
  ["", {}],
  ["-m tcp -p tcp --dport 80 -j RETURN", to({ kind: "RETURN" }, tcp({ dport: port(80) }))],
  ["-s 10.1.0.2 -j two", to({ kind: "jump", chain: "two" }, from("10.1.0.2"))],
  ["", {}],
  ["-p tcp -m tcp --dport 22 -j DROP", to({ kind: "DROP" }, tcp({ dport: port(22) }))],
  ["", {}],
];

/** The lines of the recording: `packets octets chain rule`. */
function recording(): { readonly packets: Uint8Array[]; readonly lines: string[] } {
  const text = readFileSync(new URL("golden/rules.txt", import.meta.url), "utf8");
  const all = text.split("\n").filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("policy"));
  const hex = all.filter((line) => !line.includes(" "));
  return { packets: hex.map((h) => Uint8Array.from(Buffer.from(h, "hex"))), lines: all.filter((l) => l.includes(" ")) };
}

/** A router whose device `ra` hears 02:…:a2, and whose `rb` leads to a host with all the destinations. */
function router() {
  const lab = new Lab();
  const [a, r, b] = [lab.host("a"), lab.router("r"), lab.host("b")];
  lab.cable([a, "xa"], [r, "ra 10.1.0.1/24"]);
  lab.cable([r, "rb 10.2.0.1/24"], [b, "xb 10.2.0.2/24 10.2.0.9/24"]);
  a.setMac(device(a, "xa"), mac);
  r.setMac(device(r, "ra"), parseMac("02:00:00:00:00:a1") as number);
  must(netfilter(b).table("filter").policy("INPUT", "DROP")); // it answers nothing
  return { lab, a, r };
}

it("counts with every rule what Linux counts", () => {
  const { packets, lines } = recording();
  expect(RULES.map(([text]) => text)).toEqual(lines.map((l) => l.split(" ").slice(3).join(" ")));
  const { lab, a, r } = router();
  const filter = netfilter(r).table("filter");
  for (const chain of ["one", "two"]) must(filter.newChain(chain));
  for (const [i, [, spec]] of RULES.entries()) must(filter.append((lines[i] as string).split(" ")[2] as string, spec));
  const socket = must(a.os.packetSocket("xa", 0x0800));
  const header = Uint8Array.from(Buffer.from("0200000000a10200000000a20800", "hex"));
  for (const packet of packets) {
    must(socket.send(Uint8Array.from([...header, ...packet])));
    lab.run(1_000_000);
  }
  const rules = ["FORWARD", "one", "two"].flatMap((name) => filter.chain(name)?.rules ?? []);
  const got = rules.map(
    (rule, i) => `${rule.packets} ${rule.bytes} ${(lines[i] as string).split(" ").slice(2).join(" ")}`,
  );
  expect(got).toEqual(lines);
});

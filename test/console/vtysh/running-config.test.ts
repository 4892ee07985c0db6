import fc from "fast-check";
import { expect, it } from "vitest";
import { CommandSet } from "../../../src/frr/command.ts";
import { runningConfig } from "../../../src/frr/running-config.ts";
import type { ConfigBlock, VtyServer } from "../../../src/frr/vty.ts";
import { frrDaemonsOf, startDaemon } from "../../../src/nodes/daemons.ts";
import { must } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { Box } from "../../harness/transcript.ts";

/** The running configuration of a node that read `text`. */
function running(text: string): string {
  const box = new Box();
  for (const name of frrDaemonsOf(text, ["ospfd", "bgpd"])) must(startDaemon(box.n.os, name, { config: text }));
  box.wait("200ms");
  const { output, status } = box.run("vtysh -c 'show running-config no-header'");
  expect(status).toBe(0);
  return output;
}

const n = (max: number) => fc.nat(max).map(String);
const net = fc.tuple(fc.nat(200), fc.nat(255)).map(([a, b]) => `${a + 1}.${b}.0.0/16`);
const text = (...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((p) => (typeof p === "string" ? fc.constant(p) : p))).map((words) => words.join(" "));

const alone = fc.oneof(
  text(
    "ip route",
    net,
    fc.constantFrom("10.0.1.2", "blackhole", "Null0", "e1", "10.0.1.3 e1 onlink"),
    fc.constantFrom("", "tag 7", "99"),
  ),
  text(
    "ip prefix-list",
    fc.constantFrom("P", "Q"),
    fc.constantFrom("permit", "deny"),
    net,
    fc.constantFrom("", "le 24", "ge 20 le 30"),
  ),
  text("ip prefix-list P description", n(99)),
  text(
    "access-list",
    fc.constantFrom("10", "named"),
    "permit",
    fc.constantFrom("any", "10.0.0.0/8", "10.0.0.0 0.255.255.255", "host 1.2.3.4"),
  ),
  text("ip router-id", fc.constantFrom("1.1.1.1", "2.2.2.2")),
  fc.constantFrom("ip nht resolve-via-default", "ip protocol ospf route-map R", "no ip forwarding"),
);
const block = fc.oneof(
  fc
    .tuple(
      text("interface", fc.constantFrom("e1", "e2", "later")),
      fc.array(
        fc.oneof(
          fc.constantFrom(
            " ip address 10.0.1.1/24",
            " ip address 10.0.9.1/32",
            " shutdown",
            " no link-detect",
            " multicast disable",
          ),
          text(" description", n(9), "words"),
          text(" bandwidth", fc.constantFrom("10", "40000")),
        ),
        { maxLength: 4 },
      ),
    )
    .map(([head, lines]) => [head, ...lines].join("\n")),
  fc
    .tuple(
      text("route-map", fc.constantFrom("R", "S"), fc.constantFrom("permit", "deny"), fc.constantFrom("10", "20")),
      fc.array(
        fc.constantFrom(
          ...[
            " match ip address prefix-list P",
            " match tag 7",
            " match metric 5",
            " set metric +5",
            " set tag 9",
            " set src 10.0.1.1",
          ],
          ...[
            " on-match next",
            " on-match goto 30",
            " call T",
            " description of it",
            " match interface e1",
            " set ip next-hop 10.0.0.9",
          ],
        ),
        { maxLength: 5 },
      ),
    )
    .map(([head, lines]) => [head, ...lines].join("\n")),
);

it("reads back to the same, whatever was configured", () =>
  fc.assert(
    fc.property(fc.array(fc.oneof(alone, block), { maxLength: 8 }), (parts) => {
      // A static route cannot lead somewhere and nowhere at a time: the first of a prefix counts.
      const seen = new Set<string>();
      const kept = parts.filter((line) => {
        const prefix = /^ip route (\S+)/.exec(line)?.[1];
        if (prefix === undefined) return true;
        return !seen.has(prefix) && seen.add(prefix);
      });
      const first = running(kept.join("\n"));
      expect(running(first)).toBe(first);
    }),
    { numRuns: cases(25, 2000) },
  ));

it("merges what daemons say of one interface, sorts it, and keeps vtysh's order of sections", () => {
  const server = (...blocks: readonly ConfigBlock[]): VtyServer => ({
    commands: new CommandSet<never>("toyd"),
    root: undefined,
    writeConfig: () => blocks,
  });
  const lines = runningConfig("r1", [
    server(
      { section: "route-map", head: "route-map M permit 10", lines: [" match tag 7", " call X"], end: "exit" },
      { section: "interface", head: "interface e1", lines: [" ip address 10.0.1.1/24"], end: "exit" },
    ),
    server(
      { section: "router", head: "router ospf", lines: [" z", " a"], end: "exit" },
      { section: "interface", head: "interface e1", lines: [" ip ospf area 0", " description x"], end: "exit" },
    ),
    server(
      { section: "router", head: "router bgp 7", lines: [], end: "exit" },
      { section: "route-map", head: "route-map M permit 10", lines: [" match tag 7"], end: "exit" },
      { section: "global", head: "", lines: ["frr defaults datacenter"] },
    ),
  ]).split("\n");
  expect(lines.filter((line) => line !== "!").join("\n")).toBe(
    `frr version 10.3\nfrr defaults datacenter\nhostname r1\nno ipv6 forwarding\nservice integrated-vtysh-config
interface e1\n description x\n ip address 10.0.1.1/24\n ip ospf area 0\nexit
router bgp 7\nexit\nrouter ospf\n z\n a\nexit
route-map M permit 10\n call X\n match tag 7\nexit\nend\n`,
  );
});

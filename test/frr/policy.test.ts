import fc from "fast-check";
import { expect, it } from "vitest";
import { networkOf, type Prefix, parsePrefix } from "../../src/core/addr.ts";
import { CommandSet } from "../../src/frr/command.ts";
import { installPolicy, Policy } from "../../src/frr/policy.ts";
import { commonMatches, commonSets, newMetric } from "../../src/frr/route-map-rules.ts";
import { VtySession } from "../../src/frr/vty.ts";
import { cases } from "../harness/shared.ts";

interface Subject {
  readonly prefix: Prefix;
  readonly tag: number;
  metric: number;
}

const SUBJECT = {
  prefix: (s: Subject) => s.prefix,
  tag: (s: Subject) => s.tag,
  metric: (s: Subject) => s.metric,
  setMetric: (s: Subject, metric: number) => {
    s.metric = metric;
  },
};
const commands = new CommandSet<Policy<Subject>>("toyd");
installPolicy(commands, (p) => p, { label: "TOY", matches: commonMatches(SUBJECT), sets: commonSets(SUBJECT) });

/** A daemon with this configuration, and what it said to each line. */
function configured(text: string) {
  const policy = new Policy<Subject>();
  const session = new VtySession([{ commands: commands as unknown as CommandSet<never>, root: policy }]);
  session.configure();
  const said = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => session.line(line.split(/\s+/)));
  const show = (line: string): string => session.view(line.split(" ")).output;
  const ask = (map: string, prefix: string, tag = 0): string => {
    const subject = { prefix: parsePrefix(prefix) as Prefix, tag, metric: 100 };
    return `${policy.routeMaps.apply(map, subject)} ${subject.metric}`;
  };
  return { policy, said, show, ask };
}

it("a prefix list decides by length, and numbers its rules by fives", () => {
  const { policy, show } = configured(`
    ip prefix-list A permit 10.0.0.0/8 ge 16 le 24
    ip prefix-list A seq 3 deny 10.1.2.0/24
    ip prefix-list A permit 192.168.1.7/24`);
  expect(show("show ip prefix-list A")).toBe(
    "TOY: ip prefix-list A: 3 entries\n   seq 3 deny 10.1.2.0/24\n" +
      "   seq 5 permit 10.0.0.0/8 ge 16 le 24\n   seq 10 permit 192.168.1.0/24\n",
  );
  const decide = (p: string) => policy.prefixLists.find("A")?.decide(parsePrefix(p) as Prefix);
  expect(decide("10.1.2.0/24")).toBe("deny");
  expect(decide("10.1.3.0/24")).toBe("permit");
  expect(decide("10.0.0.0/8")).toBe("deny");
  expect(decide("10.1.3.0/25")).toBe("deny");
  expect(decide("192.168.1.0/24")).toBe("permit");
});

it("a prefix list without a length in order is refused in FRR's words", () => {
  const { said } = configured("ip prefix-list A permit 10.0.0.0/8 ge 20 le 10");
  expect(said[0]).toEqual({
    status: "refused",
    output:
      "% Configuration failed.\n\nError type: validation\n" +
      "Error description: Invalid prefix range for 10.0.0.0/8: Make sure that mask length <= ge <= le\n",
  });
});

it("access lists match with wildcards, and deny at their end", () => {
  const { policy } = configured(`
    access-list 10 permit 10.0.0.0 0.0.255.255
    access-list 101 permit ip 10.0.0.0 0.255.255.255 host 255.255.0.0
    access-list z permit 10.0.0.0/8 exact-match`);
  const decide = (name: string, p: string) => policy.accessLists.find(name)?.decide(parsePrefix(p) as Prefix);
  expect(decide("10", "10.0.7.0/24")).toBe("permit");
  expect(decide("10", "10.1.0.0/24")).toBe("deny");
  expect(decide("101", "10.9.0.0/16")).toBe("permit");
  expect(decide("101", "10.9.0.0/24")).toBe("deny");
  expect(decide("z", "10.0.0.0/8")).toBe("permit");
  expect(decide("z", "10.0.0.0/9")).toBe("deny");
});

it("a route map goes on, calls and denies as lib/routemap.c does", () => {
  const { ask } = configured(`
    ip prefix-list TEN permit 10.0.0.0/8 le 32
    route-map M permit 10
      match ip address prefix-list TEN
      set metric +5
      on-match next
    route-map M deny 20
      match tag 7
    route-map M permit 30
      match tag 8
      set metric 1
      call C
    route-map C deny 5
      match ip address prefix-list TEN
    route-map C permit 10
    route-map G permit 10
      set metric 3
      on-match goto 30
    route-map G deny 20
    route-map G permit 30
      set metric +1`);
  expect(ask("M", "10.1.0.0/16")).toBe("permit 105");
  expect(ask("M", "10.1.0.0/16", 7)).toBe("deny 105");
  expect(ask("M", "10.1.0.0/16", 8)).toBe("deny 1");
  expect(ask("M", "11.0.0.0/8", 8)).toBe("permit 1");
  expect(ask("M", "11.0.0.0/8")).toBe("deny 100");
  expect(ask("G", "11.0.0.0/8")).toBe("permit 4");
  expect(ask("none", "11.0.0.0/8")).toBe("deny 100");
});

it("a change of a list is a change of the maps that look at it, and of those that call them", () => {
  const { policy } = configured(`
    route-map A permit 10
      match ip address prefix-list P
    route-map B permit 10
      call A
    route-map C permit 10`);
  const heard: string[] = [];
  policy.onChange((c) => heard.push(`${c.kind} ${c.name}`));
  policy.prefixLists.add("P", {
    verdict: "permit",
    prefix: { address: 0, length: 0 },
    any: true,
    ge: undefined,
    le: 32,
  });
  expect(heard).toEqual(["prefix-list P", "route-map A", "route-map B"]);
});

it("clauses that a daemon has no hook for are written, and not asked", () => {
  const { ask, policy, show } = configured(`
    route-map M permit 10
      match ip next-hop 10
      set metric 9`);
  expect(ask("M", "10.0.0.0/8")).toBe("permit 9");
  expect(policy.writeConfig().at(-1)?.lines).toEqual([" match ip next-hop 10", " set metric 9"]);
  expect(show("show route-map M")).not.toContain("next-hop");
});

it("what is written reads back to the same", () => {
  const length = fc.nat(32);
  const rule = fc
    .tuple(fc.constantFrom("permit", "deny"), fc.nat(0xffffffff), fc.tuple(length, length, length), fc.nat(2))
    .map(([verdict, address, lengths, form]) => {
      const [len = 0, ge = 0, le = 0] = [...lengths].sort((a, b) => a - b);
      const prefix = `${[24, 16, 8, 0].map((n) => (networkOf(address, len) >>> n) & 255).join(".")}/${len}`;
      return `${verdict} ${form === 0 ? "any" : form === 1 ? prefix : `${prefix} ge ${ge} le ${le}`}`;
    });
  const line = fc.tuple(fc.constantFrom("A", "B"), rule).map(([name, r]) => `ip prefix-list ${name} ${r}`);
  const written = (p: Policy<Subject>) => p.writeConfig().flatMap((b) => b.lines);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const first = written(configured(lines.join("\n")).policy);
      expect(written(configured(first.join("\n")).policy)).toEqual(first);
    }),
    { numRuns: cases(100, 10_000) },
  );
});

it("a metric stays within 32 bits", () => {
  expect(newMetric("-7", 5)).toBe(0);
  expect(newMetric("+7", 4_294_967_290)).toBe(4_294_967_295);
  expect(newMetric("7", 5)).toBe(7);
});

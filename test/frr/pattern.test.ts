import fc from "fast-check";
import { expect, it } from "vitest";
import { CommandSet, findCommand } from "../../src/frr/command.ts";
import { matchPattern, nextTokens, parsePattern } from "../../src/frr/pattern.ts";
import { mayFit, placesOf } from "../../src/frr/pattern-places.ts";
import { VtySession } from "../../src/frr/vty.ts";
import { cases } from "../harness/shared.ts";

const words = (line: string): string[] => line.split(" ");
const match = (pattern: string, line: string) => matchPattern(parsePattern(pattern), words(line))?.args;

it("keywords may be abbreviated, and are written out", () => {
  const args = match("[no] ip ospf cost (1-65535)$cost [A.B.C.D]$of", "no ip os co 7 10.0.0.1");
  expect(args?.has("no")).toBe(true);
  expect(args?.text("ospf")).toBe("ospf");
  expect(args?.int("cost")).toBe(7);
  expect(args?.ip("of")).toBe(0x0a000001);
  expect(match("[no] ip ospf cost (1-65535)$cost", "ip ospf cost 65536")).toBeUndefined();
});

it("sets come in any order, each once", () => {
  const pattern = "redistribute connected [{metric (0-100)$metric|metric-type (1-2)$type|route-map WORD$map}]";
  expect(match(pattern, "redistribute connected route-map m metric 3")?.text("map")).toBe("m");
  expect(match(pattern, "redistribute connected")?.has("metric")).toBe(false);
  expect(match(pattern, "redistribute connected metric 3 metric 4")).toBeUndefined();
});

it("LINE takes the rest", () => {
  expect(match("description LINE...$text", "description two words")?.text("text")).toBe("two words");
});

it("of two commands the one that fits better is taken, word by word", () => {
  const set = new CommandSet<null>("d")
    .add("view", "show WORD", () => "word")
    .add("view", "show route", () => "route")
    .add("view", "show router", () => "router");
  const found = (line: string) => {
    const f = findCommand(set as never, "view", words(line));
    return typeof f === "object" ? f.command.text : f;
  };
  expect(found("show route")).toBe("show route");
  expect(found("show router")).toBe("show router");
  expect(found("show rou")).toBe("ambiguous");
  expect(found("show x")).toBe("show WORD");
});

it("tells what may follow", () => {
  const p = parsePattern("network A.B.C.D/M$p area <A.B.C.D|(0-4294967295)>$area");
  expect(nextTokens(p, words("network 10.0.0.0/8 area"))).toEqual(["A.B.C.D", "(0-4294967295)"]);
  expect(nextTokens(p, words("network 10.0.0.0/8 area 0"))).toEqual(["<cr>"]);
});

it("a line inside a block goes to the daemons of the block only", () => {
  const seen: string[] = [];
  const daemon = (name: string, head: string) =>
    new CommandSet<string>(name)
      .open<string, string>("config", head, head, (d) => ({ context: d }))
      .addIn<string>(head, "redistribute connected", (d) => void seen.push(d))
      .open<string, string>("config", "interface IFNAME$name", "interface", (d) => ({ context: d }))
      .addIn<string>("interface", `${name} on`, (d) => void seen.push(`${d} interface`)) as CommandSet<never>;
  const session = new VtySession([
    { commands: daemon("ospfd", "router ospf"), root: "ospfd" },
    { commands: daemon("bgpd", "router bgp"), root: "bgpd" },
    { commands: daemon("ripd", "router rip") },
  ]);
  session.configure();
  const lines = ["router ospf", "redistribute connected", "router bgp", "redistribute connected", "router rip"];
  for (const line of [...lines, "redistribute connected", "interface e0", "ospfd on", "bgpd on"])
    expect(session.line(words(line)).status).toBe("ok");
  expect(seen).toEqual(["ospfd", "bgpd", "ospfd interface", "bgpd interface"]);
  expect(session.line(words("nonsense")).status).toBe("unknown");
});

it("passes over a pattern by the first words of a line only when the line does not fit", () => {
  const keyword = fc.constantFrom("ip", "ipv6", "no", "neighbor", "network", "set");
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      keyword,
      fc.constantFrom("WORD", "(1-9)", "A.B.C.D", "LINE..."),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(" ")),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((parts) => `<${parts.join("|")}>`),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((parts) => `[${parts.join("|")}]`),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((parts) => `{${parts.join("|")}}`),
    ),
  }));
  const words = fc.array(fc.oneof(keyword, fc.constantFrom("n", "net", "i", "7", "10.0.0.1", "x")), { maxLength: 7 });
  fc.assert(
    fc.property(pattern, words, (text, line) => {
      const parsed = parsePattern(text);
      if (matchPattern(parsed, line) !== undefined) expect(mayFit(placesOf(parsed), line)).toBe(true);
    }),
    { numRuns: cases(2000, 100_000) },
  );
  expect(
    mayFit(placesOf(parsePattern("neighbor <A.B.C.D|WORD> remote-as ASNUM")), ["neighbor", "x", "weight", "3"]),
  ).toBe(false);
});

import { z } from "zod";
import type { Requirement, Seen } from "../src/lab/nat/requirement.ts";
import { REQUIREMENTS } from "../src/lab/nat/requirements.ts";
import { type Mode, Yard } from "../src/lab/nat/yard.ts";
import { scenario } from "../src/lab/scenario.ts";

const parameters = z.object({
  mode: z.enum(["both", "linux", "rfc4787"]).default("both").describe("the translator that is tried"),
});

const MODES: readonly Mode[] = ["linux", "rfc4787"];
const TITLES: Readonly<Record<Mode, string>> = { linux: "Linux's", rfc4787: "the RFCs'" };

export default scenario({
  name: "nat-behaviour",
  title: "What RFC 4787, 5382 and 5508 want of a translator, tried on Linux's and on one that is built to them.",
  parameters,
  captures: ["linux-r-eth0", "linux-r-eth1", "rfc4787-r-eth0", "rfc4787-r-eth1"],
  story(net, p) {
    const yards = MODES.filter((mode) => p.mode === "both" || p.mode === mode).map((mode) => new Yard(net, mode));
    const rows = REQUIREMENTS.map((requirement) => {
      const outcomes = yards.map((yard) => tryOut(yard, requirement));
      return [`RFC ${requirement.rfc} ${requirement.name}`, requirement.wants, ...outcomes.flatMap(told)];
    });
    net.table({
      title: "requirements, and what was seen",
      columns: ["requirement", "wants", ...yards.flatMap(({ mode }) => [TITLES[mode], "seen"])],
      rows,
    });
    for (const { mode } of yards) {
      const met = REQUIREMENTS.filter((r) => r.expected[mode]).length;
      net.say(`${TITLES[mode]} translator is expected to meet ${met} of ${REQUIREMENTS.length}.\n`);
    }
  },
});

const told = ({ ok, text }: Seen): readonly string[] => [ok ? "pass" : "fail", text];

/** Tries a requirement on one translator. That it comes out as is known of it is a check. */
function tryOut(yard: Yard, r: Requirement): Seen {
  yard.reset();
  const outcome = r.test(yard);
  const should = r.expected[yard.mode] ? "passes" : "fails";
  yard.net.check(
    `${yard.mode} ${should} RFC ${r.rfc} ${r.name}: ${r.wants}`,
    outcome.ok === r.expected[yard.mode],
    outcome.text,
  );
  return outcome;
}

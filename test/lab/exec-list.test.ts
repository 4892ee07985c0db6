import { describe, expect, it } from "vitest";
import { S } from "../../src/core/time.ts";
import { LabError } from "../../src/lab/errors.ts";
import { ExecList } from "../../src/lab/exec-list.ts";
import { Net } from "../../src/lab/net.ts";

function run(lines: readonly string[], endsAt?: number): { net: Net; told: string[] } {
  const net = new Net();
  net.link(net.host("h1"), net.host("h2"), { ip: "10.0.0.1/24", peerIp: "10.0.0.2/24" });
  if (endsAt !== undefined) net.endsAt = endsAt;
  const list = new ExecList(net, lines);
  list.run();
  return { net, told: list.records().map((r) => `${r.node}: ${r.command} ${r.start_s}-${r.end_s} ${r.status}`) };
}

describe("--exec", () => {
  it("runs one after the other", () => {
    expect(run(["h1: sleep 1", "h2: sleep 2", "h1: true"]).told).toEqual([
      "h1: sleep 1 0-1 0",
      "h2: sleep 2 1-3 0",
      "h1: true 3-3 0",
    ]);
  });
  it("starts the next at once after a trailing &, and waits for all at the end", () => {
    expect(run(["h1: sleep 5 &", "h2: sleep 2", "h1: true &", "h2: sleep 1&"]).told).toEqual([
      "h1: sleep 5 0-5 0",
      "h2: sleep 2 0-2 0",
      "h1: true 2-2 0",
      "h2: sleep 1 2-3 0",
    ]);
  });
  it("takes `sleep` and `until converged` in place of a command: they are not recorded", () => {
    const { net, told } = run(["sleep 1.5", "until converged", " h1: true ", "sleep 500ms"]);
    expect([told, net.now]).toEqual([["h1: true 1.5-1.5 0"], 2 * S]);
  });
  it("keeps each command's status and output", () => {
    const net = new Net();
    net.host("h1");
    const list = new ExecList(net, ["h1: echo a b", "h1: false", "h1: nonsense"]);
    list.run();
    expect(list.records()).toEqual([
      { node: "h1", command: "echo a b", start_s: 0, end_s: 0, status: 0, output: "a b\n" },
      { node: "h1", command: "false", start_s: 0, end_s: 0, status: 1, output: "" },
      {
        node: "h1",
        command: "nonsense",
        start_s: 0,
        end_s: 0,
        status: 127,
        output: "sh: nonsense: command not found\n",
      },
    ]);
  });
  it("interrupts at the run's end what still runs, and says what was not started", () => {
    const { net, told } = run(["h1: sleep 9 &", "h2: sleep 9", "sleep 1", "h1: true"], 3 * S);
    expect([told, net.now]).toEqual([["h1: sleep 9 0-3 130", "h2: sleep 9 0-3 130", "h1: true 3-3 130"], 3 * S]);
  });
  it("ends a sleep at the run's end", () => {
    expect(run(["sleep 10", "h1: true"], 3 * S).told).toEqual(["h1: true 3-3 130"]);
  });
  it("can be read while it runs", () => {
    const net = new Net();
    net.host("h1");
    const list = new ExecList(net, ["h1: sleep 4", "h1: true"]);
    let seen: unknown;
    net.schedule(2 * S, "test", () => {
      seen = list.records().map((r) => [r.command, r.end_s, r.status]);
    });
    list.run();
    expect(seen).toEqual([
      ["sleep 4", 2, 130],
      ["true", 2, 130],
    ]);
  });
  it.each([
    ["h1 true", `--exec "h1 true": expected 'NODE: COMMAND', 'sleep SECONDS' or 'until converged'`],
    ["h1:", `--exec "h1:": expected`],
    ["h1: &", `--exec "h1: &": expected`],
    [": true", `--exec ": true": expected`],
    ["until tomorrow", `--exec "until tomorrow": expected`],
    ["sleep", `--exec "sleep": expected`],
    ["sleep soon", `--exec "sleep soon" "soon": expected a time`],
    ["h9: true", "there is no node h9"],
  ])("refuses %j before anything runs", (line, message) => {
    const net = new Net();
    net.host("h1");
    expect(() => new ExecList(net, ["h1: sleep 5", line])).toThrow(LabError);
    expect(() => new ExecList(net, [line])).toThrow(message);
    expect(net.now).toBe(0);
  });
});

describe("what is scheduled", () => {
  it("happens at its time, and is waited for", () => {
    const net = new Net();
    const h1 = net.host("h1");
    const happened: number[] = [];
    net.schedule(5 * S, "test", () => happened.push(net.now));
    net.schedule(2 * S, "test", () => net.startScheduled(h1, "sleep 9", "at 2 s"));
    net.schedule(3 * S, "test", () => net.startScheduled(h1, "false", "at 3 s"));
    net.settle();
    expect([happened, net.now]).toEqual([[5 * S], 11 * S]);
    expect(net.checks.map((c) => `${c.ok} ${c.name}`)).toEqual(["false at 3 s: h1: false", "true at 2 s: h1: sleep 9"]);
  });
});

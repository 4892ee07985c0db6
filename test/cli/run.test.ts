import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { INTERRUPTED } from "../../src/cli/job.ts";
import { S } from "../../src/core/time.ts";
import { dissectCapture } from "../../src/report/dissect.ts";
import { file, runLab, temporary } from "./netloom.ts";

const dir = temporary();
const PAIR = `name: pair
topology:
  nodes:
    a: {kind: linux, exec: [ip addr add 10.0.0.1/24 dev eth1]}
    b: {kind: linux, exec: [ip addr add 10.0.0.2/24 dev eth1]}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
`;
const pair = file(dir, "pair.clab.yml", PAIR);
let count = 0;
const out = (): string => join(dir, `out${count++}`);
const json = async (job: Parameters<typeof runLab>[2], lab = pair, to = out()) => {
  const ended = await runLab(lab, to, { json: true, ...job });
  return { ...ended, summary: JSON.parse(ended.out) };
};

describe("the exit status", () => {
  it("is 0 when every command and check held", async () => {
    expect((await runLab(pair, out(), { execs: ["a: ping -c1 10.0.0.2"] })).status).toBe(0);
  });

  it("is 1 when a command failed", async () => {
    const { status, summary } = await json({ execs: ["a: ping -c1 -W1 10.0.0.9", "a: true-is-not-built"] });
    expect(status).toBe(1);
    expect(summary.exec.map((e: { status: number }) => e.status)).toEqual([1, 127]);
  });

  it("is 1 when a check of the schedule failed", async () => {
    const lab = file(
      dir,
      "fails.clab.yml",
      PAIR.replace(
        "topology:",
        "topology:\n  defaults: {config: {vars: {netloom: {schedule: [{at: 1s, exec: 'a: ping -c1 -W1 10.0.0.9'}]}}}}",
      ),
    );
    const { status, summary } = await json({}, lab);
    expect(status).toBe(1);
    expect(summary.checks).toEqual([{ name: "at 1.000 s: a: ping -c1 -W1 10.0.0.9", ok: false, detail: "status 1" }]);
  });
});

describe("--json", () => {
  it("is exactly one object with what the contract names", async () => {
    const { out: text, err, summary } = await json({ seed: 3, execs: ["a: ping -c1 10.0.0.2"] });
    expect(text).toBe(`${JSON.stringify(summary)}\n`);
    expect(err).toBe("");
    expect(Object.keys(summary)).toEqual(
      expect.arrayContaining(
        "name seed parameters simulated_s events wall_s fingerprint checks exec tables files".split(" "),
      ),
    );
    expect([summary.name, summary.seed]).toEqual(["pair", 3]);
    expect(summary.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(summary.exec).toEqual([
      {
        node: "a",
        command: "ping -c1 10.0.0.2",
        start_s: 0,
        end_s: 0,
        status: 0,
        output: expect.stringContaining("1 received"),
      },
    ]);
  });

  it("says what is left out on standard error", async () => {
    const lab = file(dir, "v6.clab.yml", PAIR.replace("[ip addr", "[ip -6 addr, ip addr"));
    const { err } = await json({}, lab);
    expect(err).toMatch(/^netloom: \S+v6\.clab\.yml: IPv6 is not built, left out: line 4 \(a: ip -6 addr\)\n$/);
  });
});

describe("--exec", () => {
  const times = (summary: { exec: { command: string; start_s: number; end_s: number }[] }) =>
    summary.exec.map((e) => [e.command, e.start_s, e.end_s]);

  it("runs commands one after the other, and waits with sleep", async () => {
    const { summary } = await json({
      execs: ["a: ping -c2 10.0.0.2", "sleep 10", "until converged", "b: ping -c1 10.0.0.1", "a: ip link show lo"],
    });
    expect(times(summary)).toEqual([
      ["ping -c2 10.0.0.2", 0, 1],
      ["ping -c1 10.0.0.1", 11, 11],
      ["ip link show lo", 11, 11],
    ]);
  });

  it("starts the next at once after a trailing &", async () => {
    const { summary, status } = await json({ execs: ["a: ping -c5 10.0.0.2 &", "sleep 1", "b: ping -c2 10.0.0.1"] });
    expect(status).toBe(0);
    expect(times(summary)).toEqual([
      ["ping -c5 10.0.0.2", 0, 4],
      ["ping -c2 10.0.0.1", 1, 2],
    ]);
  });

  it("is cut by --until: what runs is interrupted, what had no time counts as failed", async () => {
    const { summary, status } = await json({ untilNs: 3 * S, execs: ["a: ping 10.0.0.2", "b: ping -c1 10.0.0.1"] });
    expect(status).toBe(1);
    expect(summary.simulated_s).toBe(3);
    expect(times(summary)).toEqual([
      ["ping 10.0.0.2", 0, 3],
      ["ping -c1 10.0.0.1", 3, 3],
    ]);
    expect(summary.exec[0].output).toMatch(/4 packets transmitted, (3|4) received/);
    expect(summary.exec[0].status).toBe(0);
    expect(summary.exec[1]).toMatchObject({ status: 130, output: "not started: the run ended at 3 s\n" });
  });

  it.each(["a", "a:", "c: ls", "sleep"])("refuses %j in one line", async (line) => {
    await expect(runLab(pair, out(), { execs: [line] })).rejects.toThrow(
      line === "c: ls" ? /^there is no node c; there are a, b$/ : /^--exec ".*": expected 'NODE: COMMAND'/,
    );
  });
});

describe("--until", () => {
  it("lets time go on to it", async () => {
    expect((await json({ untilNs: 90 * S })).summary.simulated_s).toBe(90);
  });
});

describe("the directory of a run", () => {
  it("has a capture for each interface that is asked for, and one of all, which can be read", async () => {
    const to = out();
    const { summary } = await json({ pcap: ["a-eth1", "b-*"], execs: ["a: ping -c1 10.0.0.2"] }, pair, to);
    expect(readdirSync(to).sort()).toEqual([
      "a-eth1.pcapng",
      "all.pcapng",
      "b-eth1.pcapng",
      "b-lo.pcapng",
      "report.html",
      "summary.json",
      "trace.ndjson",
    ]);
    expect(summary.files.every((f: string) => existsSync(f))).toBe(true);
    const frames = (name: string): number => dissectCapture(readFileSync(join(to, name))).frames.length;
    expect([frames("a-eth1.pcapng"), frames("b-eth1.pcapng"), frames("all.pcapng")]).toEqual([4, 4, 8]);
    expect(JSON.parse(readFileSync(join(to, "summary.json"), "utf8"))).toEqual(summary);
  });

  it("tells of a pattern that no interface met", async () => {
    expect((await runLab(pair, out(), { pcap: ["a-eth1", "c-*"] })).err).toBe(
      "netloom: no interface is named c-*: nothing captured\n",
    );
  });

  it("has the captures that the file names, unless told otherwise", async () => {
    const lab = file(
      dir,
      "captures.clab.yml",
      PAIR.replace("topology:", "topology:\n  defaults: {config: {vars: {netloom: {capture: [a-eth1]}}}}"),
    );
    const [named, none] = [out(), out()];
    await runLab(lab, named);
    await runLab(lab, none, { pcap: ["none"] });
    expect(
      readdirSync(named)
        .filter((f) => f.endsWith(".pcapng"))
        .sort(),
    ).toEqual(["a-eth1.pcapng", "all.pcapng"]);
    expect(readdirSync(none).filter((f) => f.endsWith(".pcapng"))).toEqual([]);
  });

  it("is the same to the byte for the same seed", async () => {
    const captured = async (seed: number): Promise<Buffer> => {
      const to = out();
      await runLab(pair, to, { seed, pcap: ["all"], execs: ["a: ping -c3 10.0.0.2"] });
      return readFileSync(join(to, "all.pcapng"));
    };
    expect((await captured(4)).equals(await captured(4))).toBe(true);
    expect((await captured(4)).equals(await captured(5))).toBe(false);
  });
});

it("an interrupted run ends with 130, keeps what it has, and says so", async () => {
  const shared = new SharedArrayBuffer(24);
  new Float64Array(shared)[INTERRUPTED] = 1;
  const to = out();
  const ended = await runLab(pair, to, { json: true, shared, pcap: ["all"], execs: ["a: ping -i 0.2 10.0.0.2"] });
  expect(ended.status).toBe(130);
  expect(ended.err).toMatch(/^netloom: interrupted at [\d.]+ s of simulated time; what was written stays in /);
  const summary = JSON.parse(ended.out);
  expect(summary.interrupted).toBe(true);
  expect(summary.exec).toMatchObject([{ node: "a", command: "ping -i 0.2 10.0.0.2", status: 130 }]);
  const read = dissectCapture(readFileSync(join(to, "all.pcapng")));
  expect(read.message).toBeUndefined();
  expect(read.frames.length).toBeGreaterThan(1000);
});

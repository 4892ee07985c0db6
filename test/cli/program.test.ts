import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { dissectCapture } from "../../src/report/dissect.ts";
import { file, netloom, start, temporary } from "./netloom.ts";

/** The program itself, as a process: these take a second each. */
const dir = temporary();
const ROUTED = resolve("examples/routed.clab.yml");

it.concurrent("runs a lab file: ping and traceroute through two routers", { timeout: 60_000 }, async () => {
  const commands = ["h1: ping -c 3 10.0.3.2", "h1: traceroute -n 10.0.3.2"];
  const { status, out, err } = await netloom(dir, [
    "run",
    ROUTED,
    "--out",
    join(dir, "routed"),
    ...commands.flatMap((c) => ["--exec", c]),
  ]);
  expect([status, err]).toEqual([0, ""]);
  expect(out).toContain("3 packets transmitted, 3 received, 0% packet loss");
  expect(
    out
      .split("\n")
      .filter((l) => /^ \d /.test(l))
      .map((l) => l.split("  ")[1]),
  ).toEqual(["10.0.1.1", "10.0.2.2", "10.0.3.2"]);
  expect(readFileSync(join(dir, "routed", "report.html"), "utf8")).toContain("traceroute to 10.0.3.2");
});

it.concurrent("refuses a bad lab file in one line, with status 2", { timeout: 60_000 }, async () => {
  const bad = file(
    dir,
    "bad.clab.yml",
    "name: x\ntopology:\n  nodes:\n    a:\n      kind: linux\n      exec: [ip link set eth9 up]\n",
  );
  expect(await netloom(dir, ["run", bad, "--out", join(dir, "bad")])).toEqual({
    status: 2,
    out: "",
    err: `netloom: ${bad}:6: node a: ip link set eth9 up: Cannot find device "eth9"\n`,
  });
});

it.concurrent("ends with 130 on Ctrl-C, and what was written can be read", { timeout: 60_000 }, async () => {
  const endless = file(
    dir,
    "endless.clab.yml",
    readFileSync(ROUTED, "utf8").replace(
      "seed: 7",
      "seed: 7\n          schedule: [{at: 1s, power-off: h2}, {at: 2s, power-on: h2}]",
    ),
  );
  const running = start(dir, ["run", endless, "--out", join(dir, "endless"), "--exec", "h1: ping -i 0.01 10.0.3.2"]);
  await running.says("at 2.000 s: h2 is switched on");
  running.signal("SIGINT");
  const { status, err } = await running.ended;
  expect(status).toBe(130);
  expect(err).toMatch(/^netloom: interrupted at [\d.]+ s of simulated time; what was written stays in .*endless\n$/);
  expect(JSON.parse(readFileSync(join(dir, "endless", "summary.json"), "utf8")).interrupted).toBe(true);
  const capture = dissectCapture(readFileSync(join(dir, "endless", "r1-eth1.pcapng")));
  expect(capture.message).toBeUndefined();
  expect(capture.frames.length).toBeGreaterThan(100);
});

it.concurrent("has a prompt that can be fed from a pipe", { timeout: 60_000 }, async () => {
  const { status, out, err } = await netloom(
    dir,
    ["console", ROUTED],
    "nodes\nh1 ping -c1 h2\nrun 3s\ntime\nnonsense\nexit\nnodes\n",
  );
  expect([status, err]).toEqual([0, ""]);
  const lines = out.split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "available nodes are: ",
    "h1 h2 r1 r2",
    "PING 10.0.3.2 (10.0.3.2) 56(84) bytes of data.",
  ]);
  expect(lines.at(-3)).toMatch(/^3\.0200\d\d s$/);
  expect(lines.slice(-2)).toEqual(["*** Unknown command: nonsense (help lists the commands)", ""]);
});

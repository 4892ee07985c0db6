import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { file, temporary } from "./netloom.ts";

const dir = temporary();
const lab = file(dir, "a.clab.yml", "name: a\ntopology:\n  nodes:\n    h1: {kind: linux}\n");
const bad = file(dir, "bad.clab.yml", "name: a\ntopology:\n  nodes:\n    h1: {kind: srl}\n");

let said = { out: "", err: "" };
beforeEach(() => {
  said = { out: "", err: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.out += text;
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said.err += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  process.stdout.removeAllListeners("error");
});

/** Calls the program in this process: its status and what it said. */
async function netloom(...args: string[]): Promise<{ status: unknown; out: string; err: string }> {
  await main(args);
  return { status: process.exitCode, ...said };
}

describe("bad input ends with status 2 and one line on standard error", () => {
  it.each<[string, string[], string]>([
    ["an unknown option", ["--sed", "3"], "unknown option '--sed' (Did you mean one of --seed, --set?)"],
    ["a seed that is none", ["x", "--seed", "x"], "--seed x: expected a whole number"],
    ["a time that is none", ["x", "--until", "soon"], "--until soon: expected a time such as 30s or 500ms"],
    [
      "an unknown scenario with what follows it",
      ["no-such", "thing"],
      "too many arguments. Expected 1 argument but got 2.",
    ],
    ["no lab file", ["run"], "missing required argument 'file'"],
    ["an option before the command", ["--seed", "3", "run", lab], "--seed stands before the command: put it behind"],
    ["no such lab", ["why", `${lab}x`, "h1", "h1"], `there is no scenario and no file "${lab}x"; scenarios: `],
    [
      "a bad lab",
      ["why", bad, "h1", "h1"],
      `${bad}:4: node h1: kind srl is not built, expected kind: linux or kind: bridge`,
    ],
    ["a directory", ["why", dir, "h1", "h1"], `${dir}: not readable (EISDIR)`],
    ["parameters for a lab file", ["why", lab, "h1", "h1", "--set", "a=b"], "--set a=b: a lab file has no parameters"],
    ["an unknown node", ["why", lab, "h2", "h1"], "there is no node h2; there are h1"],
    ["a node without address", ["why", lab, "h1", "h1"], "h1 has no address"],
    [
      "a port that is none",
      ["why", lab, "h1", "1.2.3.4", "--udp", "x"],
      'why: udp "x": expected a number from 1 to 65535',
    ],
    ["a capture that is not there", ["dissect", `${lab}.pcap`], `${lab}.pcap: no such file, or not readable`],
    ["a console on nothing", ["console", `${lab}x`], `there is no scenario and no file "${lab}x"; scenarios: `],
  ])("%s", async (_, args, message) => {
    const { status, out, err } = await netloom(...args);
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err.startsWith(`netloom: ${message}`)).toBe(true);
    expect(err.split("\n").length).toBe(2);
  });

  it.each(["seed", "json", "pcap", "exec", "until"])("npm took --%s for itself", async (option) => {
    vi.stubEnv("npm_lifecycle_event", "sim");
    vi.stubEnv(`npm_config_${option}`, "7");
    const { status, err } = await netloom("vpc-overlay");
    expect(status).toBe(2);
    expect(err).toMatch(
      new RegExp(`^netloom: npm took --${option} for itself: put -- before the options, [^\\n]*\\n$`),
    );
  });
});

describe("help and lists", () => {
  it("end with status 0", async () => {
    expect((await netloom("--help")).status).toBe(0);
    expect(said.out).toContain("Usage: netloom");
    expect((await netloom("--version")).status).toBe(0);
  });

  it("list is one line for each scenario, and one object with --json", async () => {
    await netloom("list", "--json");
    const list = JSON.parse(said.out);
    expect(list.scenarios.map((s: { name: string }) => s.name)).toContain("vpc-overlay");
    expect(said.out.trim().split("\n").length).toBe(1);
  });
});

describe("why", () => {
  it("ends with 0 when the packet is delivered, and prints its way", async () => {
    const { status, out } = await netloom("why", lab, "h1", "127.0.0.1");
    expect(status).toBe(0);
    expect(out).toMatch(
      /^why h1 127\.0\.0\.1: ICMP echo request, 56 bytes\n[\s\S]*\ndelivered: h1 answered after 0\.000 ms\n$/,
    );
  });

  it("ends with 1 when it is not, and --json is one object", async () => {
    const { status, out } = await netloom("why", lab, "h1", "10.0.0.1", "--json", "--size", "10", "--df");
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual({
      node: "h1",
      destination: "10.0.0.1",
      probe: "ICMP echo request, 10 bytes",
      verdict: "dropped",
      reason: "h1 does not send it: Network is unreachable",
      steps: [
        { after_s: 0, hop: 1, node: "h1", device: "", kind: "route", text: "no route to 10.0.0.1" },
        { after_s: 0, hop: 1, node: "h1", device: "", kind: "drop", text: "not sent: Network is unreachable" },
      ],
      elsewhere: [],
    });
  });

  it("asks at the time that --at names", async () => {
    const { status } = await netloom("why", "examples/bridge.clab.yml", "h1", "h3", "--at", "15s");
    expect([status, said.out.trim().split("\n").at(-1)]).toEqual([
      1,
      "dropped: at h1 (eth1): neigh: resolution failed",
    ]);
  });
});

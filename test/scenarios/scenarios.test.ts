import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Scenario } from "../../src/lab/scenario.ts";
import { readCapture } from "../../src/report/read-capture.ts";
import { haveProgram, itNeeds } from "../harness/shared.ts";

/** Every scenario, run as people run it: its checks hold, its captures are clean, the same seed gives the same bytes. */

const scenarios = readdirSync("scenarios").map((f) => f.replace(/\.ts$/, ""));
const dirs: string[] = [];
const TSHARK_CHECKS = ["ip", "tcp", "udp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
const FLAWS =
  "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0 || gre.checksum.status == 0";

afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

describe.each(scenarios)("%s", (name) => {
  const first = lazily(() => run(name, 1));

  it("holds every check", { timeout: 120_000 }, () => {
    expect(first().summary.checks.filter((c) => !c.ok)).toEqual([]);
    expect(first().summary.checks.length).toBeGreaterThan(0);
    expect(first().status).toBe(0);
  });

  it("is the same run for the same seed, byte for byte, and another for another", { timeout: 240_000 }, async () => {
    const { default: definition } = (await import(`../../scenarios/${name}.ts`)) as { default: Scenario };
    const again = run(name, 1);
    expect(again.summary.fingerprint).toBe(first().summary.fingerprint);
    const captures = readdirSync(first().dir).filter((f) => f.endsWith(".pcapng"));
    expect(captures.length > 0).toBe(definition.captures.length > 0);
    for (const file of captures)
      expect(readFileSync(join(again.dir, file)).equals(readFileSync(join(first().dir, file)))).toBe(true);
    expect(run(name, 2).summary.fingerprint).not.toBe(first().summary.fingerprint);
  });

  itNeeds(haveProgram("tshark"))(
    "writes captures in which tshark finds nothing malformed and no bad checksum",
    { timeout: 240_000 },
    () => {
      for (const file of readdirSync(first().dir).filter((f) => f.endsWith(".pcapng"))) {
        const path = join(first().dir, file);
        const filter = `(${FLAWS}) && !(frame.comment contains "forged")`;
        const flawed = execFileSync("tshark", ["-n", ...TSHARK_CHECKS, "-r", path, "-Y", filter], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
        expect(`${file}: ${flawed}`).toBe(`${file}: `);
        const counted = execFileSync("tshark", ["-n", "-r", path, "-T", "fields", "-e", "frame.number"], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
        expect(counted.split("\n").filter((l) => l !== "").length).toBe(readCapture(readFileSync(path)).packets.length);
      }
    },
  );
});

interface Run {
  readonly dir: string;
  readonly status: number | null;
  readonly summary: {
    readonly fingerprint: string;
    readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  };
}

function run(name: string, seed: number): Run {
  const dir = mkdtempSync(join(tmpdir(), `netloom-${name}-`));
  dirs.push(dir);
  const done = spawnSync(process.execPath, ["bin/netloom.js", name, "--seed", String(seed), "--out", dir, "--json"], {
    encoding: "utf8",
  });
  return {
    dir,
    status: done.status,
    summary: JSON.parse(
      done.stdout || `{"fingerprint":"","checks":[{"name":${JSON.stringify(done.stderr)},"ok":false,"detail":""}]}`,
    ) as Run["summary"],
  };
}

function lazily<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}

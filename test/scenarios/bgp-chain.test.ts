import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { haveProgram, itNeeds } from "../harness/shared.ts";

/** What is on the wire while the story is told, as tshark reads it. */

const out = mkdtempSync(join(tmpdir(), "netloom-chain-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const TIMEOUT_MS = 60_000;
let ran = false;

/** How tshark is told what the frames of an L2TPv3 session are: there is no control connection to say so (RFC 3931 §4.6). */
const PSEUDOWIRE = [
  ...["-d", "l2tp.pw_type==0,eth", "-o", "l2tp.cookie_size:None"],
  ...["-o", "l2tp.l2_specific:Default L2-Specific"],
];

/** The values of a field in a capture's frames, each once, in the order in which they come. */
function values(interfaceName: string, field: string, filter = field): string[] {
  if (!ran) execFileSync("node", ["bin/netloom.js", "bgp-chain", "--out", out], { stdio: "pipe" });
  ran = true;
  const asked = [
    "-n",
    ...PSEUDOWIRE,
    "-r",
    join(out, `${interfaceName}.pcapng`),
    "-Y",
    filter,
    "-T",
    "fields",
    "-e",
    field,
  ];
  const told = execFileSync("tshark", asked, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return [...new Set(told.split("\n").filter((line) => line !== ""))];
}

const wire = itNeeds(haveProgram("tshark"));

describe("bgp-chain", () => {
  wire("bears the whole list of segments first, then what is left", { timeout: TIMEOUT_MS }, () => {
    expect(values("long1-eth0", "mpls.label")).toEqual(["16004,16007"]);
    expect(values("long2-eth0", "mpls.label")).toEqual(["16007"]);
  });
  wire("carries the same ping in all three tunnels", { timeout: TIMEOUT_MS }, () => {
    const echo = "ip.dst == 192.168.0.2 && icmp.type == 8";
    const carriers = values("as34-eth1", "frame.protocols", echo).map((p) => /l2tp|gre|vxlan/.exec(p)?.[0]);
    expect(carriers).toEqual(["l2tp", "gre", "vxlan"]);
  });
  wire("goes through the firewall for one network only", { timeout: TIMEOUT_MS }, () => {
    expect(values("firewall-eth0", "ip.dst", "tcp.dstport == 23")).toEqual(["10.212.3.10"]);
  });
  wire("tells Mars's prefix to Earth", { timeout: TIMEOUT_MS }, () => {
    const told = values("earth-eth0", "bgp.nlri_prefix", "ip.src == 10.221.3.2 && bgp.type == 2");
    expect(told[0]).toBe("10.222.2.0");
  });
  it("refuses a distance that its timers are not made for", { timeout: TIMEOUT_MS }, () => {
    const run = ["bin/netloom.js", "bgp-chain", "--set", "light=3h", "--out", out];
    const { status, stderr } = spawnSync("node", run, { encoding: "utf8" });
    expect({ status, stderr: stderr.trim().split("\n").at(-1) }).toEqual({
      status: 2,
      stderr: 'netloom: light "3h": expected 2min to 85min',
    });
  });
});

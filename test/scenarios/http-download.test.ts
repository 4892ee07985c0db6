import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { haveProgram, itNeeds } from "../harness/shared.ts";

const TIMEOUT_MS = 120_000;

itNeeds(haveProgram("tshark"))(
  "a download over four routers is clean to tshark: nothing retransmitted, out of order, acknowledged twice, or badly summed",
  () => {
    const out = mkdtempSync(join(tmpdir(), "netloom-"));
    try {
      const run = [
        "bin/netloom.js",
        "http-download",
        "--set",
        "bytes=5000000",
        "--pcap",
        "client-eth0,server-eth0",
        "--out",
        out,
      ];
      execFileSync("node", run, { stdio: "pipe" });
      for (const name of ["client-eth0.pcapng", "server-eth0.pcapng"]) {
        const read = ["-r", join(out, name), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
        const bad =
          "(tcp.analysis.flags && !tcp.analysis.window_update) || tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed";
        const lines = (filter: string): string[] =>
          execFileSync("tshark", [...read, "-Y", filter], { encoding: "utf8", stdio: "pipe" })
            .split("\n")
            .filter((l) => l !== "");
        expect(lines(bad)).toEqual([]);
        expect(lines("tcp.len > 0").length).toBeGreaterThan(3400);
      }
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);

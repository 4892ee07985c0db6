import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PcapWriter } from "../../../../src/report/pcap.ts";
import type { Seen } from "./tunnel-lab.ts";

/** What `tcpdump -nn` prints of frames, without the times. */
export function tcpdump(frames: readonly Seen[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), "overlay-"));
  try {
    const file = join(dir, "a25_t1.pcap");
    writeFileSync(file, pcapOf(frames));
    const text = execFileSync("tcpdump", ["-nn", "-t", "-r", file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trimEnd().split("\n");
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The numbers of frames in which tshark, with every checksum verified, finds anything wrong; and their errors. */
export function tsharkComplaints(frames: readonly Seen[]): string {
  const dir = mkdtempSync(join(tmpdir(), "overlay-"));
  try {
    const file = join(dir, "frames.pcap");
    writeFileSync(file, pcapOf(frames));
    const checks = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
    const bad =
      "_ws.malformed || _ws.expert.severity >= 0x600000 || icmp.checksum.status == 0 || gre.checksum.status == 0";
    const fields = ["-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-e", "_ws.expert.message"];
    const args = [...checks, "-Y", bad, ...fields, "-r", file];
    return execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function pcapOf(frames: readonly Seen[]): Buffer {
  const chunks: Uint8Array[] = [];
  const out = new PcapWriter((bytes) => chunks.push(bytes.slice()));
  for (const { at, bytes } of frames) out.packet(at, bytes, 0, bytes.length);
  out.flush();
  return Buffer.concat(chunks);
}

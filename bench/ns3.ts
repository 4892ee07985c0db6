import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildNs3, netloom, ns2, ns3, run, runNs3, WORK } from "./peers.ts";

const ROUNDS = 5;

/** Octets of the transfer by TCP. */
const BULK_BYTES = 625_000_000;

/** A comparison: one run of each side, which returns how fast it was. */
interface Case {
  readonly name: string;
  /** What is counted in a second of the real clock; packet-hops when left out. */
  readonly unit?: string;
  /** What the other side is. */
  readonly peer: string;
  readonly netloom: () => number;
  readonly other: () => number;
}

const chain = (routers: number, packets: number): Case => ({
  name: `chain-${routers}`,
  peer: "ns-3",
  netloom: () => netloom(["chain", routers, packets]),
  other: () => ns3("udp_chain_csma", [`--routers=${routers}`, `--packets=${packets}`]),
});

/** Octets carried in a second: those of the whole transfer, or the run is worth nothing. */
function carried({ received, wall }: { readonly received: number; readonly wall: number }): number {
  if (received !== BULK_BYTES) throw new Error(`${received} octets arrived, not ${BULK_BYTES}`);
  return received / wall;
}

const CASES: readonly Case[] = [
  chain(1, 800_000),
  chain(4, 400_000),
  chain(16, 150_000),
  {
    name: "chain-4-pcap",
    peer: "ns-3",
    netloom: () => netloom(["chain", 4, 100_000, "pcap", join(WORK, "netloom-pcap")]),
    other: () => {
      const dir = join(WORK, "ns3-pcap");
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true });
      return ns3("udp_chain_csma", ["--routers=4", "--packets=100000", `--pcap=${join(dir, "c")}`]);
    },
  },
  {
    name: "star-5000",
    peer: "netloom with 5 pairs",
    netloom: () => netloom(["star", 2500, 2_000_000]),
    other: () => netloom(["star", 5, 2_000_000]),
  },
  {
    name: "tcp-cubic",
    peer: "ns-3",
    unit: "octets carried",
    netloom: () => {
      const { bytes, wallS } = run(["tcp", "cubic", BULK_BYTES]);
      return carried({ received: bytes, wall: wallS });
    },
    other: () => carried(runNs3("tcp_bulk", ["--cc=TcpCubic", `--bytes=${BULK_BYTES}`])),
  },
  { name: "ns2-4", peer: "ns-2", netloom: () => netloom(["chain", 4, 500_000]), other: () => ns2(4, 500_000) },
];

/** Runs every case, sides alternating, median of five, and ends with the ratio lines. `only`: names of cases. */
export function compareWithPeers(only: readonly string[]): void {
  mkdirSync(WORK, { recursive: true });
  const cases = only.length === 0 ? CASES : CASES.filter((c) => only.includes(c.name));
  const unknown = only.find((name) => !CASES.some((c) => c.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no case ${unknown}; there are ${CASES.map((c) => c.name).join(" ")}`);
  buildNs3();
  const lines: string[] = [];
  for (const c of cases) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const unit = `${c.unit ?? "packet-hops"}/s`;
    for (let i = 0; i < ROUNDS; i++) {
      theirs.push(c.other());
      ours.push(c.netloom());
      process.stderr.write(
        `${c.name} round ${i + 1}: netloom ${millions(ours.at(-1))}, ${c.peer} ${millions(theirs.at(-1))} ${unit}\n`,
      );
    }
    process.stdout.write(
      `${c.name}: netloom ${millions(median(ours))}, ${c.peer} ${millions(median(theirs))} ${unit} (median of ${ROUNDS})\n`,
    );
    lines.push(`ratio ${c.name} ${(median(ours) / median(theirs)).toFixed(2)}`);
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const millions = (n: number | undefined): string => `${((n ?? 0) / 1e6).toFixed(3)}M`;

import { readFileSync } from "node:fs";
import { Net } from "../../src/lab/net.ts";
import type { LabNode } from "../../src/lab/node.ts";

/** Two hosts on one cable of 0.1 ms, `h1` with 10.0.0.1 and `h2` with 10.0.0.2. */
export function pair(seed = 1, rate = "1Gbit"): { readonly net: Net; readonly h1: LabNode; readonly h2: LabNode } {
  const net = new Net(seed);
  const [h1, h2] = [net.host("h1"), net.host("h2")];
  net.link(h1, h2, { ip: "10.0.0.1/24", peerIp: "10.0.0.2/24", rate, delay: "100us", mtu: 1514 });
  return { net, h1, h2 };
}

/** A recorded command: its words, what it printed, its status. */
export interface Recorded {
  readonly command: string;
  readonly output: string;
  readonly status: number;
}

/** The commands of a transcript: `$ COMMAND`, what it printed, and `? STATUS` unless that is 0. */
export function recorded(file: URL): Recorded[] {
  const found: { command: string; output: string; status: number }[] = [];
  for (const line of readFileSync(file, "utf8").split(/(?<=\n)/)) {
    const last = found.at(-1);
    if (line.startsWith("$ ")) found.push({ command: line.slice(2).trimEnd(), output: "", status: 0 });
    else if (last !== undefined && /^\? \d+\n$/.test(line)) last.status = Number(line.slice(2));
    else if (last !== undefined) last.output += line;
  }
  return found;
}

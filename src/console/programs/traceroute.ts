import type { Process } from "../../core/os.ts";
import { parseTrace } from "../traceroute/command.ts";
import { Trace } from "../traceroute/trace.ts";

/** `traceroute` 2.1 for IPv4, with UDP probes or ICMP ones (`-I`). Names are never looked up: `10.0.1.1 (10.0.1.1)`. */
export function traceroute(self: Process): void {
  const parsed = parseTrace(self.args);
  if (parsed.ok) return new Trace(self, parsed.value).start();
  self.err(`${parsed.why}\n`);
  self.exit(2);
}

import type { Program } from "../../core/os.ts";
import { Client } from "./client.ts";
import { parseIperf3 } from "./options.ts";
import { Server } from "./server.ts";

/** `iperf3` 3.12: client and server, over TCP and UDP. */
export const iperf3: Program = (self) => {
  const parsed = parseIperf3(self.args);
  if (!parsed.ok) {
    if (parsed.status === 0) self.out(parsed.text);
    else self.err(parsed.text);
    return self.exit(parsed.status);
  }
  const command = parsed.value;
  if (command.server) return new Server(self, command).start();
  new Client(self, command).start();
};

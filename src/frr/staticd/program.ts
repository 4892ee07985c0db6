import { CommandSet } from "../command.ts";
import type { FrrProgram } from "../daemon.ts";
import { installLog } from "../log-commands.ts";
import { Staticd } from "./static.ts";

const TO = "ip route <A.B.C.D/M$prefix|A.B.C.D$dst A.B.C.D$mask>";
const OPTIONS =
  "[{tag (1-4294967295)$tag|(1-255)$distance|metric (0-4294967295)$metric|weight (1-65535)$weight|table (1-4294967295)$table|onlink$onlink}]";
const WAYS = ["<reject|blackhole>$flag", "A.B.C.D$gateway", "IFNAME$ifname", "A.B.C.D$gateway IFNAME$ifname"];

const commands = new CommandSet<Staticd>("staticd");
installLog(commands);
for (const way of WAYS) {
  commands.add("config", `${TO} ${way} ${OPTIONS}`, (d, a) => d.configure(a, true));
  commands.add("config", `no ${TO} ${way} ${OPTIONS}`, (d, a) => d.configure(a, false));
}

/** staticd, for nodes to start. */
export const STATICD: FrrProgram<undefined> = {
  name: "staticd",
  commands: commands as unknown as CommandSet<never>,
  protocol: "STATIC",
  endMessage: "MRN6F-AYZC4",
  begin: (os, _, log) => new Staticd(os, log),
};

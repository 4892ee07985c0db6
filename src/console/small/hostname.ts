import { formatIp } from "../../core/addr.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";

const LONG = {
  domain: "d",
  boot: "b",
  file: "F:",
  fqdn: "f",
  "all-fqdns": "A",
  help: "h",
  long: "f",
  short: "s",
  version: "V",
  alias: "a",
  "ip-address": "i",
  "all-ip-addresses": "I",
  nis: "y",
  yp: "y",
};
const USAGE_STATUS = 255;

/** `hostname` of Debian: the node's name, or with `-I` its addresses. */
export function hostname(self: SystemProcess): void {
  const { options, rest, complaint } = getoptLong("hostname", self.args, "aAdfbF:h?iIsVy", LONG);
  const last = options.at(-1)?.key;
  if (complaint !== undefined || rest.length > 1) {
    self.err((complaint ?? "") + USAGE);
    return self.exit(USAGE_STATUS);
  }
  if (last === "h" || last === "?") {
    self.out(USAGE);
    return self.exit(0);
  }
  if (last === "V") {
    self.out("hostname 3.23\n");
    return self.exit(0);
  }
  if (rest.length === 1) return refuse(self, `changing the name to ${rest[0]}`);
  if (last !== undefined && last !== "s" && last !== "I") return refuse(self, `-${last}`);
  if (last === "I") self.out(`${addresses(self)}\n`);
  else self.out(`${last === "s" ? self.os.hostname.split(".")[0] : self.os.hostname}\n`);
  self.exit(0);
}

/** Of devices that are up, the loopback left out; each with a space behind. */
function addresses({ kernel }: SystemProcess): string {
  const shown = kernel.addresses.list().filter((a) => {
    const dev = kernel.deviceByIndex(a.ifindex);
    return dev?.up && dev !== kernel.loopback;
  });
  return shown.map((a) => `${formatIp(a.address)} `).join("");
}

function refuse(self: SystemProcess, what: string): void {
  self.err(`hostname: ${what} is not built\n`);
  self.exit(1);
}

const USAGE = `Usage: hostname [-I|-s]      display formatted name
       hostname              display host name

       hostname -V|--version|-h|--help          print info and exit
`;

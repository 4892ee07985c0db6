import { run } from "../iptables/command.ts";
import { Told } from "../iptables/exit.ts";
import type { SystemProgram } from "../process.ts";
import { parseRequest } from "./parse.ts";
import { perform } from "./perform.ts";

const VERSION = "ebtables 1.8.9 (nf_tables)\n";
const HELP = `${VERSION}Usage: ebtables [-t filter|nat] COMMAND [OPTIONS]
where  COMMAND := { -A chain RULE | -I chain [number] RULE | -D chain { RULE | number[:number] } | -L [chain] [--Ln] [--Lc] |
                    -F [chain] | -Z [chain] | -N chain [-P policy] | -X [chain] | -E chain name | -P chain policy }
       RULE    := -p [!] protocol, -s [!] address[/mask], -d [!] address[/mask], -i [!] name[+], -o [!] name[+],
                  --logical-in [!] name[+], --logical-out [!] name[+], -c packets bytes, -j target [options],
                  --ip-src, --ip-dst, --ip-tos, --ip-proto, --ip-sport, --ip-dport,
                  --arp-op, --arp-htype, --arp-ptype, --arp-ip-src, --arp-ip-dst, --arp-mac-src, --arp-mac-dst,
                  --arp-gratuitous, --vlan-id, --vlan-prio, --vlan-encap, --mark, --pkttype-type
`;

/** `ebtables` of Debian 12. */
export const ebtables: SystemProgram = (self) =>
  run(self, "ebtables", () => {
    try {
      perform(
        self.kernel,
        parseRequest(self.args, (text) => self.err(text)),
        (text) => self.out(text),
      );
    } catch (end) {
      if (!(end instanceof Told)) throw end;
      self.out(end.what === "version" ? VERSION : HELP);
    }
  });

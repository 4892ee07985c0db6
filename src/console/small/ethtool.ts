import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { linkSettings } from "../files/link-settings.ts";
import type { SystemProcess } from "../process.ts";

/** Requests that `ethtool DEV` makes, each of which misses a device that is not there. */
const REQUESTS = 5;
const NOTHING_STATUS = 75;

/** `ethtool DEV` of ethtool 6.1: the line's speed and whether there is one. What else the program does is refused. */
export function ethtool(self: SystemProcess): void {
  const [name, ...more] = self.args;
  if (name?.startsWith("-") && name.length > 1 && more.length > 0) {
    self.err(`ethtool: ${name} is not built\n`);
    return self.exit(1);
  }
  if (name === undefined || name.startsWith("-") || more.length > 0) {
    self.err("ethtool: bad command line argument(s)\nFor more information run ethtool -h\n");
    return self.exit(1);
  }
  const dev = self.kernel.device(name);
  if (dev !== undefined) {
    self.out(describe(dev));
    return self.exit(0);
  }
  for (let i = 0; i < REQUESTS; i++) {
    self.err("netlink error: no device matches name (offset 24)\nnetlink error: No such device\n");
  }
  self.out("No data available\n");
  self.exit(NOTHING_STATUS);
}

function describe(dev: NetDevice): string {
  const s = linkSettings(dev);
  const lines =
    s === undefined
      ? []
      : [
          "Supported ports: [  ]",
          "Supported link modes:   Not reported",
          "Supported pause frame use: No",
          "Supports auto-negotiation: No",
          "Supported FEC modes: Not reported",
          "Advertised link modes:  Not reported",
          "Advertised pause frame use: No",
          "Advertised auto-negotiation: No",
          "Advertised FEC modes: Not reported",
          `Speed: ${s.speedMbps < 0 ? "Unknown!" : `${s.speedMbps}Mb/s`}`,
          `Duplex: ${s.duplex === "full" ? "Full" : "Unknown! (255)"}`,
          "Auto-negotiation: off",
          `Port: ${s.port === "other" ? "Other" : "Twisted Pair"}`,
          "PHYAD: 0",
          "Transceiver: internal",
          ...(s.port === "other" ? [] : ["MDI-X: Unknown"]),
        ];
  return [
    `Settings for ${dev.name}:`,
    ...[...lines, `Link detected: ${dev.running ? "yes" : "no"}`].map((l) => `\t${l}`),
    "",
  ].join("\n");
}

import { formatIp, formatPrefix } from "../../core/addr.ts";
import { writeLinkParams } from "../link-params.ts";
import type { ConfigBlock } from "../vty.ts";
import type { Interface } from "./interfaces.ts";
import type { Zebra } from "./zebra.ts";

/** zebra's part of the running configuration. */
export function writeZebraConfig(zebra: Zebra): readonly ConfigBlock[] {
  const global = [
    ...(zebra.os.route.forwards() ? [] : ["no ip forwarding"]),
    ...(zebra.routes.viaDefault ? ["ip nht resolve-via-default"] : []),
    ...(zebra.routerIdChosen === 0 ? [] : [`ip router-id ${formatIp(zebra.routerIdChosen)}`]),
  ];
  const maps = [...zebra.routes.protocolMaps].map(([kind, map]) => `ip protocol ${kind} route-map ${map}`);
  const lsps = zebra.lsps.writeConfig();
  return [
    ...(global.length === 0 ? [] : [{ section: "global" as const, head: "", lines: global }]),
    ...zebra.interfaces.all().flatMap(interfaceBlock),
    ...zebra.policy.writeConfig(),
    ...(lsps.length === 0 ? [] : [{ section: "protocol" as const, head: "", lines: lsps }]),
    ...(maps.length === 0 ? [] : [{ section: "protocol" as const, head: "", lines: maps }]),
  ];
}

/** zebra/interface.c:if_config_write. */
function interfaceBlock({ ifname, config }: Interface): readonly ConfigBlock[] {
  const { description, bandwidthMbps, shutdown, linkDetect, multicast, addresses, linkParams } = config;
  const lines = [
    ...(description === "" ? [] : [` description ${description}`]),
    ...(bandwidthMbps === 0 ? [] : [` bandwidth ${bandwidthMbps}`]),
    ...(linkDetect ? [] : [" no link-detect"]),
    ...(multicast === undefined ? [] : [` multicast ${multicast ? "enable" : "disable"}`]),
    ...addresses.map((a) => ` ip address ${formatPrefix(a)}`),
    ...(linkParams === undefined ? [] : [writeLinkParams(linkParams)]),
    ...(shutdown ? [" shutdown"] : []),
  ];
  return lines.length === 0 ? [] : [{ section: "interface", head: `interface ${ifname}`, lines, end: "exit" }];
}

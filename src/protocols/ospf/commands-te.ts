import { formatIp } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { areaText, parseArea } from "./area-id.ts";
import type { On } from "./commands-area.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { InterAs, TrafficEngineering } from "./te.ts";
import { linkText } from "./te-tlv.ts";

const OFF = { refused: "mpls-te has not been turned on\n" };

/** `mpls-te …` (ospfd/ospf_te.c). */
export function installTrafficEngineering(on: On): void {
  on("mpls-te on", ({ te }) => {
    te.on = true;
    te.schedule();
  });
  on("no mpls-te [on]", ({ te }) => {
    te.on = false;
    te.interAs = undefined;
    te.schedule();
  });
  on("mpls-te router-address A.B.C.D$address", ({ te }, args) => {
    te.routerAddress = args.ip("address");
    te.schedule();
  });
  on("mpls-te inter-as as", ({ te }) => setInterAs(te, "as"));
  on("mpls-te inter-as area <A.B.C.D|(0-4294967295)>$area", ({ te }, args) => {
    const text = args.text("area");
    return setInterAs(te, { area: parseArea(text), text });
  });
  on("no mpls-te inter-as", ({ te }) => {
    te.interAs = undefined;
    te.schedule();
  });
  on("mpls-te export", () => ({ refused: "% mpls-te export is not built\n" }));
}

function setInterAs(te: TrafficEngineering, interAs: NonNullable<InterAs>) {
  if (!te.on) return OFF;
  if (te.interAs !== undefined) {
    const mode = interAs === "as" ? "AS" : "Area";
    return { refused: `Please change Inter-AS support to disable first before going to mode ${mode}\n` };
  }
  te.interAs = interAs;
  te.schedule();
  return undefined;
}

/** The lines of the running configuration (ospfd/ospf_te.c:ospf_mpls_te_config_write_router). */
export function writeTrafficEngineering({ on, routerAddress, interAs }: TrafficEngineering): readonly string[] {
  if (!on) return [];
  const between =
    interAs === undefined
      ? []
      : [`mpls-te inter-as ${interAs === "as" ? "as" : `area ${areaText(interAs.area, interAs.text)}`}`];
  return [
    "mpls-te on",
    ...(routerAddress === undefined ? [] : [`mpls-te router-address ${formatIp(routerAddress)}`]),
    ...between,
  ];
}

/** `show ip ospf mpls-te router` and `interface`. */
export function installShowTrafficEngineering(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf mpls-te router", ({ te }) => {
    if (!te.on) return "";
    const address =
      te.routerAddress === undefined ? "Router address is not set" : `Router-Address: ${formatIp(te.routerAddress)}`;
    return `--- MPLS-TE router parameters ---\n  ${address}\n  Link State distribution is Inactive\n`;
  });
  set.add("view", "show ip ospf mpls-te interface [IFNAME$name]", (d, args) => {
    const name = args.find("name");
    if (!d.ospf.enabled) return "";
    const names = [...d.ospf.devices.keys()].sort((a, b) => (a < b ? -1 : 1));
    if (name !== undefined && !names.includes(name)) return "No such interface name in vrf default\n";
    return (name === undefined ? names : [name]).map((ifname) => interfaceText(d, ifname)).join("");
  });
}

/** ospfd/ospf_te.c:show_mpls_te_link_sub. */
function interfaceText({ te, ospf }: OspfDaemon, ifname: string): string {
  const device = ospf.devices.get(ifname);
  const oi = ospf.interfaces.find((i) => i.ifname === ifname);
  const active = te.on && device?.linkParams !== undefined && !device.loopback && device.up && oi !== undefined;
  if (!active) return `  ${ifname}: MPLS-TE is disabled on this interface\n`;
  const link = te.partOf(oi, device.linkParams);
  return `-- MPLS-TE link parameters for ${ifname} --\n${linkText(link)}---------------\n\n`;
}

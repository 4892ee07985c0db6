import type { Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { parseArea } from "./area-id.ts";
import type { On } from "./commands-area.ts";
import type { OspfDaemon } from "./daemon.ts";
import { InterfaceSettings, type VirtualLinkSettings } from "./settings.ts";

const LINK = "area <A.B.C.D|(0-4294967295)>$area virtual-link A.B.C.D$peer";
const AUTH = "[authentication [<key-chain WORD$chain|message-digest|null>]]";
const KEY = "[<message-digest-key (1-255)$id md5 WORD$md5|authentication-key WORD$simple>]";
const TIMERS =
  "{hello-interval (1-65535)$hello|retransmit-interval (1-65535)$retransmit|transmit-delay (1-65535)$delay|dead-interval (1-65535)$dead}";

/** Links of one router at most (ospfd/ospf_interface.h:OSPF_VL_MAX_COUNT). */
const LINKS_MAX = 256;

/** `area A virtual-link R …` (ospfd/ospf_vty.c:ospf_area_vlink). */
export function installVirtualLinks(on: On): void {
  on(`${LINK} ${AUTH} ${KEY}`, (d, args) => change(d, args, (s) => authenticate(s, args)));
  on(`${LINK} ${TIMERS}`, (d, args) =>
    change(d, args, (s) => {
      s.helloS = args.findInt("hello") ?? s.helloS;
      s.retransmitS = args.findInt("retransmit") ?? s.retransmitS;
      s.transmitDelayS = args.findInt("delay") ?? s.transmitDelayS;
      s.deadS = args.findInt("dead") ?? s.deadS;
      return undefined;
    }),
  );
  on(`no ${LINK}`, (d, args) => {
    const { virtualLinks } = d.ospf.settings;
    const at = virtualLinks.findIndex(isThat(args));
    if (at < 0) return { refused: "Virtual link does not exist\n" };
    virtualLinks.splice(at, 1);
    d.virtualLinks.update();
    return undefined;
  });
}

const isThat =
  (args: Args) =>
  (link: VirtualLinkSettings): boolean =>
    link.area === parseArea(args.text("area")) && link.peer === args.ip("peer");

function change(d: OspfDaemon, args: Args, put: (s: InterfaceSettings) => Said): Said {
  const { virtualLinks } = d.ospf.settings;
  const area = parseArea(args.text("area"));
  if (area === 0) return { refused: "Configuring VLs over the backbone is not allowed\n" };
  const { kind } = d.ospf.area(area).settings;
  if (kind !== "normal") return { refused: `Area is a ${kind === "stub" ? "stub" : "NSSA"} area\n` };
  let link = virtualLinks.find(isThat(args));
  if (link === undefined) {
    if (virtualLinks.length >= LINKS_MAX) return { refused: "Cannot create virtual link: too many\n" };
    const number = Math.max(-1, ...virtualLinks.map((l) => l.number)) + 1;
    link = { area, areaText: args.text("area"), peer: args.ip("peer"), number, settings: new InterfaceSettings() };
    virtualLinks.push(link);
  }
  const said = put(link.settings);
  d.virtualLinks.update();
  return said;
}

function authenticate(s: InterfaceSettings, args: Args): Said {
  if (args.has("chain")) {
    s.auth = "message-digest";
    s.keyChain = args.text("chain");
  } else if (args.has("authentication")) {
    s.auth = args.has("message-digest") ? "message-digest" : args.has("null") ? "null" : "simple";
    s.keyChain = undefined;
  }
  if (args.has("simple")) s.simpleKey = args.text("simple").slice(0, 8);
  if (args.has("md5")) {
    const id = args.int("id");
    if (s.keys.some((k) => k.id === id)) return { refused: `OSPF: Key ${id} already exists\n` };
    s.keys = [...s.keys, { id, secret: args.text("md5").slice(0, 16), algorithm: "md5" }];
  }
  return undefined;
}

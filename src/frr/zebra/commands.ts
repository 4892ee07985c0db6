import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { CommandSet, type Said } from "../command.ts";
import { installLog } from "../log-commands.ts";
import { installPolicy } from "../policy.ts";
import { tableFull } from "../refusal.ts";
import type { RouteKind } from "../zapi.ts";
import { installLinkParams } from "./commands-link-params.ts";
import { INTERFACES_MAX, type Interface } from "./interfaces.ts";
import { EXPLICIT_NULL, IMPLICIT_NULL, STATIC } from "./lsps.ts";
import { showClients, showNexthops } from "./show-clients.ts";
import { showBrief, showInterfaces } from "./show-interface.ts";
import { showRoute, showRoutes, showSummary } from "./show-route.ts";
import { ZEBRA_RULES } from "./subject.ts";
import type { Zebra } from "./zebra.ts";

/** An interface that is being configured. */
export interface ZebraInterfaceContext {
  readonly zebra: Zebra;
  readonly i: Interface;
}
type Context = ZebraInterfaceContext;

const commands = new CommandSet<Zebra>("zebra");
/** zebra's commands. */
export const ZEBRA_COMMANDS = commands as unknown as CommandSet<never>;

const KINDS = "<kernel|connected|local|static|ospf|bgp>";
const notBuilt = (what: string) => (): Said => ({ refused: `% ${what} is not built\n` });

installLog(commands);
installPolicy(commands, (z) => z.policy, ZEBRA_RULES);
installShows();
installGlobals();
installMpls();
installInterface();
installLinkParams(commands);

function installShows(): void {
  commands
    .add(
      "view",
      `show ip <route|fib$fib> [{table (1-4294967295)$table|tag (1-4294967295)$tag|A.B.C.D/M$longer longer-prefixes|supernets-only$supernets|<kernel|connected|local|static|ospf|bgp>$kind|ospf$kind (1-65535)$instance}] [json]`,
      (z, a) => showRoutes(z, a),
    )
    .add("view", "show ip <route|fib> <A.B.C.D$address|A.B.C.D/M$prefix> [json]", (z, a) => showRoute(z, a))
    .add("view", "show ip route summary", (z) => showSummary(z))
    .add("view", "show ip nht [A.B.C.D$address]", (z, a) => showNexthops(z, a.findIp("address")))
    .add("view", "show interface [IFNAME$name] [json]", (z, a) => showInterfaces(z, a.find("name"), a.has("json")))
    .add("view", "show interface brief [json]", (z, a) => showBrief(z, a.has("json")))
    .add("view", "show mpls table [json]", (z, a) => (a.has("json") ? z.lsps.json() : z.lsps.show()))
    .add("view", "show zebra client summary", (z) => showClients(z))
    .add("view", "show router-id", (z) => routerIdText(z))
    .add("view", "show ip forwarding", (z) => `IP forwarding is ${z.os.route.forwards() ? "on" : "off"}\n`)
    .add("view", "show ip router-id", (z) => routerIdText(z));
}

const routerIdText = (z: Zebra): string => `zebra:\n     router-id ${formatIp(z.routerId)} vrf default\n`;

function installGlobals(): void {
  const routerId = (z: Zebra, id: Ipv4): void => {
    z.routerIdChosen = id;
    z.routerIdChanged();
  };
  const protocol = (z: Zebra, kind: string, map: string | undefined): void => {
    const key = kind as RouteKind | "any";
    if (map === undefined) z.routes.protocolMaps.delete(key);
    else z.routes.protocolMaps.set(key, map);
    z.routes.reconsider();
  };
  commands
    .add("config", "[ip] router-id A.B.C.D$id", (z, a) => routerId(z, a.ip("id")))
    .add("config", "no [ip] router-id [A.B.C.D]", (z) => routerId(z, 0))
    // Next-hop objects of the kernel are not used: there is nothing to take back.
    .add("config", "no zebra nexthop kernel enable", () => undefined)
    .add("config", "ip forwarding", (z) => z.os.route.setForwards(true))
    .add("config", "no ip forwarding", (z) => z.os.route.setForwards(false))
    .add("config", "ip nht resolve-via-default", (z) => {
      z.routes.viaDefault = true;
    })
    .add("config", "no ip nht resolve-via-default", (z) => {
      z.routes.viaDefault = false;
    })
    .add("config", `ip protocol <any|${KINDS.slice(1, -1)}>$kind route-map WORD$map`, (z, a) =>
      protocol(z, a.text("kind"), a.text("map")),
    )
    .add("config", `no ip protocol <any|${KINDS.slice(1, -1)}>$kind [route-map WORD]`, (z, a) =>
      protocol(z, a.text("kind"), undefined),
    )
    .add("config", "ip import-table LINE...", notBuilt("ip import-table"))
    .add("config", "ip nht WORD route-map WORD", notBuilt("ip nht PROTOCOL route-map"))
    .add("config", "zebra LINE...", notBuilt("zebra's own tuning"));
}

/** zebra/zebra_mpls_vty.c: labels that the configuration gives ways. */
function installMpls(): void {
  const others = (z: Zebra, label: number, gateway: Ipv4) =>
    z.lsps.configured(label).filter((w) => w.gateway !== gateway);
  commands
    .add(
      "config",
      "mpls lsp (16-1048575)$label A.B.C.D$gateway <(16-1048575)$out|explicit-null$explicit|implicit-null>",
      (z, a) => {
        if (!z.lsps.enabled) return { refused: "% MPLS not turned on in kernel, ignoring command\n" };
        const [label, gateway] = [a.int("label"), a.ip("gateway")];
        const out = a.findInt("out") ?? (a.has("explicit") ? EXPLICIT_NULL : IMPLICIT_NULL);
        z.lsps.set(label, STATIC, [...others(z, label, gateway), { gateway, label: out }]);
        return undefined;
      },
    )
    .add(
      "config",
      "no mpls lsp (16-1048575)$label [A.B.C.D$gateway [<(16-1048575)|explicit-null|implicit-null>]]",
      (z, a) => {
        const gateway = a.findIp("gateway");
        z.lsps.set(a.int("label"), STATIC, gateway === undefined ? [] : others(z, a.int("label"), gateway));
      },
    )
    .add("config", "mpls label LINE...", notBuilt("mpls label"));
}

function installInterface(): void {
  const changed = (c: Context): void => c.zebra.interfaces.configured(c.i);
  commands
    .open<Zebra, Context>("config", "interface IFNAME$name", "interface", (zebra, a) => {
      const i = zebra.interfaces.make(a.text("name"));
      return i === undefined ? tableFull("interfaces", INTERFACES_MAX) : { context: { zebra, i } };
    })
    .addIn<Context>("interface", "ip address A.B.C.D/M$p", (c, a) =>
      refusal(c.zebra.interfaces.addAddress(c.i, a.prefix("p"))),
    )
    .addIn<Context>("interface", "no ip address A.B.C.D/M$p", (c, a) =>
      refusal(c.zebra.interfaces.removeAddress(c.i, a.prefix("p"))),
    )
    .addIn<Context>("interface", "description LINE...$text", (c, a) => {
      c.i.config.description = a.text("text");
    })
    .addIn<Context>("interface", "no description [LINE...]", (c) => {
      c.i.config.description = "";
    })
    .addIn<Context>("interface", "bandwidth (1-1000000)$mbps", (c, a) => {
      c.i.config.bandwidthMbps = a.int("mbps");
      changed(c);
    })
    .addIn<Context>("interface", "no bandwidth [(1-1000000)]", (c) => {
      c.i.config.bandwidthMbps = 0;
      changed(c);
    })
    .addIn<Context>("interface", "shutdown", (c) => c.zebra.interfaces.shutdown(c.i, true))
    .addIn<Context>("interface", "no shutdown", (c) => c.zebra.interfaces.shutdown(c.i, false))
    .addIn<Context>("interface", "link-detect", (c) => {
      c.i.config.linkDetect = true;
      changed(c);
    })
    .addIn<Context>("interface", "no link-detect", (c) => {
      c.i.config.linkDetect = false;
      changed(c);
    })
    .addIn<Context>("interface", "multicast <enable|disable>$how", (c, a) => {
      c.i.config.multicast = a.text("how") === "enable";
      changed(c);
    })
    .addIn<Context>("interface", "no multicast [<enable|disable>]", (c) => {
      c.i.config.multicast = undefined;
      changed(c);
    });
}

const refusal = (why: string | undefined): Said => (why === undefined ? undefined : { refused: why });

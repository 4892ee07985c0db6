import type { CommandSet } from "../../frr/command.ts";
import type { OspfDaemon } from "./daemon.ts";

/** `clear ip ospf …`. */
export function installClear(set: CommandSet<OspfDaemon>): void {
  set.add("view", "clear ip ospf process", (d) => d.ospf.run(() => d.restart()));
  set.add("view", "clear ip ospf neighbor [A.B.C.D$id]", (d, args) =>
    d.ospf.run(() => {
      for (const oi of d.ospf.interfaces)
        for (const n of oi.neighbors.all)
          if (!args.has("id") || n.routerId === args.ip("id")) d.ospf.hooks.neighborEvent(n, "KillNbr");
    }),
  );
  set.add("view", "clear ip ospf interface [IFNAME$name]", (d, args) =>
    d.ospf.run(() => {
      for (const oi of d.ospf.interfaces) {
        if ((args.has("name") && oi.ifname !== args.text("name")) || oi.state === "Down") continue;
        d.ospf.hooks.interfaceEvent(oi, "InterfaceDown");
        d.ospf.hooks.interfaceEvent(oi, oi.type === "loopback" ? "LoopInd" : "InterfaceUp");
      }
    }),
  );
}

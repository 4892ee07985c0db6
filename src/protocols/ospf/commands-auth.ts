import type { On } from "./commands-interface.ts";
import { unset } from "./settings.ts";

/** `ip ospf authentication …` and its keys (ospfd/ospf_vty.c). */
export function installAuthentication(on: On): void {
  on("ip ospf authentication <null|message-digest>$mode", ({ settings }, args) => {
    settings.auth = args.text("mode") as "null" | "message-digest";
    settings.keyChain = undefined;
  });
  on("ip ospf authentication key-chain WORD$chain", ({ settings }, args) => {
    settings.auth = "message-digest";
    settings.keyChain = args.text("chain");
  });
  on("ip ospf authentication", ({ settings }) => {
    settings.auth = "simple";
  });
  on("no ip ospf authentication [<null|message-digest|key-chain [WORD]>]", ({ settings }) =>
    unset(settings, "auth", "keyChain"),
  );
  on("ip ospf authentication-key WORD$key", ({ settings }, args) => {
    settings.simpleKey = args.text("key").slice(0, 8);
  });
  on("no ip ospf authentication-key [WORD]", ({ settings }) => unset(settings, "simpleKey"));
  on("ip ospf message-digest-key (1-255)$id md5 WORD$key", ({ settings }, args) => {
    const id = args.int("id");
    const own = Object.hasOwn(settings, "keys") ? settings.keys : [];
    if (own.some((k) => k.id === id)) return { refused: `OSPF: Key ${id} already exists\n` };
    settings.keys = [...own, { id, secret: args.text("key").slice(0, 16), algorithm: "md5" }];
    return undefined;
  });
  on("no ip ospf message-digest-key (1-255)$id [md5 WORD]", ({ settings }, args) => {
    const left = settings.keys.filter((k) => k.id !== args.int("id"));
    if (left.length === settings.keys.length) return { refused: `OSPF: Key ${args.int("id")} does not exist\n` };
    if (left.length === 0) unset(settings, "keys");
    else settings.keys = left;
    return undefined;
  });
  on("ip ospf compatible rfc7474 [<enable|disable>$which]", ({ settings }, args) => {
    settings.strictSequence = args.find("which") !== "disable";
  });
  on("no ip ospf compatible rfc7474 [<enable|disable>]", ({ settings }) => unset(settings, "strictSequence"));
}

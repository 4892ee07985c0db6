import { refused } from "../../../core/errno.ts";
import { addVeth } from "../../../nodes/kernel/dev/veth.ts";
import { Args } from "../args.ts";
import type { Ip } from "../context.ts";
import { answer, duplicate, failure } from "../exit.ts";
import { checkNew, configureNew } from "../link-configure.ts";
import { type LinkRequest, readLinkRequest } from "../link-request.ts";
import type { LinkKind } from "./kind.ts";

const USAGE = "Usage: ip link <options> type veth [peer <options>]\nTo get <options> type 'ip link add help'";

/** Two devices with a cable between them (ip/link_veth.c). */
export const veth: LinkKind = {
  add(ip, request, args) {
    const peer = readPeer(ip, args, true);
    return (kernel) => {
      checkNew("veth", peer);
      if (peer.up) answer(refused("ENOTCONN")); // it is to go up before it has an other end
      const other = { kernel: peer.netns ?? ip.kernel, name: peer.name ?? "veth%d" };
      const near = answer(addVeth(kernel, request.name ?? "veth%d", other));
      const far = near.peer;
      if (far !== undefined) configureNew(far, peer);
      return near;
    };
  },
  change(ip, _, args) {
    readPeer(ip, args, false);
    answer(refused("EOPNOTSUPP"));
  },
  usage: USAGE,
};

/** What is said of the other end: as of any device, but for its type. */
function readPeer(ip: Ip, args: Args, making: boolean): LinkRequest {
  if (!args.more) return {};
  if (!args.is("peer")) throw failure(USAGE);
  const peer = readLinkRequest(ip, new Args(args.rest.slice(1)), making);
  if (peer.type !== undefined) throw duplicate("type", peer.type);
  return peer;
}

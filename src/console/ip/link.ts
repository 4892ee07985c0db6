import { refused } from "../../core/errno.ts";
import { BridgePort } from "../../nodes/kernel/dev/bridge-port.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { Args } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { answer, Exit, failure, notBuilt, usage } from "./exit.ts";
import { linkKind } from "./kinds/registry.ts";
import { changeLink, checkNew, checkNewMtu, configureNew } from "./link-configure.ts";
import { listLinks } from "./link-list.ts";
import { LINK_USAGE, readLinkRequest } from "./link-request.ts";

/** `ip link` (ip/iplink.c:do_iplink). */
export function link(ip: Ip, args: Args): void {
  if (!args.more) return listLinks(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return add(ip, rest);
  if (args.abbreviates("set", "change")) return set(ip, rest);
  if (args.abbreviates("replace")) throw notBuilt("ip link replace");
  if (args.abbreviates("delete")) return remove(ip, rest);
  if (args.abbreviates("show", "lst", "list")) return listLinks(ip, rest);
  for (const other of ["xstats", "afstats", "property"])
    if (args.abbreviates(other)) throw notBuilt(`ip link ${other}`);
  if (args.abbreviates("help")) return help(ip, rest);
  throw usage(`Command "${args.word}" is unknown, try "ip link help".`);
}

/** Of a kind alone it was asked for, and so is no complaint. */
function help(ip: Ip, args: Args): void {
  const kind = linkKind(args.word);
  if (kind === undefined) throw usage(LINK_USAGE);
  ip.out.text(`${kind.usage}\n`);
}

/** Kinds that may be made in another namespace than the one where the command runs: the others have their lower side there. */
const MADE_ANYWHERE = ["veth", "dummy", "bridge"];

function add(ip: Ip, args: Args): void {
  const r = readLinkRequest(ip, args, true);
  if (r.type === undefined) throw failure('Not enough information: "type" argument is required');
  const kind = linkKind(r.type);
  const kernel = r.netns ?? ip.kernel;
  if (kernel !== ip.kernel && !MADE_ANYWHERE.includes(r.type)) {
    throw notBuilt(`making a ${r.type} device in another namespace`);
  }
  if (kind?.add === undefined) {
    if (args.more) throw garbageBehind(args);
    if (r.name !== undefined && kernel.device(r.name) !== undefined) answer(refused("EEXIST"));
    throw new Exit(2, "Error: Unknown device type.");
  }
  const make = kind.add(ip, r, args);
  checkNew(r.type, r);
  if (r.name !== undefined && kernel.device(r.name) !== undefined) answer(refused("EEXIST"));
  checkNewMtu(r.type, r);
  const dev = make(kernel);
  configureNew(dev, kind.takesMtu ? { ...r, mtu: undefined } : r);
}

function set(ip: Ip, args: Args): void {
  const r = readLinkRequest(ip, args, false);
  if (r.dev === undefined) {
    for (const dev of inGroup(ip, r.group as number)) changeLink(dev, { ...r, group: undefined });
    return;
  }
  const dev = deviceNamed(ip, r.dev);
  if (r.type !== undefined && linkKind(r.type)?.add !== undefined) checkNew(r.type, r);
  if (r.type !== undefined) changeKind(ip, dev, r.type, args);
  changeLink(dev, r);
}

/** `type KIND …`: parameters of the device, or of the port that it is. */
function changeKind(ip: Ip, dev: NetDevice, type: string, args: Args): void {
  const kind = linkKind(type);
  if (kind === undefined) {
    if (args.more) throw garbageBehind(args);
    return;
  }
  const slave = type.endsWith("_slave");
  const fits = slave ? dev.rxHandler instanceof BridgePort : dev.kind === type;
  if (!args.more) return;
  if (!fits || kind.change === undefined) answer(refused("EOPNOTSUPP"));
  kind.change?.(ip, dev, args);
}

function remove(ip: Ip, args: Args): void {
  const r = readLinkRequest(ip, args, false);
  const doomed = r.dev === undefined ? inGroup(ip, r.group as number) : [deviceNamed(ip, r.dev)];
  if (doomed.length === 0) answer(refused("ENODEV"));
  for (const dev of doomed) deleteLink(dev);
}

/** Cards and the loopback cannot be deleted. */
function deleteLink(dev: NetDevice): void {
  if (dev.kind === "") answer(refused("EOPNOTSUPP"));
  dev.kernel.unregister(dev);
}

function inGroup(ip: Ip, group: number): NetDevice[] {
  return [...ip.kernel.devices()].filter((dev) => dev.group === group);
}

const garbageBehind = (args: Args): Exit =>
  args.abbreviates("help")
    ? usage(LINK_USAGE)
    : failure(`Garbage instead of arguments "${args.word} ...". Try "ip link help".`);

import type { Args } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import { LINK_USAGE, parseGroup } from "./link-request.ts";
import { isDumped, isWanted, type LinkFilter, putLink } from "./link-show.ts";

/** What `ip link show` and `ip addr show` take. */
export interface LinkSelection extends LinkFilter {
  /** The device that was named. */
  readonly dev: string | undefined;
}

/** Reads one word of a selection of devices; false when it is none (ip/ipaddress.c:ipaddr_list_flush_or_save). */
export function readSelection(
  ip: Ip,
  s: { -readonly [K in keyof LinkSelection]: LinkSelection[K] },
  args: Args,
): boolean {
  if (args.is("up")) s.up = true;
  else if (args.is("group")) s.group = parseGroup(args.next());
  else if (args.is("master")) {
    const master = ip.kernel.device(args.next());
    if (master === undefined) throw wrong("Device does not exist\n", args.word);
    s.master = master.ifindex;
  } else if (args.is("vrf")) throw notBuilt('"vrf"');
  else if (args.is("nomaster")) s.master = -1;
  else if (args.is("type")) {
    const type = args.next();
    if (type.endsWith("_slave")) s.slaveKind = type.slice(0, -"_slave".length);
    else s.kind = type;
  } else return false;
  return true;
}

/** The word at hand must be a device then. */
export function readSelected(s: { dev: string | undefined }, args: Args, help: string): void {
  if (args.is("dev")) args.next();
  else if (args.abbreviates("help")) throw usage(help);
  if (s.dev !== undefined) throw garbage("dev", args.word);
  s.dev = args.word;
}

export const everyLink = (): LinkSelection => ({
  dev: undefined,
  ifindex: 0,
  up: false,
  group: undefined,
  master: 0,
  kind: "",
  slaveKind: "",
});

/** The ifindex of the device that was named, 0 when none was. */
export function selectedIndex(ip: Ip, dev: string | undefined): number {
  if (dev === undefined) return 0;
  const found = ip.kernel.device(dev);
  if (found === undefined) throw failure(`Device "${dev}" does not exist.`);
  return found.ifindex;
}

/** `ip link show`. */
export function listLinks(ip: Ip, args: Args): void {
  const selection = { ...everyLink() };
  for (; args.more; args.step()) if (!readSelection(ip, selection, args)) readSelected(selection, args, LINK_USAGE);
  const filter: LinkFilter = { ...selection, ifindex: selectedIndex(ip, selection.dev) };
  const { out, kernel } = ip;
  const devices = selection.dev === undefined ? [...kernel.devices()] : [deviceNamed(ip, selection.dev)];
  out.begin();
  for (const dev of devices) {
    if (selection.dev === undefined && !isDumped(dev, filter)) continue;
    out.object();
    if (isWanted(dev, filter)) putLink(ip, dev, { links: true, family: "link" });
    out.endObject();
  }
  out.end();
}

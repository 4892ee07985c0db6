import type { Mac } from "../../core/addr.ts";
import type { Args } from "../ip/args.ts";
import { garbage, usage } from "../ip/exit.ts";
import { parseHex } from "../ip/values.ts";
import { integer } from "./context.ts";

/** A MAC as `sscanf` with "%hhx:…" reads it: six octets, leading zeros or not. */
export function readMac(text: string): Mac {
  const parts = text.split(":");
  const octets = parts.map((part) => (/^[0-9a-f]{1,2}$/i.test(part) ? parseHex(part, 255) : undefined));
  if (octets.length !== 6 || octets.includes(undefined)) throw usage(`Invalid mac address ${text}`);
  return (octets as number[]).reduce((mac, octet) => mac * 256 + octet, 0);
}

/** A word that can only be the address, which `to` may introduce. */
export function readAddress(args: Args, known: string | undefined): string {
  if (args.is("to")) args.next();
  if (args.abbreviates("help")) throw usage(FDB_USAGE);
  if (known !== undefined) throw garbage("to", args.word);
  return args.word;
}

/** VLANs are told once. */
export function readVlan(args: Args, known: number | undefined): number {
  if (known !== undefined) throw garbage("vlan", args.word);
  return integer(args);
}

export const FDB_USAGE = [
  "Usage: bridge fdb { add | append | del | replace } ADDR dev DEV",
  "              [ self ] [ master ] [ use ] [ extern_learn ]",
  "              [ sticky ] [ local | static | dynamic ] [ vlan VID ]",
  "              [ dst IPADDR ] [ port PORT] [ vni VNI ] [ via DEV ]",
  "       bridge fdb [ show [ br BRDEV ] [ brport DEV ] [ vlan VID ]",
  "              [ state STATE ] [ dynamic ] ]",
  "       bridge fdb get [ to ] LLADDR [ br BRDEV ] { brport | dev } DEV",
  "              [ vlan VID ] [ self ] [ master ]",
  "       bridge fdb flush dev DEV [ brport DEV ] [ vlan VID ]",
  "              [ self ] [ master ] [ [no]permanent | [no]static | [no]dynamic ]",
  "              [ [no]added_by_user ] [ [no]extern_learn ] [ [no]sticky ]",
  "              [ [no]offloaded ]",
].join("\n");

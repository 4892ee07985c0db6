import type { Encap } from "../../nodes/kernel/fib/encap.ts";
import type { Args } from "./args.ts";
import { failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import type { Printer } from "./printer.ts";
import { parseLabels, parseUnsigned } from "./values.ts";

/** Encapsulations of the real program that are refused by name. */
const UNBUILT = ["ip", "ip6", "ila", "bpf", "seg6", "seg6local", "rpl", "ioam6"];

/** `encap mpls LABELS [ttl TTL]` from `encap` on (ip/iproute_lwtunnel.c:lwt_parse_encap, parse_encap_mpls). */
export function readEncap(args: Args): Encap {
  const type = args.next();
  if (UNBUILT.includes(type)) throw notBuilt(`encap ${type}`);
  if (type === "help") throw usage("Usage: ip route ... encap mpls LABELS [ ttl TTL ]");
  if (type !== "mpls") throw wrong('"encap type" value is invalid\n', type);
  if (args.following === undefined) throw usage('Error: unexpected end of line after "encap"');
  const labels = parseLabels(args.next());
  if (labels === undefined) throw failure(`Error: an inet address is expected rather than "${args.word}".`);
  let ttl = -1;
  while (args.following === "ttl") {
    args.step();
    const value = parseUnsigned(args.next(), 255);
    if (ttl >= 0) throw garbage("ttl", args.word);
    if (value === undefined) throw wrong('"ttl" value is invalid\n', args.word);
    ttl = value;
  }
  return { labels, ttl };
}

/** ip/iproute_lwtunnel.c:lwt_print_encap. */
export function putEncap(out: Printer, encap: Encap | null | undefined): void {
  if (encap === null || encap === undefined) return;
  const labels = encap.labels.join("/");
  out.put("encap", "mpls", " encap mpls ");
  out.put("dst", labels, ` ${labels} `);
  if (encap.ttl > 0) out.put("ttl", encap.ttl, `ttl ${encap.ttl} `);
}

import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import type { QdiscSpec } from "../../nodes/kernel/tc/create.ts";
import { formatHandle, type Handle, INGRESS, ROOT } from "../../nodes/kernel/tc/handle.ts";
import { INGRESS_HANDLE } from "../../nodes/kernel/tc/ingress.ts";
import { DEFAULT_PRIOMAP } from "../../nodes/kernel/tc/pfifo-fast.ts";
import type { Qdisc } from "../../nodes/kernel/tc/qdisc.ts";
import { deleteQdisc, modifyQdisc, type Verb } from "../../nodes/kernel/tc/qdisc-requests.ts";
import { defaultKind } from "../../nodes/kernel/tc/tx-queue.ts";
import type { Args } from "../ip/args.ts";
import { usage } from "../ip/exit.ts";
import { answer, deviceNamed, illegal, notBuilt, type Tc } from "./context.ts";
import { printBands } from "./kinds/prio.ts";
import { KINDS, NOT_BUILT } from "./kinds/registry.ts";
import { duplicate, wrong } from "./parse.ts";
import { printCounters } from "./stats.ts";
import { parseClassid, parseQdiscHandle } from "./units.ts";

/** `tc qdisc` (tc/tc_qdisc.c). */
export function qdisc(tc: Tc, args: Args): void {
  const verb = args.word;
  const is = (...words: readonly string[]): boolean => args.abbreviates(...words);
  if (!args.more) return list(tc, args);
  const rest = (): Args => {
    args.step();
    return args;
  };
  if (is("add")) return modify(tc, rest(), "add");
  if (is("change")) return modify(tc, rest(), "change");
  if (is("replace")) return modify(tc, rest(), "replace");
  if (is("link")) return modify(tc, rest(), "link");
  if (is("delete")) return modify(tc, rest(), "delete");
  if (is("list", "show", "lst")) return list(tc, rest());
  if (is("help")) return tc.self.err(`${USAGE}\n`);
  throw usage(`Command "${verb}" is unknown, try "tc qdisc help".`);
}

/** What stands between the verb and the kind, and what the kind reads. */
interface Read {
  dev: string;
  handle: Handle;
  parent: Handle;
  kind: string | undefined;
  spec: QdiscSpec | undefined;
}

function modify(tc: Tc, args: Args, verb: Verb | "delete"): void {
  const r: Read = { dev: "", handle: 0, parent: 0, kind: undefined, spec: undefined };
  for (; args.more && r.kind === undefined; args.step()) readPlace(args, r);
  const named = r.dev === "" ? undefined : tc.kernel.device(r.dev);
  if (r.kind !== undefined) r.spec = readKind(tc, args, r.kind, named);
  if (r.dev === "") throw answer({ ok: false, errno: "ENODEV" });
  const dev = deviceNamed(tc, r.dev);
  const request = { dev, handle: r.handle, parent: r.parent, kind: r.kind, spec: r.spec };
  answer(verb === "delete" ? deleteQdisc(request) : modifyQdisc(request, verb));
}

function readPlace(args: Args, r: Read): void {
  if (args.is("dev")) {
    const name = args.next();
    if (r.dev !== "") throw duplicate("dev", name);
    r.dev = name;
  } else if (args.is("handle")) {
    if (r.handle !== 0) throw duplicate("handle", args.word);
    r.handle = parseQdiscHandle(args.next()) ?? invalid("invalid qdisc ID", args.word);
  } else if (args.is("root")) {
    if (r.parent !== 0) throw usage('Error: "root" is duplicate parent ID');
    r.parent = ROOT;
  } else if (args.is("clsact", "ingress")) {
    if (r.parent !== 0) throw usage(`Error: "${args.word}" is a duplicate parent ID`);
    r.parent = INGRESS;
    r.handle = INGRESS_HANDLE;
    r.kind = args.word;
  } else if (args.is("parent")) {
    const text = args.next();
    if (r.parent !== 0) throw duplicate("parent", text);
    r.parent = parseClassid(text) ?? invalid("invalid parent ID", text);
  } else if (args.abbreviates("estimator")) throw notBuilt("qdisc estimator");
  else if (args.abbreviates("stab")) throw notBuilt("qdisc stab");
  else if (args.abbreviates("ingress_block", "egress_block")) throw notBuilt(`qdisc ${args.word}`);
  else if (args.abbreviates("help")) throw usage(USAGE);
  else r.kind = args.word;
}

function invalid(why: string, argument: string): never {
  throw wrong(why, argument);
}

/** Reads the options of a kind. A kind that there is not is the kernel's to refuse. */
function readKind(tc: Tc, args: Args, kind: string, dev: NetDevice | undefined): QdiscSpec | undefined {
  if (NOT_BUILT.includes(kind)) throw notBuilt(`qdisc ${kind}`);
  const known = KINDS.get(kind);
  if (known === undefined) {
    if (args.more) throw illegal(`Unknown qdisc "${kind}", hence option "${args.word}" is unparsable`);
    return undefined;
  }
  if (kind === "pfifo_fast" && args.more) throw usage("qdisc 'pfifo_fast' does not support option parsing");
  return known.parse(args, tc, dev);
}

/** Which of the qdiscs are to be shown. */
interface Filter {
  dev: NetDevice | undefined;
  parent: Handle;
  handle: Handle;
  invisible: boolean;
}

function list(tc: Tc, args: Args): void {
  const filter: Filter = { dev: undefined, parent: 0, handle: 0, invisible: false };
  let name = "";
  for (; args.more; args.step()) {
    if (args.is("dev")) name = args.next();
    else if (args.is("root")) filter.parent = once(args, filter, ROOT);
    else if (args.is("ingress", "clsact")) filter.parent = once(args, filter, INGRESS);
    else if (args.abbreviates("parent")) {
      once(args, filter, 0);
      filter.parent = parseClassid(args.next()) ?? invalid("invalid parent ID", args.word);
    } else if (args.abbreviates("handle")) {
      once(args, filter, 0);
      filter.handle = parseQdiscHandle(args.next()) ?? invalid("invalid handle ID", args.word);
    } else if (args.is("invisible")) filter.invisible = true;
    else if (args.abbreviates("help")) throw usage(USAGE);
    else throw usage(`What is "${args.word}"? Try "tc qdisc help".`);
  }
  if (name !== "") filter.dev = deviceNamed(tc, name);
  tc.out.begin();
  for (const dev of filter.dev === undefined ? tc.kernel.devices() : [filter.dev]) listDevice(tc, dev, filter);
  tc.out.end();
}

function once(args: Args, filter: Filter, parent: Handle): Handle {
  if (filter.parent !== 0) throw wrong("parent is already specified", args.word);
  if (filter.handle !== 0) throw wrong("handle is already specified", args.word);
  return parent;
}

/** The qdiscs of a device in the order in which the kernel dumps them (net/sched/sch_api.c:tc_dump_qdisc). */
function listDevice(tc: Tc, dev: NetDevice, filter: Filter): void {
  const fits = (handle: Handle, parent: Handle): boolean =>
    (filter.handle === 0 || filter.handle === handle) && (filter.parent === 0 || filter.parent === parent);
  const tx = dev.qdisc ?? dev.ingress?.tx;
  const root = tx?.root ?? null;
  if (root !== null) {
    if (fits(root.handle, ROOT)) printQdisc(tc, dev, root, filter);
  } else if (defaultKind(dev) !== "noop" && fits(0, ROOT)) printDefault(tc, dev, filter);
  for (const below of tx?.below(filter.invisible) ?? []) {
    if (fits(below.handle, below.parent)) printQdisc(tc, dev, below, filter);
  }
  if (dev.ingress !== null && fits(dev.ingress.handle, INGRESS)) printQdisc(tc, dev, dev.ingress, filter);
}

/** What stands at the beginning of a qdisc's line. `refcnt`: 1 is not told. */
function printHead(tc: Tc, kind: string, handle: Handle, parent: Handle, dev: NetDevice, filter: Filter): void {
  const { out } = tc;
  const text = `${(handle >>> 16).toString(16)}:`;
  out.put("kind", kind, `qdisc ${kind}`);
  out.put("handle", text, ` ${text}`);
  if (tc.options.raw) out.text(`[${handle.toString(16).padStart(8, "0")}]`);
  out.text(" ");
  if (filter.dev === undefined) out.put("dev", dev.name, `dev ${dev.name} `);
  if (parent === ROOT) {
    out.put("root", true, "root ");
    out.put("refcnt", ROOT_REFERENCES, `refcnt ${ROOT_REFERENCES} `);
  } else if (parent !== 0) out.put("parent", formatHandle(parent), `parent ${formatHandle(parent)} `);
}
/** The device and its one queue hold on to the qdisc at the top. */
const ROOT_REFERENCES = 2;

function printQdisc(tc: Tc, dev: NetDevice, qdisc: Qdisc, filter: Filter): void {
  const { out } = tc;
  out.object();
  printHead(tc, qdisc.kind, qdisc.handle, qdisc.parent, dev, filter);
  const kind = KINDS.get(qdisc.kind);
  out.object("options");
  kind?.print(qdisc, tc);
  out.endObject();
  out.newline();
  if (tc.options.stats) {
    const { bytes, packets, drops, overlimits, requeues, backlog, qlen } = qdisc;
    const queue = { drops, overlimits, requeues, backlog, qlen };
    printCounters(tc, { sent: { bytes, packets }, queue }, " ");
    out.newline();
    if (kind?.printStats?.(qdisc, tc)) out.newline();
  }
  out.endObject();
}

/** What stands on a device of its own accord: a card's queue has sent what the card has. */
function printDefault(tc: Tc, dev: NetDevice, filter: Filter): void {
  const { out } = tc;
  const kind = defaultKind(dev);
  out.object();
  printHead(tc, kind, 0, ROOT, dev, filter);
  out.object("options");
  if (kind === "pfifo_fast") printBands(tc, 3, DEFAULT_PRIOMAP);
  out.endObject();
  out.newline();
  if (tc.options.stats) {
    const queues = kind === "pfifo_fast";
    const sent = queues ? { bytes: dev.stats.txBytes, packets: dev.stats.txPackets } : { bytes: 0, packets: 0 };
    const drops = queues ? dev.stats.txDropped : 0;
    printCounters(tc, { sent, queue: { drops, overlimits: 0, requeues: 0, backlog: 0, qlen: 0 } }, " ");
    out.newline();
  }
  out.endObject();
}

const USAGE = [
  "Usage: tc qdisc { add | del | replace | change | link } dev STRING [ handle QHANDLE ]",
  "                { root | ingress | clsact | parent CLASSID } [ QDISC_KIND [ help | OPTIONS ] ]",
  "       tc qdisc { show | list } [ dev STRING ] [ root | ingress | handle QHANDLE | parent CLASSID ] [ invisible ]",
].join("\n");

import { type Errno, strerror } from "../../core/errno.ts";
import type { Conntrack } from "../../nodes/kernel/netfilter/conntrack/conntrack.ts";
import {
  changeFlow,
  createFlow,
  deleteFlow,
  type FlowChange,
  flowOf,
} from "../../nodes/kernel/netfilter/conntrack/ctnetlink.ts";
import type { ConntrackEvent } from "../../nodes/kernel/netfilter/conntrack/events.ts";
import { Tuple } from "../../nodes/kernel/netfilter/conntrack/tuple.ts";
import { type FlowView, viewFlow } from "../../nodes/kernel/netfilter/conntrack/view.ts";
import { netfilter } from "../../nodes/kernel/netfilter/hooks.ts";
import type { NatRange } from "../../nodes/kernel/netfilter/nat/range.ts";
import type { SystemProcess } from "../process.ts";
import { fits, fitsState, fitsTuples } from "./filter.ts";
import { entryLine, eventLine, expectLine } from "./format.ts";
import { illegal } from "./legal.ts";
import { Complaint, type Line, type NatWord, readLine } from "./options.ts";
import { USAGE } from "./usage.ts";

const NAME = "conntrack v1.4.7 (conntrack-tools)";
const PARAMETER_PROBLEM = 2;

/** `conntrack` of conntrack-tools 1.4.7: the flows of a node, shown, made, changed, deleted, and watched. */
export function conntrack(self: SystemProcess): void {
  const line = readLine(self.args);
  const why = line instanceof Complaint ? line.text : illegal(line);
  if (why !== undefined || line instanceof Complaint) {
    self.err(`${NAME}: ${why}\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`);
    return self.exit(PARAMETER_PROBLEM);
  }
  if (line.warnings !== "") self.err(line.warnings);
  new Run(self, line).run();
}

/** One run of the program. */
class Run {
  readonly #self: SystemProcess;
  readonly #line: Line;
  readonly #ct: Conntrack;

  constructor(self: SystemProcess, line: Line) {
    this.#self = self;
    this.#line = line;
    this.#ct = netfilter(self.kernel).conntrack;
  }

  run(): void {
    const { table, command } = this.#line;
    if (table === "expect") return this.#expectations();
    switch (command) {
      case "L":
        return this.#list();
      case "G":
        return this.#get();
      case "D":
        return this.#delete();
      case "I":
      case "A":
        return this.#create(command === "A");
      case "U":
        return this.#update();
      case "E":
        return this.#watch();
      case "F":
        for (const flow of this.#flows()) if (!this.#line.ipv6) deleteFlow(this.#ct, flow.slot, this.#port());
        return this.#end("connection tracking table has been emptied.");
      case "C":
        this.#self.out(`${this.#ct.table.count}\n`);
        return this.#self.exit(0);
      case "S":
        return this.#statistics();
      case "V":
        this.#self.out(`${NAME.replace(":", "")}\n`);
        return this.#self.exit(0);
      default:
        this.#self.out(USAGE);
        return this.#self.exit(0);
    }
  }

  #list(): void {
    const line = this.#line;
    const filtered = [...line.given].some((name) => !["zero", "output", "family"].includes(name));
    if (line.given.has("zero") && filtered) {
      this.#self.err(
        `${NAME}: Can't use -z with filtering parameters\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`,
      );
      return this.#self.exit(PARAMETER_PROBLEM);
    }
    if (line.status === 0) return this.#fail("invalid parameters");
    // Flows that are not confirmed yet, or dying, belong to packets that are on their way: none is while a command runs.
    const shown = line.table === "conntrack" ? this.#flows().filter((f) => fits(line, f) && fitsState(line, f)) : [];
    for (const flow of shown) this.#self.out(`${this.#entry(flow)}\n`);
    if (line.given.has("zero")) this.#ct.table.counters?.fill(0);
    this.#end(`${shown.length} flow entries have been shown.`);
  }

  #get(): void {
    const wanted = this.#tuple();
    if (wanted === undefined) return this.#fail("invalid parameters");
    const slot = flowOf(this.#ct, wanted);
    if (slot === undefined) return this.#fail("such conntrack doesn't exist");
    this.#self.out(`${this.#entry(this.#view(slot), 2)}\n`);
    this.#end("1 flow entries have been shown.");
  }

  #delete(): void {
    const line = this.#line;
    const found = this.#flows().filter((f) => fits(line, f) && fitsState(line, f));
    for (const flow of found) {
      deleteFlow(this.#ct, flow.slot, this.#port());
      this.#self.out(`${this.#entry(flow)}\n`);
    }
    this.#end(`${found.length} flow entries have been deleted.`, found.length === 0);
  }

  #create(add: boolean): void {
    const line = this.#line;
    const { fields } = line;
    const reply = this.#replyTuple();
    const original = line.src === undefined ? inverse(reply) : this.#tuple();
    if (original === undefined) return this.#fail("invalid parameters");
    const source = line["src-nat"] && natRange(line["src-nat"]);
    const destination = line["dst-nat"] && natRange(line["dst-nat"]);
    const made = createFlow(
      this.#ct,
      netfilter(this.#self.kernel).nat,
      {
        original,
        timeoutS: line.timeoutS ?? 0,
        ...(reply !== undefined && { reply }),
        ...(line.status !== undefined && { status: line.status }),
        ...(line.mark !== undefined && { mark: line.mark.value }),
        ...(fields.state !== undefined && { tcpState: fields.state }),
        ...(source !== undefined && { source }),
        ...(destination !== undefined && { destination }),
      },
      this.#port(),
    );
    if (!made.ok && !(add && made.errno === "EEXIST")) return this.#fail(refusal(made.errno));
    this.#end(`${made.ok ? 1 : 0} flow entries have been ${add ? "added" : "created"}.`);
  }

  #update(): void {
    const line = this.#line;
    const { mark, status, timeoutS } = line;
    let updated = 0;
    for (const flow of this.#flows()) {
      if (!fitsTuples(line, flow)) continue;
      const change: FlowChange = {
        ...(mark !== undefined && { mark: ((flow.mark & ~mark.mask) ^ mark.value) >>> 0 }),
        ...(status !== undefined && { status: flow.status | status }),
        ...(timeoutS !== undefined && timeoutS !== flow.timeoutS && { timeoutS }),
        ...(line.fields.state !== undefined && !fitsState(line, flow) && { tcpState: line.fields.state }),
      };
      const same = (change.mark ?? flow.mark) === flow.mark && (change.status ?? flow.status) === flow.status;
      if (same && change.timeoutS === undefined && change.tcpState === undefined) continue;
      // The kernel is told no family, and does not know what the tuples are.
      if (!line.familyKnown) {
        this.#self.err(`Operation failed: ${strerror("EOPNOTSUPP")}\n`);
        return this.#fail(strerror("EOPNOTSUPP"));
      }
      const done = changeFlow(this.#ct, flow.slot, change, this.#port());
      if (!done.ok) this.#self.err(`Operation failed: ${refusal(done.errno)}\n`);
      this.#self.out(`${this.#entry(this.#view(flow.slot), 2)}\n`);
      updated++;
    }
    this.#end(`${updated} flow entries have been updated.`, updated === 0);
  }

  /** Prints what happens until it is interrupted. */
  #watch(): void {
    const line = this.#line;
    let shown = 0;
    const wanted = (e: ConntrackEvent): boolean =>
      (line.events.size === 0 || line.events.has(e.type === "UPDATE" ? "UPDATES" : e.type)) &&
      fits(line, e.flow) &&
      fitsState(line, e.flow);
    const stop = this.#ct.events.listen((e) => {
      if (!wanted(e)) return;
      this.#self.out(`${eventLine(e, line.output)}\n`);
      shown++;
    });
    this.#self.onInterrupt(() => {
      stop();
      this.#end(`${shown} flow events have been shown.`);
    });
  }

  #statistics(): void {
    const { found, invalid, insert, insertFailed, drop, error } = this.#ct.stats;
    const early = this.#ct.table.earlyDrops;
    this.#self.out(
      `cpu=0   \tfound=${found} invalid=${invalid} insert=${insert} insert_failed=${insertFailed} drop=${drop} early_drop=${early} error=${error} search_restart=0 clash_resolve=0 chaintoolong=0 \n`,
    );
    this.#self.exit(0);
  }

  #expectations(): void {
    const { expectations } = this.#ct;
    const { command, ipv6, output } = this.#line;
    const list = ipv6 ? [] : expectations.list();
    switch (command) {
      case "L":
        if (output.extended || output.id || output.ktimestamp || output.timestamp) break;
        for (const e of list) this.#self.out(`${expectLine(e, this.#view(e.master), this.#now)}\n`);
        return this.#end(`${list.length} expectations have been shown.`);
      case "F":
        expectations.flush();
        return this.#end("expectation table has been emptied.");
      case "C":
        this.#self.out(`${list.length}\n`);
        return this.#self.exit(0);
      case "S": {
        const { met, created, deleted } = expectations.stats;
        this.#self.out(`cpu=0   \texpect_new=${met} expect_create=${created} expect_delete=${deleted} \n`);
        return this.#self.exit(0);
      }
      default:
    }
    this.#self.err(`${NAME}: -${command} expect is not built with these options: expectations are made by helpers\n`);
    this.#self.exit(PARAMETER_PROBLEM);
  }

  // --- inside --------------------------------------------------------------------------------------------------

  get #now(): number {
    return this.#self.kernel.sim.now;
  }
  #view(slot: number): FlowView {
    return viewFlow(this.#ct.table, slot, this.#now);
  }
  #flows(): FlowView[] {
    return [...this.#ct.table.slots(this.#now)].map((slot) => this.#view(slot));
  }
  #entry(flow: FlowView, use = 1): string {
    return entryLine(flow, this.#line.output, this.#now, use);
  }

  /** The original direction, as the options tell it. */
  #tuple(): Tuple | undefined {
    const { src, dst, fields: f, protocol } = this.#line;
    if (src === undefined || dst === undefined) return undefined;
    return tupleOf(src.address, dst.address, protocol?.number ?? 0, f.sport ?? f.srckey, f.dport ?? f.dstkey, f);
  }
  #replyTuple(): Tuple | undefined {
    const line = this.#line;
    const { fields: f, protocol } = line;
    const [src, dst] = [line["reply-src"], line["reply-dst"]];
    if (src === undefined || dst === undefined) return undefined;
    const low = f.replySport ?? f.replySrckey ?? f.dport ?? f.dstkey;
    return tupleOf(
      src.address,
      dst.address,
      protocol?.number ?? 0,
      low,
      f.replyDport ?? f.replyDstkey ?? f.sport ?? f.srckey,
      f,
    );
  }

  #port(): number {
    return netfilter(this.#self.kernel).conntrack.nextPortId();
  }

  #fail(why: string): void {
    this.#self.err(`${NAME}: Operation failed: ${why}\n`);
    this.#self.exit(1);
  }
  #end(text: string, failed = false): void {
    this.#self.err(`${NAME}: ${text}\n`);
    this.#self.exit(failed ? 1 : 0);
  }
}

function tupleOf(
  src: number,
  dst: number,
  protocol: number,
  high: number | undefined,
  low: number | undefined,
  f: Line["fields"],
): Tuple {
  const t = new Tuple();
  const ports =
    f.type === undefined ? ((high ?? 0) << 16) | (low ?? 0) : ((f.id ?? 0) << 16) | (f.type << 8) | (f.code ?? 0);
  t.set(src, dst, ports, protocol);
  return t;
}

function inverse(t: Tuple | undefined): Tuple | undefined {
  const inverted = new Tuple();
  return t !== undefined && inverted.invert(t) ? inverted : undefined;
}

const natRange = ({ address, port }: NatWord): NatRange => ({
  ...(address !== undefined && { minAddress: address, maxAddress: address }),
  ...(port !== undefined && { minPort: port, maxPort: port }),
});

/** src/conntrack.c:err2str. */
function refusal(errno: Errno): string {
  if (errno === "EEXIST") return "Such conntrack exists, try -U to update";
  if (errno === "EINVAL") return "invalid parameters";
  if (errno === "ENOMEM") return "not enough memory";
  if (errno === "EPERM") return "sorry, you must be root or get CAP_NET_ADMIN capability to do this";
  return strerror(errno);
}

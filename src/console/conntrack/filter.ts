import {
  IPS_ASSURED,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
} from "../../nodes/kernel/netfilter/conntrack/flow.ts";
import { TCP_STATE_NAMES } from "../../nodes/kernel/netfilter/conntrack/tcp-states.ts";
import type { FlowView, TupleView } from "../../nodes/kernel/netfilter/conntrack/view.ts";
import type { AddressWord, Line, NatWord } from "./options.ts";

const KNOWN_STATUS = IPS_ASSURED | IPS_SEEN_REPLY | IPS_FIXED_TIMEOUT | IPS_EXPECTED;

/** Whether an entry is one that a line asks for: translation, mark, status and tuples. */
export function fits(line: Line, flow: FlowView): boolean {
  return fitsTuples(line, flow) && fitsMark(line, flow) && fitsStatus(line, flow);
}

/** The same without mark and status, which `-U` sets. */
export function fitsTuples(line: Line, flow: FlowView): boolean {
  if (line.ipv6 || !fitsNat(line, flow)) return false;
  if (line.protocol !== undefined && line.protocol.number !== flow.protocol) return false;
  const { original: o, reply: r } = flow;
  if (!inside(line.src, o.src) || !inside(line.dst, o.dst)) return false;
  return inside(line["reply-src"], r.src) && inside(line["reply-dst"], r.dst) && fitsFields(line, o, r);
}

/** Whether a TCP connection is in the state that a line asks for. */
export const fitsState = (line: Line, flow: FlowView): boolean =>
  line.fields.state === undefined || TCP_STATE_NAMES[line.fields.state] === flow.state;

function fitsFields({ fields: f }: Line, o: TupleView, r: TupleView): boolean {
  const same = (wanted: number | undefined, is: number | undefined): boolean => wanted === undefined || wanted === is;
  return (
    same(f.sport, o.sport) &&
    same(f.dport, o.dport) &&
    same(f.replySport, r.sport) &&
    same(f.replyDport, r.dport) &&
    same(f.type, o.type) &&
    same(f.code, o.code) &&
    same(f.id, o.id) &&
    same(f.srckey, o.srckey) &&
    same(f.dstkey, o.dstkey) &&
    same(f.replySrckey, r.srckey) &&
    same(f.replyDstkey, r.dstkey)
  );
}

const inside = (wanted: AddressWord | undefined, address: number): boolean =>
  wanted === undefined || ((wanted.address ^ address) & wanted.mask) === 0;

const fitsMark = ({ mark }: Line, flow: FlowView): boolean =>
  mark === undefined || (flow.mark & mark.mask) >>> 0 === mark.value;

const fitsStatus = ({ status }: Line, flow: FlowView): boolean =>
  status === undefined || (flow.status & status & KNOWN_STATUS) === status;

function fitsNat(line: Line, flow: FlowView): boolean {
  const { original: o, reply: r, status } = flow;
  const source = (w: NatWord): boolean => translated(w, (status & IPS_SRC_NAT) !== 0, o.src, r.dst, o.sport, r.dport);
  const destination = (w: NatWord): boolean =>
    translated(w, (status & IPS_DST_NAT) !== 0, o.dst, r.src, o.dport, r.sport);
  const any = line["any-nat"];
  if (any !== undefined && !source(any) && !destination(any)) return false;
  if (line["src-nat"] !== undefined && !source(line["src-nat"])) return false;
  return line["dst-nat"] === undefined || destination(line["dst-nat"]);
}

/** Whether one end was translated, to the address and port that are asked for (nfct_getobjopt's IS_SNAT, IS_SPAT and so on). */
function translated(
  { address, port }: NatWord,
  done: boolean,
  from: number,
  to: number,
  fromPort: number | undefined,
  toPort: number | undefined,
): boolean {
  const moved = done && from !== to;
  const movedPort = done && fromPort !== toPort;
  if (address === undefined && port === undefined) return moved || movedPort;
  if (address !== undefined && !(moved && address === to)) return false;
  return port === undefined || (movedPort && port === toPort);
}

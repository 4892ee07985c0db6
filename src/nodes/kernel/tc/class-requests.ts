import { granted, type Outcome, refused } from "../../../core/errno.ts";
import type { NetDevice } from "../netdev.ts";
import { type Handle, majorOf, makeHandle, minorOf, ROOT } from "./handle.ts";
import { Htb, type HtbClassOptions, type Remark } from "./htb.ts";
import { ClassfulQdisc, type Qdisc } from "./qdisc.ts";

/** What `tc class` asks of the kernel. 0: not given. */
export interface ClassRequest {
  readonly dev: NetDevice;
  readonly classid: Handle;
  readonly parent: Handle;
  readonly options?: HtbClassOptions | undefined;
}

interface Place {
  readonly qdisc: Qdisc;
  readonly classid: Handle;
  readonly parent: Handle;
}

/** net/sched/sch_api.c:tc_ctl_tclass with RTM_NEWTCLASS. */
export function modifyClass(request: ClassRequest, verb: "add" | "change" | "replace"): Outcome<Remark> {
  const place = locate(request);
  if (!place.ok) return place;
  const { qdisc, classid, parent } = place.value;
  const known = qdisc instanceof ClassfulQdisc && classid !== 0 && qdisc.hasClass(classid);
  if (known && verb === "add") return refused("EEXIST");
  if (!known && verb === "change") return refused("ENOENT");
  if (!(qdisc instanceof Htb)) return refused("EOPNOTSUPP");
  if (request.options === undefined) return refused("EINVAL");
  return qdisc.changeClass(classid, parent, request.options);
}

/** net/sched/sch_api.c:tc_ctl_tclass with RTM_DELTCLASS. */
export function deleteClass(request: ClassRequest): Outcome<Remark> {
  const place = locate(request);
  if (!place.ok) return place;
  const { qdisc, classid } = place.value;
  if (!(qdisc instanceof ClassfulQdisc) || classid === 0 || !qdisc.hasClass(classid)) return refused("ENOENT");
  if (!(qdisc instanceof Htb)) return refused("EOPNOTSUPP");
  const deleted = qdisc.deleteClass(classid);
  return deleted.ok ? granted({ warning: "" }) : deleted;
}

/** The qdisc that class and parent belong to, with both handles complete. */
function locate({ dev, classid, parent }: ClassRequest): Outcome<Place> {
  const top = dev.qdisc?.root?.handle ?? 0;
  const given = parent === ROOT ? 0 : majorOf(parent);
  let major = majorOf(classid);
  if (major !== 0 && given !== 0 && major !== given) return refused("EINVAL");
  if (major === 0) major = given === 0 ? top : given;
  const qdisc = major === 0 ? undefined : dev.qdisc?.find(major);
  if (qdisc === undefined) return refused("ENOENT");
  if (!hasClasses(qdisc)) return refused("EINVAL");
  const complete = (id: Handle): Handle => (id === 0 ? 0 : makeHandle(major >>> 16, minorOf(id)));
  const whole = parent === ROOT ? ROOT : complete(parent);
  return granted({ qdisc, parent: whole, classid: classid === 0 && parent === ROOT ? major : complete(classid) });
}

/** Kinds whose flows are classes for listings only have class operations too. */
const hasClasses = (qdisc: Qdisc): boolean =>
  qdisc instanceof ClassfulQdisc || qdisc.kind === "sfq" || qdisc.kind === "fq_codel" || qdisc.kind === "ingress";

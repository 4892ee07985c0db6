import { refused } from "../../core/errno.ts";
import { type Action, actionOf } from "../../nodes/kernel/tc/actions/action.ts";
import { Gact } from "../../nodes/kernel/tc/actions/gact.ts";
import { Mirred } from "../../nodes/kernel/tc/actions/mirred.ts";
import { TC_OK, type Verdict } from "../../nodes/kernel/tc/filters/filter.ts";
import { type Args, abbreviates } from "../ip/args.ts";
import { type Exit, usage } from "../ip/exit.ts";
import { answer, illegal, notBuilt, REMARK, type Tc } from "./context.ts";
import { parsePolice } from "./police.ts";
import { parseUnsigned } from "./units.ts";
import { Unreadable } from "./unreadable.ts";
import { verdictOf } from "./verdicts.ts";

/**
 * The actions behind a filter: the word at hand is the one behind `action` (tc/m_action.c:parse_action). What goes wrong is
 * said of the `kind` of filter.
 */
export function parseActions(tc: Tc, args: Args, kind: string): readonly Action[] {
  const actions: Action[] = [];
  let expected = false;
  while (args.more) {
    if (args.is("action")) {
      args.step();
      expected = true;
      continue;
    }
    if (args.is("flowid", "classid")) break;
    if (args.is("help")) throw illegal(`Illegal ${kind}"action"`);
    expected = false;
    actions.push(parseAction(tc, args, kind));
  }
  if (expected) throw badValue(kind, args.rest, "bad action empty 1");
  return actions;
}

function parseAction(tc: Tc, args: Args, kind: string): Action {
  const { rest, word } = args;
  try {
    if (word === "gact" || verdictOf(word) !== undefined) return parseGact(tc, args);
    if (word === "mirred") return parseMirred(tc, args);
    if (word === "police") {
      args.next();
      return parsePolice(tc, args);
    }
  } catch (why) {
    throw why instanceof Unreadable ? badValue(kind, rest, ...why.lines, "bad action parsing") : why;
  }
  if (OTHERS.includes(word)) throw notBuilt(`action ${word}`);
  throw usage(`Bad action type ${word}\n${GACT_USAGE}`);
}
const OTHERS = ["bpf", "connmark", "csum", "ct", "ctinfo", "gate", "ife", "mpls", "nat", "pedit", "sample", "simple"];
OTHERS.push("skbedit", "skbmod", "tunnel_key", "vlan", "xt", "ipt");

const GACT_USAGE = "Usage: ... gact { reclassify | drop | continue | pass | pipe } [ index INDEX ]";

/** `rest`: the words from the action that cannot be read on. */
function badValue(kind: string, rest: readonly string[], ...why: readonly string[]): Exit {
  const told = `parse_action: bad value (${rest.length}:${rest[0] ?? "(null)"})!`;
  return illegal(...why, told, `Illegal ${kind}"action"`);
}

/** tc/m_gact.c:parse_gact. */
function parseGact(tc: Tc, args: Args): Action {
  if (abbreviates(args.word, "gact")) args.next();
  let verdict: Verdict = TC_OK;
  if (!args.abbreviates("index")) {
    const read = verdictOf(args.word);
    if (read === undefined) throw usage(`Bad action type ${args.word}\n${GACT_USAGE}`);
    verdict = read;
    args.step();
    if (args.more && args.abbreviates("random")) throw notBuilt("gact random");
  }
  const index = optionalIndex(args);
  return known(tc, "gact", index) ?? new Gact(tc.kernel, verdict, index);
}

/** An action that filters have under a number is had by another, as it is. */
const known = (tc: Tc, kind: Action["kind"], index: number): Action | undefined =>
  index === 0 ? undefined : actionOf(tc.kernel, kind, index);

/** 0: none is given. */
function optionalIndex(args: Args): number {
  if (!args.more || !args.abbreviates("index")) return 0;
  const index = parseUnsigned(args.next(), 10);
  if (index === undefined) throw new Unreadable('Illegal "index"');
  args.step();
  return index;
}

/** tc/m_mirred.c:parse_direction: what it does not know, it passes over. */
function parseMirred(tc: Tc, args: Args): Action {
  args.next();
  if (args.abbreviates("ingress")) throw notBuilt("mirred ingress");
  if (args.abbreviates("index")) return boundMirred(tc, args);
  if (!args.abbreviates("egress")) throw new Unreadable(`mirred option not supported ${args.word}`);
  let redirect: boolean | undefined;
  for (args.next(); redirect === undefined || !args.abbreviates("dev"); args.next()) {
    if (args.abbreviates("ingress")) throw new Unreadable("Can't have both ingress and egress");
    const asked = args.abbreviates("mirror") ? false : args.abbreviates("redirect") ? true : undefined;
    if (asked === undefined) continue;
    if (redirect === !asked) throw new Unreadable("Can't have both mirror and redir");
    redirect = asked;
  }
  const dev = tc.kernel.device(args.next());
  if (dev === undefined) throw new Unreadable(`Cannot find device "${args.word}"`);
  args.step();
  const verdict = redirect || !args.more ? undefined : verdictOf(args.word);
  if (verdict !== undefined) args.step();
  const index = optionalIndex(args);
  return known(tc, "mirred", index) ?? new Mirred(tc.kernel, dev, redirect, verdict, index);
}

function boundMirred(tc: Tc, args: Args): Action {
  const action = known(tc, "mirred", optionalIndex(args));
  if (action === undefined) throw answer(refused("EINVAL", "act_mirred: Specified device does not exist"), REMARK);
  return action;
}

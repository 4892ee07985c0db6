import { addDummy } from "../../../nodes/kernel/dev/dummy.ts";
import { answer, failure } from "../exit.ts";
import type { LinkKind } from "./kind.ts";

/** A device that drops what is sent on it. */
export const dummy: LinkKind = {
  add(_, request, args, kernel) {
    if (args.more) throw failure(`Garbage instead of arguments "${args.word} ...". Try "ip link help".`);
    return answer(addDummy(kernel, request.name ?? "dummy%d"));
  },
};

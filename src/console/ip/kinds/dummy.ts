import { addDummy } from "../../../nodes/kernel/dev/dummy.ts";
import { answer } from "../exit.ts";
import { type LinkKind, unknownOption } from "./kind.ts";

/** A device that drops what is sent on it. */
export const dummy: LinkKind = {
  add(_, request, args) {
    if (args.more) throw unknownOption("dummy", args.word);
    return (kernel) => answer(addDummy(kernel, request.name ?? "dummy%d"));
  },
  usage: "Usage: ... dummy",
};

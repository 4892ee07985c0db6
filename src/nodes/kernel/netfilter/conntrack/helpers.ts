import { ftp } from "./ftp.ts";
import type { Helper } from "./helper.ts";

const HELPERS: readonly Helper[] = [ftp];

/** The helper of that name. None runs unless a rule gives it a flow (`-j CT --helper`). */
export const helperNamed = (name: string): Helper | undefined => HELPERS.find((h) => h.name === name);

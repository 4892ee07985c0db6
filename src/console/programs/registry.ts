import type { Program } from "../../core/os.ts";
import { ping } from "./ping.ts";

/** The programs that need the system calls alone, by name: one line each. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([["ping", ping]]);

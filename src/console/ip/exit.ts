import { type Errno, type Outcome, type Refused, strerror } from "../../core/errno.ts";

/** Ends the command from wherever it is, as the real program does with `exit(3)`: caught in one place, by `ip`. */
export class Exit extends Error {
  /** 1: something that was named does not exist; 2: the kernel refused; 255: the command cannot be understood. */
  readonly status: number;

  /** `message` goes to standard error, a line end behind it. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The command cannot be understood: status 255. */
export const usage = (message: string): Exit => new Exit(255, message);
/** The arguments do not fit together, or name what is not there: status 1. */
export const failure = (message: string): Exit => new Exit(1, message);
/** What the real program can do and this one cannot. */
export const notBuilt = (what: string): Exit => new Exit(255, `ip: ${what} is not built`);

/** A value that is wrong (lib/utils.c:invarg). `why` often ends with a line end of its own there. */
export const wrong = (why: string, argument: string): Exit => usage(`Error: argument "${argument}" is wrong: ${why}`);
/** An option that was given before (lib/utils.c:duparg). */
export const duplicate = (key: string, argument: string): Exit =>
  usage(`Error: duplicate "${key}": "${argument}" is the second value.`);
/** A word that could only be a second value of `key` (lib/utils.c:duparg2). */
export const garbage = (key: string, argument: string): Exit =>
  usage(`Error: either "${key}" is duplicate, or "${argument}" is a garbage.`);
/** lib/utils.c:nodev. */
export const noDevice = (name: string): Exit => failure(`Cannot find device "${name}"`);

/** The value of a request that the kernel granted; its refusal ends the command. */
export function answer<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Exit(2, refusal(outcome));
}

/** How a refusal is told (lib/libnetlink.c:rtnl_talk_error): in the kernel's words, or those of its errno. */
export function refusal(refused: Refused): string {
  const { detail } = refused;
  if (detail === undefined || detail === "") return errnoLine(refused.errno);
  return `Error: ${detail}${detail.endsWith(".") ? "" : "."}`;
}

export const errnoLine = (errno: Errno): string => `RTNETLINK answers: ${strerror(errno)}`;

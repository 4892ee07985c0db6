import type { z } from "zod";
import type { Net } from "./net.ts";

/** A scenario: a story that builds a network, moves time, and says what must hold. */
export interface Scenario<P extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** One sentence: what it shows. */
  readonly title: string;
  /** Its parameters, with defaults and descriptions: what `--set key=value` may set. */
  readonly parameters: P;
  /** Interfaces captured unless `--pcap` says otherwise: `r1-eth0`, `r2-*`. */
  readonly captures: readonly string[];
  readonly story: (net: Net, parameters: z.infer<P>) => void;
}

/** Defines a scenario; it is its file's default export. */
export const scenario = <P extends z.ZodObject>(definition: Scenario<P>): Scenario<P> => definition;

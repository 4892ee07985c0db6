import { z } from "zod";
import { LabError } from "../errors.ts";

/** A topology of FRR's tests with what FRR's own tables say: the form of a case file. */

const data = z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]);

const expectation = z.object({
  node: z.string(),
  what: z.enum([
    "ospf routes",
    "ospf neighbors",
    "ospf lsdb external",
    "rib",
    "bgp table",
    "bgp received",
    "bgp adj-in",
    "bgp advertised",
    "bgp neighbors",
    "bgp neighbor accepted",
    "bgp count",
  ]),
  match: z.enum(["subset", "exact"]),
  data,
  prefixes: z.array(z.string()).optional(),
  peer: z.string().optional(),
  /** Keys that must not be there. */
  absent: z.array(z.string()).optional(),
  from: z.string().optional(),
});

const action = z.discriminatedUnion("do", [
  z.object({ do: z.literal("config"), node: z.string(), lines: z.array(z.string()) }),
  z.object({ do: z.literal("exec"), node: z.string(), command: z.string() }),
  z.object({ do: z.literal("cable"), end: z.string(), state: z.enum(["cut", "joined"]) }),
  z.object({ do: z.literal("iface"), end: z.string(), state: z.enum(["up", "down"]) }),
]);

const testCase = z.object({
  format: z.literal(1),
  name: z.string(),
  title: z.string().optional(),
  nodes: z.record(
    z.string(),
    z.object({ daemons: z.array(z.string()), interfaces: z.array(z.string()), config: z.string() }),
  ),
  links: z.array(z.object({ a: z.string(), b: z.string() })),
  within_s: z.number().positive(),
  expect: z.array(expectation),
  actions: z
    .array(
      z.object({
        id: z.string(),
        do: z.array(action),
        within_s: z.number().positive(),
        settle_s: z.number().nonnegative().optional(),
        expect: z.array(expectation),
      }),
    )
    .default([]),
});

export type Expectation = z.infer<typeof expectation>;
export type Action = z.infer<typeof action>;
export type TestCase = z.infer<typeof testCase>;

/** Reads a case. `path` is for messages. */
export function parseCase(path: string, text: string): TestCase {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new LabError(`${path}: not JSON: ${(error as Error).message}`);
  }
  const got = testCase.safeParse(json);
  if (got.success) return got.data;
  const issue = got.error.issues[0];
  throw new LabError(`${path}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a case"}`);
}

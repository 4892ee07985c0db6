import { buildClab } from "../../../src/lab/clab/build.ts";
import type { ClabLab } from "../../../src/lab/clab/lab.ts";
import { parseClab } from "../../../src/lab/clab/parse.ts";
import { LabError } from "../../../src/lab/errors.ts";
import { type Check, Net } from "../../../src/lab/net.ts";

export const FILE = "t.clab.yml";

export const parse = (text: string): ClabLab => parseClab(text, FILE);

/** The one line with which a text is refused. */
export function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof LabError) return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

/** A topology around a few lines of nodes and links. */
export const topology = (nodes: string, links = ""): string =>
  `name: t\ntopology:\n  nodes:\n${indent(nodes)}${links === "" ? "" : `  links:\n${indent(links)}`}`;

const indent = (text: string): string =>
  text
    .trim()
    .split("\n")
    .map((line) => `    ${line}\n`)
    .join("");

/** A lab that was built, with everything that was said about it. */
export interface Built {
  readonly net: Net;
  readonly said: string[];
  readonly warned: string[];
  readonly checked: Check[];
}

/** Builds a lab; `files` are those that it binds. */
export function build(text: string, files: Readonly<Record<string, string>> = {}): Built {
  const built = { said: [] as string[], warned: [] as string[], checked: [] as Check[] };
  const lab = parse(text);
  const net = new Net(lab.seed ?? 1, {
    said: (s) => built.said.push(s),
    warned: (s) => built.warned.push(s),
    checked: (c) => built.checked.push(c),
  });
  buildClab(net, lab, (path) => {
    const file = files[path];
    if (file === undefined) throw new LabError(`${path}: no such file`);
    return file;
  });
  return { net, ...built };
}

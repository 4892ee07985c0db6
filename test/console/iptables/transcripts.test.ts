import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { replay } from "../../harness/transcript.ts";

// Recorded with record.sh from iptables 1.8.9 (nf_tables) of Debian 12 on Linux 6.18.
const folder = new URL("golden/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

it("finds the transcripts", () => expect(names.length).toBeGreaterThan(0));

it.each(names)("answers as the real iptables does: %s", (name) => {
  const text = readFileSync(new URL(name, folder), "utf8");
  const dated = / on [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/gm;
  const [head = "", ...lines] = text.split("\n");
  // Here the programs themselves print lines that look like comments.
  const commands = lines.filter((line) => line.startsWith("$ "));
  expect(replay([head, ...commands].join("\n")).replace(dated, " on DATE")).toBe(text);
});

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { startDaemon } from "../../../src/nodes/daemons.ts";
import { must } from "../../harness/kernels.ts";
import { Box } from "../../harness/transcript.ts";

const FOLDER = new URL("transcripts/", import.meta.url);
/** zebra gathers changes for 10 ms, staticd asks it: what is typed has had its effect after that. */
const SETTLE = "100ms";

/** What `record.sh` takes out of the answers of the real programs. */
const normal = (text: string): string =>
  text
    .replace(/\d{2}:\d{2}:\d{2}/g, "00:00:00")
    .replace(/last: [0-9].*/g, "last: (then)")
    .replace(/fd \d+/g, "fd N")
    .split("\n")
    .filter((line) => !/exthopGroupId/.test(line))
    .join("\n");

/** Runs a transcript on a node with zebra and staticd of FRR 8.4, and returns it as it ought to be. */
function replay(text: string): string {
  const box = new Box();
  box.n.setForwarding(true);
  for (const i of [1, 2, 3]) box.run(`ip link set e${i} up`);
  must(startDaemon(box.n.os, "zebra", { release: "8.4" }));
  must(startDaemon(box.n.os, "staticd", {}));
  box.wait(SETTLE);
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const rest = line.slice(2);
    if (line.startsWith("#") || line.startsWith("! ") || line.startsWith("@ ") || line.startsWith("$ "))
      lines.push(line);
    if (line.startsWith("! ")) box.wait(`${rest}s`);
    if (line.startsWith("@ ")) box.run(rest, box.p);
    if (!line.startsWith("$ ")) continue;
    const { output, status } = box.run(rest);
    if (output !== "") lines.push(...normal(output).replace(/\n$/, "").split("\n"));
    if (status !== 0) lines.push(`? ${status}`);
    box.wait(SETTLE);
  }
  return `${lines.join("\n")}\n`;
}

it.each(readdirSync(FOLDER))("answers as FRR 8.4.4 does: %s", (name) => {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  expect(replay(text)).toBe(text);
});

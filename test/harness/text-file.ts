import { copyOctets } from "../../src/core/octets.ts";
import type { Os } from "../../src/core/os.ts";

/** What a file of a node holds, as text; undefined: there is none. */
export function textOf(os: Pick<Os, "files">, path: string): string | undefined {
  const file = os.files.open(path);
  if (!file.ok) return undefined;
  const { size, content } = file.value;
  const octets = new Uint8Array(size);
  let at = 0;
  for (const run of content.slice(0, size)) {
    copyOctets(run, octets, at);
    at += run.count;
  }
  return new TextDecoder().decode(octets);
}

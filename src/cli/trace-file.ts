import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Simulation } from "../core/sim.ts";

/** Events kept of a run; the file says when it was cut. */
const EVENTS_MAX = 1_000_000;
const BUFFER_CHARACTERS = 64 * 1024;

/** `trace.ndjson`: every trace event of a run, one JSON object a line. */
export class TraceFile {
  readonly #fd: number;
  readonly #stop: () => void;
  #buffer = "";
  #events = 0;

  constructor(sim: Simulation, dir: string) {
    this.#fd = openSync(join(dir, "trace.ndjson"), "w");
    this.#stop = sim.trace.listen((event) => {
      if (this.#events++ === EVENTS_MAX) this.#write({ cut: `more than ${EVENTS_MAX} events` });
      if (this.#events <= EVENTS_MAX)
        this.#write({ at: event.at, node: event.node, kind: event.kind, ...event.fields });
    });
  }

  /** Writes what is still in memory and closes the file. */
  close(): void {
    this.#stop();
    this.#flush();
    closeSync(this.#fd);
  }

  #write(record: unknown): void {
    this.#buffer += `${JSON.stringify(record)}\n`;
    if (this.#buffer.length > BUFFER_CHARACTERS) this.#flush();
  }
  #flush(): void {
    writeSync(this.#fd, this.#buffer);
    this.#buffer = "";
  }
}

import fc from "fast-check";
import { expect, it } from "vitest";
import type { DatagramInfo } from "../../../src/core/os.ts";
import type { Ospf } from "../../../src/protocols/ospf/model.ts";
import { Inbox } from "../../../src/protocols/ospf/process-time.ts";
import { cases } from "../../harness/shared.ts";

const info: DatagramInfo = {
  ...{ source: 1, sourcePort: 0, destination: 2, destinationPort: 0, ttl: 1, tos: 0, ifindex: 1, header: 0 },
};

it("reads what has arrived, whole and in its order, and drops what the socket does not hold", () => {
  // a packet of so many octets arrives, or (0) the process reads
  const step = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 1500 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let dropped = 0;
      let ring = (): void => {};
      const ospf = {
        now: 0,
        paces: { int: () => 0 },
        os: {
          alarm: (what: () => void) => {
            ring = what;
            return { set: () => {}, deadline: 0 };
          },
        },
        tasks: { add: (task: () => boolean) => task(), read: () => {} },
        run: (what: () => void) => what(),
        drop: () => dropped++,
      } as unknown as Ospf;
      const heard: string[] = [];
      const inbox = new Inbox(ospf, (b, o, end) => heard.push(`${end - o} ${b[o]} ${b[end - 1]}`));
      const wanted: string[] = [];
      let held: number[] = [];
      let lost = 0;
      for (const [i, octets] of steps.entries()) {
        if (octets === 0) {
          ring();
          held = held.slice(20);
          continue;
        }
        inbox.put(new Uint8Array(octets + 3).fill(i % 251), 3, octets + 3, info);
        if (held.reduce((a, b) => a + b, 0) + octets > 212_992) lost++;
        else {
          held.push(octets);
          wanted.push(`${octets} ${i % 251} ${i % 251}`);
        }
      }
      for (let i = 0; i < 10; i++) ring();
      expect(heard).toEqual(wanted);
      expect(dropped).toBe(lost);
      expect(inbox.empty).toBe(true);
    }),
    { numRuns: cases(100, 5000) },
  );
});

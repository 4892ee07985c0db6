import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { MS } from "../../../../src/core/time.ts";
import { netfilter } from "../../../../src/nodes/kernel/netfilter/hooks.ts";
import * as tcp from "../../../../src/protocols/tcp/wire.ts";
import { chain, inject, ip, ipPacket } from "../../../harness/kernels.ts";
import { add, flows, swallow } from "./nat-lab.ts";

const STATES = ["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED"] as const;
const ENDS = ["10.0.1.1", "10.0.2.1"] as const;

/** A segment of the recording. */
function segment(fields: readonly string[]): Uint8Array {
  const [port, dir, flags, seq, ack, window, octets, options] = fields as [string, ...string[]];
  const extra = options === "-" ? new Uint8Array(0) : Uint8Array.from(Buffer.from(options as string, "hex"));
  const header = 20 + extra.length;
  const b = new Uint8Array(header + Number(octets)).fill(0x78);
  const ports = dir === "0" ? [Number(port), 80] : [80, Number(port)];
  const [seqNumber, ackNumber] = [Number(seq), Number(ack)];
  tcp.writeHeader(
    b,
    0,
    ports[0] as number,
    ports[1] as number,
    seqNumber,
    ackNumber,
    header,
    Number(flags),
    Number(window),
  );
  b.set(extra, 20);
  const [src, dst] = dir === "0" ? ENDS : [ENDS[1], ENDS[0]];
  tcp.seal(b, 0, b.length, ip(src), ip(dst));
  return ipPacket(src, dst, 6, b);
}

it("makes of TCP segments what Linux makes of them", () => {
  const text = readFileSync(new URL("golden/tcp.txt", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const { lab, h1, r1, h2 } = chain();
  for (const host of [h1, h2]) swallow(host);
  const nf = netfilter(r1);
  for (const state of STATES)
    add(nf, "filter FORWARD", {
      matches: [{ kind: "conntrack", state: { states: [state] } }],
      target: { kind: "ACCEPT" },
    });
  const rules = nf.table("filter").chain("FORWARD")?.rules ?? [];
  const got = lines.map((line) => {
    const fields = line.split(" ");
    const before = rules.map((r) => r.packets);
    inject(r1, fields[1] === "0" ? "eth0" : "eth1", segment(fields));
    const seen = STATES[rules.findIndex((r, i) => r.packets !== before[i])];
    lab.run(5 * MS); // more than a tick, as the recorder took
    // The recorder asked conntrack for flows whose original source port is that of the client.
    const flow = flows(nf).find((f) => f.original.sport === Number(fields[0]));
    const state =
      flow === undefined
        ? "-"
        : `${flow.timeoutS} ${flow.state}${flow.unreplied ? " UNREPLIED" : ""}${flow.assured ? " ASSURED" : ""} own`;
    return `${fields.slice(0, 8).join(" ")} ${seen} ${state}`;
  });
  expect(got).toEqual(lines);
});

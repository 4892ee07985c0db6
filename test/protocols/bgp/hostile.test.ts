import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TcpSocket } from "../../../src/core/tcp-socket.ts";
import { S } from "../../../src/core/time.ts";
import { announce } from "../../../src/protocols/bgp/capability.ts";
import { type BgpMessage, decode, encoded } from "../../../src/protocols/bgp/wire.ts";
import { Lab } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { message } from "./arbitrary.ts";
import { type Router, router } from "./routers.ts";

/** A neighbour that is no bgpd: it says what a test wants. */
function stranger(): {
  lab: Lab;
  victim: Router;
  heard: BgpMessage[];
  send: (b: Uint8Array) => void;
  socket: TcpSocket;
} {
  const lab = new Lab();
  const [a, b] = [lab.router("victim"), lab.router("stranger")];
  lab.cable([a, "e0 10.0.0.1/24"], [b, "e0 10.0.0.2/24"]);
  const victim = router(
    a,
    "router bgp 1\n bgp router-id 1.1.1.1\n no bgp ebgp-requires-policy\n neighbor 10.0.0.2 remote-as 2\n neighbor 10.0.0.2 passive\n",
  );
  lab.run(3 * S);
  const heard: BgpMessage[] = [];
  const socket = b.os.tcpSocket();
  socket.connect(0x0a000001, 179, () => {});
  let rest = new Uint8Array(0);
  socket.onData((octets, o, end) => {
    rest = Uint8Array.from([...rest, ...octets.subarray(o, end)]);
    for (;;) {
      const got = decode(rest, 0, rest.length);
      if (!got.ok) return;
      heard.push(got.value);
      rest = rest.slice((rest[16] as number) * 256 + (rest[17] as number));
    }
  });
  lab.run(0.1 * S);
  return { lab, victim, heard, socket, send: (octets) => void socket.write(octets) };
}
const open = (as = 2, id = 0x02020202, holdS = 180): BgpMessage => ({
  ...{ kind: "open", version: 4, as, holdS, id, extended: false },
  parameters: announce({ as, hostname: "stranger", extendedMessage: true }),
});
/** The NOTIFICATION that came back. */
const answered = (heard: readonly BgpMessage[]): string | undefined => {
  const n = heard.find((m) => m.kind === "notification");
  return n?.kind === "notification" ? `${n.code}/${n.subcode}` : undefined;
};

describe("a neighbour that does not behave", () => {
  it.each<readonly [string, BgpMessage, string]>([
    ["the wrong AS", open(3), "2/2"],
    ["no identifier", open(2, 0), "2/3"],
    ["a hold time of two seconds", open(2, 5, 2), "2/6"],
    ["another version", { ...open(), version: 3 } as BgpMessage, "2/1"],
    ["a KEEPALIVE instead of an OPEN", { kind: "keepalive" }, "5/1"],
  ])("is answered: %s", (_what, m, want) => {
    const { lab, heard, send } = stranger();
    send(encoded(m));
    lab.run(0.5 * S);
    expect(answered(heard)).toBe(want);
  });
  it("is lost when its hold time has passed, with 4/0", () => {
    const { lab, heard, send, victim } = stranger();
    send(encoded(open(2, 5, 3)));
    send(encoded({ kind: "keepalive" }));
    lab.run(S);
    expect(victim.view("bgp neighbors")).toMatchObject({ "10.0.0.2": { state: "Established" } });
    lab.run(3 * S);
    expect(answered(heard)).toBe("4/0");
  });
  it("may say anything: the router stays, and answers or takes it", () => {
    const octets = fc.oneof(fc.uint8Array({ maxLength: 60 }), message.map(encoded));
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(octets, { minLength: 1, maxLength: 8 }),
        fc.nat(0xffff),
        (polite, said, change) => {
          const { lab, victim, send } = stranger();
          if (polite) {
            send(encoded(open()));
            send(encoded({ kind: "keepalive" }));
          }
          for (const b of said) {
            if (b.length > 19 && change % 3 === 0) b[19 + (change % (b.length - 19))] = change >> 8;
            send(b);
          }
          lab.run(S);
          const state = (victim.view("bgp neighbors") as Record<string, { state: string }>)["10.0.0.2"]?.state;
          expect(["Established", "OpenSent", "OpenConfirm", "Idle", "Active"]).toContain(state);
        },
      ),
      { numRuns: cases(60, 3000) },
    );
  }, 600_000);
});

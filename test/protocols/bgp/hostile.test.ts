import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import type { TcpSocket } from "../../../src/core/tcp-socket.ts";
import { S } from "../../../src/core/time.ts";
import { announce } from "../../../src/protocols/bgp/capability.ts";
import { type BgpMessage, decode, encoded } from "../../../src/protocols/bgp/wire.ts";
import { Lab } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { message } from "./arbitrary.ts";
import { type Router, router } from "./routers.ts";

/** A neighbour that is no bgpd: it says what a test wants. */
function stranger(lines = ""): {
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
    "router bgp 1\n bgp router-id 1.1.1.1\n no bgp ebgp-requires-policy\n neighbor 10.0.0.2 remote-as 2\n neighbor 10.0.0.2 passive\n" +
      lines,
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

/** The same with its data. */
const answeredWith = (heard: readonly BgpMessage[]): string | undefined => {
  const n = heard.find((m) => m.kind === "notification");
  return n?.kind === "notification" ? `${n.code}/${n.subcode} ${hex(n.data, 0, undefined, "")}`.trim() : undefined;
};
const octets = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (two) => Number.parseInt(two, 16));
const MARKER = "ff".repeat(16);
/** ORIGIN, AS_PATH of AS 2, NEXT_HOP 10.0.0.2. */
const GOOD = "40010100 50020006 0201 00000002 400304 0a000002";
/** An UPDATE that announces 10.9.0.0/16, or what `nlri` says, with these attributes. */
function update(attributes: string, nlri = "100a09"): Uint8Array {
  const [a, n] = [octets(attributes), octets(nlri)];
  const head = [0, 0, a.length >> 8, a.length & 255];
  const length = 19 + head.length + a.length + n.length;
  return Uint8Array.from([...octets(MARKER), length >> 8, length & 255, 2, ...head, ...a, ...n]);
}
/** A stranger with whom there is a session. */
function established(lines = "") {
  const s = stranger(lines);
  s.send(encoded(open()));
  s.send(encoded({ kind: "keepalive" }));
  s.lab.run(0.5 * S);
  const state = (): string | undefined =>
    (s.victim.view("bgp neighbors") as Record<string, { state: string }>)["10.0.0.2"]?.state;
  expect(state()).toBe("Established");
  const table = (): string[] => Object.keys(s.victim.view("bgp table") as object);
  return { ...s, state, table };
}

describe("NOTIFICATIONs say what was wrong, with its octets (RFC 4271 §6)", () => {
  it.each([
    ["a marker that is not all ones", `${"ff".repeat(15)}00 0013 04`, "1/1"],
    ["a message of 18 octets", `${MARKER} 0012 04`, "1/2 0012"],
    ["a KEEPALIVE with a body", `${MARKER} 0014 04 00`, "1/2 0014"],
    ["a type that is none", `${MARKER} 0013 09`, "1/3 09"],
    ["withdrawn routes that overrun the UPDATE", `${MARKER} 0017 02 0005 0000`, "3/1"],
    ["attributes that overrun the UPDATE", `${MARKER} 0017 02 0000 0005`, "3/1"],
    ["a ROUTE-REFRESH cut short", `${MARKER} 0015 05 0001`, `7/1 ${MARKER}001505`],
  ])("%s", (_what, text, want) => {
    const { lab, send, heard, state } = established();
    send(octets(text));
    lab.run(0.5 * S);
    expect(answeredWith(heard)).toMatch(new RegExp(`^${want}`));
    expect(state()).not.toBe("Established");
  });
  it.each([
    ["version 3", { version: 3 }, "2/1 0004"],
    ["AS 3 in the place of 2", { as: 3, parameters: announce({ as: 3, hostname: "x", extendedMessage: true }) }, "2/2"],
    ["identifier 0.0.0.0", { id: 0 }, "2/3 00000000"],
    ["a parameter that nobody knows", { parameters: [{ type: 9, value: Uint8Array.of(1) }] }, "2/4"],
    ["a hold time of one second", { holdS: 1 }, "2/6 0001"],
  ])("an OPEN with %s", (_what, change, want) => {
    const { lab, send, heard } = stranger();
    send(encoded({ ...open(), ...change } as BgpMessage));
    lab.run(0.5 * S);
    expect(answeredWith(heard)).toMatch(new RegExp(`^${want}`));
  });
  it("messages that a state does not expect (RFC 6608)", () => {
    const second = established();
    second.send(encoded(open()));
    second.lab.run(0.5 * S);
    expect(answeredWith(second.heard)).toBe("5/3");
    const early = stranger();
    early.send(update(GOOD));
    early.lab.run(0.5 * S);
    expect(answeredWith(early.heard)).toBe("5/1");
    const sooner = stranger();
    sooner.send(encoded(open()));
    sooner.send(update(GOOD));
    sooner.lab.run(0.5 * S);
    expect(answeredWith(sooner.heard)).toBe("5/2");
  });
  it("too many prefixes, with the family and the limit (RFC 4486 §4)", () => {
    const { lab, send, heard, state, table } = established("neighbor 10.0.0.2 maximum-prefix 2");
    send(update(GOOD, "100a01 100a02"));
    lab.run(0.5 * S);
    expect(state()).toBe("Established");
    send(update(GOOD, "100a03"));
    lab.run(0.5 * S);
    expect(answeredWith(heard)).toBe("6/1 00010100000002");
    expect(table()).toEqual([]);
    expect(state()).toBe("Idle (PfxCt)");
  });
});

describe("UPDATEs with faults (RFC 7606)", () => {
  it.each([
    ["nothing wrong", GOOD, ["10.9.0.0/16"]],
    ["a MED of three octets", `${GOOD} 800403 000001`, []],
    ["communities of three octets", `${GOOD} c00803 000001`, []],
    ["no NEXT_HOP", "40010100 50020006 0201 00000002", []],
    ["an AS_PATH cut short", "40010100 50020006 0202 00000002 400304 0a000002", []],
    ["extended communities of seven octets", `${GOOD} c01007 00020001000000`, []],
    ["an AGGREGATOR of six octets, which only costs the attribute", `${GOOD} c00706 000100000000`, ["10.9.0.0/16"]],
    [
      "AS4_PATH from a speaker of four octets, which only costs the attribute",
      `${GOOD} c01106 0201 00000009`,
      ["10.9.0.0/16"],
    ],
  ])("%s: the session stays", (_what, attributes, want) => {
    const { lab, send, state, table } = established();
    send(update(GOOD));
    send(update(attributes));
    lab.run(0.5 * S);
    expect(state()).toBe("Established");
    expect(table()).toEqual(want);
  });
  it.each([
    ["a prefix of 33 bits", update(GOOD, "210a09000000"), "3/10"],
    ["two MP_REACH", update(`${GOOD} 800e09 00010104 0a000002 00 800e09 00010104 0a000002 00`), "3/1"],
    ["an unknown well-known attribute", update(`${GOOD} 40f002 0001`), "3/2"],
  ])("%s: the session ends", (_what, message, want) => {
    const { lab, send, heard, state } = established();
    send(message);
    lab.run(0.5 * S);
    expect(answered(heard)).toBe(want);
    expect(state()).not.toBe("Established");
  });
});

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
    const anything = fc.oneof(fc.uint8Array({ maxLength: 60 }), message.map(encoded));
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(anything, { minLength: 1, maxLength: 8 }),
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

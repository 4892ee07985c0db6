import {
  TCP_ACK as ACK,
  TCP_FIN as FIN,
  TCP_PSH as PSH,
  TCP_RST as RST,
  TCP_SYN as SYN,
} from "../../protocols/tcp/wire.ts";
import { endpointIndependentMapping, filtering, hairpinning, mapped, noOverloading, TCP, untouched } from "./common.ts";
import { quotedIn } from "./host.ts";
import { all, BOTH, errors, lastOf, ONLY_RFC, type Requirement, type Seen, seen } from "./requirement.ts";
import { EXT, type Yard } from "./yard.ts";

/** RFC 5382: TCP. */
export const TCP_REQUIREMENTS: readonly Requirement[] = [
  req("REQ-1", "endpoint-independent mapping", ONLY_RFC, (y) => endpointIndependentMapping(y, TCP)),
  req("REQ-2", "every way to open, simultaneously too", BOTH, sequences),
  req("REQ-3", "filtering by nothing, or by address", ONLY_RFC, (y) => filtering(y, TCP)),
  req("REQ-4", "no answer to an unsolicited SYN for six seconds", ONLY_RFC, unsolicited),
  req("REQ-5", "2 h 4 min for connections, 4 min for opening and closing ones", ONLY_RFC, timers),
  req("REQ-6", "no application gateways unless asked for, but FTP's", BOTH, gateways),
  req("REQ-7", "no port overloading", ONLY_RFC, (y) => noOverloading(y, TCP)),
  req("REQ-8", "hairpinning, with the outside source", ONLY_RFC, (y) => hairpinning(y, TCP)),
  req("REQ-9", "ICMP errors are translated", BOTH, errorsTranslated),
  req("REQ-10", "ICMP ends neither mapping nor connection", BOTH, icmpEndsNothing),
];

function req(name: string, wants: string, expected: Requirement["expected"], test: Requirement["test"]): Requirement {
  return { rfc: 5382, name, wants, expected, test };
}

/** A connection from inside, opened as usual. Returns its outside port; -1: it did not open. */
function connect(y: Yard, sport: number, dport: number): number {
  const outside = mapped(y, TCP, y.h1, sport, y.o1, dport);
  y.h1.take();
  y.o1.sendTcp(dport, EXT, outside, SYN | ACK, { seq: 5000, ack: 1001 });
  y.settle();
  const answered = y.h1.take().some((h) => h.dport === sport && h.flags === (SYN | ACK));
  y.h1.sendTcp(sport, y.o1.address, dport, ACK, { seq: 1001, ack: 5001 });
  y.settle();
  return answered ? outside : -1;
}

/** Whether data from outside arrives inside. */
function data(y: Yard, sport: number, dport: number, outside: number): boolean {
  y.h1.take();
  y.o1.sendTcp(dport, EXT, outside, ACK | PSH, { seq: 5001, ack: 1001, data: "x" });
  y.settle();
  return y.h1.take().some((h) => h.dport === sport && h.data.length === 1);
}

function sequences(y: Yard): Seen {
  const usual = y.port();
  const outside = connect(y, usual, 7000);
  const open = outside > 0 && data(y, usual, 7000, outside);
  // Both send a SYN, and both answer the other's (RFC 9293 figure 7).
  const both = y.port();
  const mappedTo = mapped(y, TCP, y.h1, both, y.o1, 7300);
  y.h1.take();
  y.o1.sendTcp(7300, EXT, mappedTo, SYN, { seq: 5000 });
  y.settle();
  const syn = y.h1.take().some((h) => h.dport === both && h.flags === SYN);
  y.o1.take();
  y.h1.sendTcp(both, y.o1.address, 7300, SYN | ACK, { seq: 1000, ack: 5001 });
  y.o1.sendTcp(7300, EXT, mappedTo, SYN | ACK, { seq: 5000, ack: 1001 });
  y.settle();
  const met = y.o1.take().some((h) => h.flags === (SYN | ACK)) && y.h1.take().some((h) => h.flags === (SYN | ACK));
  const last = data(y, both, 7300, mappedTo);
  return all(seen(open, "three-way handshake"), seen(syn && met && last, "simultaneous open"));
}

function unsolicited(y: Yard): Seen {
  // Nothing was ever sent from the port: who asks waits, and gets an error.
  const silent = y.port();
  y.o2.take();
  y.o2.sendTcp(7400, EXT, silent, SYN, { seq: 9000 });
  y.run(5.9);
  const early = y.o2.take();
  if (early.length > 0) {
    const [first] = early;
    const what = first !== undefined && (first.flags & RST) !== 0 ? "a RST" : "an ICMP error";
    return seen(false, `${what} at once`);
  }
  y.run(0.3);
  const late = errors(y.o2.take());
  // The inside opens to it within the six seconds: then there is none.
  y.filterBy("address-and-port-dependent");
  const meets = y.port();
  mapped(y, TCP, y.h1, meets, y.o1, 7401);
  y.o2.take();
  y.o2.sendTcp(7402, EXT, meets, SYN, { seq: 9000 });
  y.run(2);
  y.h1.sendTcp(meets, y.o2.address, 7402, SYN, { seq: 1000 });
  y.run(8);
  const after = y.o2.take();
  y.filterBy("endpoint-independent");
  return all(
    seen(late.length === 1 && late[0]?.type === 3, "an ICMP error after six seconds"),
    seen(errors(after).length === 0 && after.some((h) => h.flags === SYN), "none when the inside opens meanwhile"),
  );
}

function timers(y: Yard): Seen {
  const idle = y.port();
  const opening = y.port();
  const closing = y.port();
  const outside = connect(y, idle, 7000);
  const opened = mapped(y, TCP, y.h1, opening, y.o1, 7001);
  const closed = connect(y, closing, 7002);
  y.o1.sendTcp(7002, EXT, closed, FIN | ACK, { seq: 5001, ack: 1001 });
  y.settle();
  y.run(238);
  y.h1.take();
  y.o1.sendTcp(7001, EXT, opened, SYN | ACK, { seq: 5000, ack: 1001 });
  y.settle();
  const stillOpening = y.h1.take().some((h) => h.dport === opening && h.flags === (SYN | ACK));
  y.o1.take();
  y.h1.sendTcp(closing, y.o1.address, 7002, FIN | ACK, { seq: 1001, ack: 5002 });
  y.settle();
  const fin = y.o1.take().some((h) => (h.flags & FIN) !== 0 && h.sport === closed);
  const stillClosing = fin && y.flows(`sport=${closing} `).some((line) => line.includes("LAST_ACK"));
  y.run(2 * 3600 + 4 * 60 - 240);
  const alive = data(y, idle, 7000, outside);
  return all(
    seen(outside > 0 && alive, "a connection that is silent for 2 h 4 min lives"),
    seen(stillOpening, stillOpening ? "one that opens lives for 4 min" : "one that opens is gone after 4 min"),
    seen(stillClosing, stillClosing ? "one that closes too" : "one that closes is gone after 4 min"),
  );
}

function gateways(y: Yard): Seen {
  const port = y.port();
  const command = "PORT 192,168,1,11,4,1\r\n";
  const outside = connect(y, port, 21);
  y.h1.sendTcp(port, y.o1.address, 21, ACK | PSH, { seq: 1001, ack: 5001, data: "USER x\r\n" });
  y.settle();
  y.o1.take();
  y.h1.sendTcp(port, y.o1.address, 21, ACK | PSH, { seq: 1009, ack: 5001, data: command });
  y.settle();
  const kept = untouched(command, lastOf(y.o1.take(), 6));
  return all(seen(outside > 0, "FTP's gateway, which might be on, is off"), kept);
}

function errorsTranslated(y: Yard): Seen {
  const port = y.port();
  y.o1.take();
  y.h1.sendTcp(port, y.o1.address, 7000, SYN, { seq: 1000 });
  y.settle();
  const got = lastOf(y.o1.take(), 6);
  if (got === undefined) return seen(false, "nothing arrived");
  const kinds = [
    [3, 0],
    [3, 1],
    [3, 3],
    [3, 4],
    [11, 0],
  ] as const;
  y.h1.take();
  for (const [type, code] of kinds) y.o1.sendError(got, type, code);
  y.settle();
  const told = errors(y.h1.take());
  const right = told.filter((e) => {
    const q = quotedIn(e);
    return e.dst === y.h1.address && q.src === y.h1.address && q.sport === port && q.dst === y.o1.address;
  });
  return seen(
    right.length === kinds.length,
    `${right.length} of ${kinds.length} kinds arrive, outside and inside translated`,
  );
}

function icmpEndsNothing(y: Yard): Seen {
  const port = y.port();
  const outside = connect(y, port, 7000);
  y.o1.take();
  y.h1.sendTcp(port, y.o1.address, 7000, ACK, { seq: 1001, ack: 5001 });
  y.settle();
  const got = lastOf(y.o1.take(), 6);
  if (got === undefined) return seen(false, "nothing arrived");
  for (const code of [0, 1, 2, 3, 13]) y.o1.sendError(got, 3, code);
  y.settle();
  const alive = data(y, port, 7000, outside);
  return seen(alive, alive ? "after five errors data still arrives" : "an error ended it");
}

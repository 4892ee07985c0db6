import * as wire from "../../protocols/icmp/wire.ts";
import { seal } from "../../protocols/ipv4/wire.ts";
import { mapped, UDP } from "./common.ts";
import { errorAbout, type Heard, quotedIn } from "./host.ts";
import { all, BOTH, errors, lastOf, ONLY_RFC, type Requirement, type Seen, seen } from "./requirement.ts";
import { EXT, type Yard } from "./yard.ts";

/** RFC 5508: ICMP. */
export const ICMP_REQUIREMENTS: readonly Requirement[] = [
  req("REQ-1", "queries of every kind, and their answers", BOTH, queries),
  req("REQ-2", "a query's session lives for 60 s at least", ONLY_RFC, queryTimer),
  req("REQ-3", "errors with a bad checksum are dropped", BOTH, badChecksum),
  req("REQ-4", "errors from outside: translated, or dropped without a mapping", BOTH, errorsInwards),
  req("REQ-5", "errors from inside: translated, or dropped without a mapping", ONLY_RFC, errorsOutwards),
  req("REQ-6", "an error refreshes and ends no session", BOTH, errorsLeaveTimers),
  req("REQ-7", "hairpinning of errors", ONLY_RFC, hairpinnedErrors),
  req("REQ-8", "no room for a flow: ICMP 3/13", ONLY_RFC, noRoom),
  req("REQ-9", "ICMP of the router itself may be forbidden by a rule", BOTH, policy),
  req("REQ-10", "unreachable, time exceeded and echo of the router itself", BOTH, ownMessages),
  req("REQ-11", "other ICMP is dropped, or handled", ONLY_RFC, otherMessages),
];

function req(name: string, wants: string, expected: Requirement["expected"], test: Requirement["test"]): Requirement {
  return { rfc: 5508, name, wants, expected, test };
}

function queries(y: Yard): Seen {
  const parts = [
    ["echo", wire.ICMP_ECHO, wire.ICMP_ECHOREPLY],
    ["timestamp", wire.ICMP_TIMESTAMP, wire.ICMP_TIMESTAMPREPLY],
    ["information", wire.ICMP_INFO_REQUEST, wire.ICMP_INFO_REPLY],
    ["address mask", wire.ICMP_ADDRESS, wire.ICMP_ADDRESSREPLY],
  ] as const;
  return all(
    ...parts.map(([name, query, answer]) => {
      const id = y.port();
      y.o1.take();
      y.h1.sendIcmp(y.o1.address, query, id);
      y.settle();
      const got = y.o1.take().find((h) => h.type === query && h.src === EXT);
      if (got === undefined) return seen(false, `${name} does not arrive`);
      y.h1.take();
      y.o1.sendIcmp(EXT, answer, got.id);
      y.settle();
      const back = y.h1.take().some((h) => h.type === answer && h.id === id && h.src === y.o1.address);
      return seen(back, back ? name : `no answer to ${name}`);
    }),
  );
}

/** A query that nobody answers by itself. Returns it as it arrived. */
function ask(y: Yard, id: number): Heard | undefined {
  y.o1.take();
  y.h1.sendIcmp(y.o1.address, wire.ICMP_INFO_REQUEST, id);
  y.settle();
  return y.o1.take().find((h) => h.type === wire.ICMP_INFO_REQUEST);
}

function queryTimer(y: Yard): Seen {
  const id = y.port();
  const got = ask(y, id);
  y.run(59);
  y.h1.take();
  y.o1.sendIcmp(EXT, wire.ICMP_INFO_REPLY, got?.id ?? -1);
  y.settle();
  const alive = y.h1.take().some((h) => h.type === wire.ICMP_INFO_REPLY && h.id === id);
  return seen(alive, alive ? "an answer after 59 s arrives" : "an answer after 59 s is lost");
}

/** A flow of UDP, and its packet as it arrived outside. */
function flow(y: Yard, port: number): Heard | undefined {
  y.o1.take();
  y.h1.sendUdp(port, y.o1.address, 7000);
  y.settle();
  return lastOf(y.o1.take(), 17);
}

function badChecksum(y: Yard): Seen {
  const got = flow(y, y.port());
  if (got === undefined) return seen(false, "nothing arrived");
  const error = errorAbout(got, 3, 3);
  error[2] = (error[2] as number) ^ 0xff;
  y.h1.take();
  y.o1.sendRaw(y.o1.packet(1, EXT, error), y.router.dev("eth1"), "forged: a wrong ICMP checksum");
  y.settle();
  const passed = errors(y.h1.take()).length;
  y.o1.sendError(got, 3, 3);
  y.settle();
  const good = errors(y.h1.take()).length;
  return seen(
    passed === 0 && good === 1,
    passed === 0 ? "the wrong one is dropped, the right one arrives" : "it arrives",
  );
}

function errorsInwards(y: Yard): Seen {
  const port = y.port();
  const got = flow(y, port);
  const id = y.port();
  const query = ask(y, id);
  if (got === undefined || query === undefined) return seen(false, "nothing arrived");
  y.h1.take();
  for (const [type, code] of [
    [3, 3],
    [11, 0],
  ] as const) {
    y.o1.sendError(got, type, code);
    y.o1.sendError(query, type, code);
  }
  y.settle();
  const told = errors(y.h1.take()).map(quotedIn);
  const udp = told.filter((q) => q.src === y.h1.address && q.sport === port).length;
  const icmp = told.filter((q) => q.src === y.h1.address && q.id === id).length;
  // About a flow that there is not.
  const stranger = y.o1.packet(17, y.o1.address, y.o1.udp(y.port(), y.o1.address, 7000, "?", EXT), 0, 9, EXT);
  const error = errorAbout({ ...got, bytes: stranger }, 3, 3);
  y.o1.sendRaw(y.o1.packet(1, EXT, error), y.router.dev("eth1"));
  y.settle();
  const nobody = errors([...y.h1.take(), ...y.h2.take()]).length;
  return all(
    seen(udp === 2 && icmp === 2, "about UDP and about queries: arrive, translated back"),
    seen(nobody === 0, "without a mapping: dropped"),
  );
}

function errorsOutwards(y: Yard): Seen {
  const port = y.port();
  const outside = mapped(y, UDP, y.h1, port, y.o1, 7000);
  y.h1.take();
  y.o1.sendUdp(7000, EXT, outside);
  y.settle();
  const got = lastOf(y.h1.take(), 17);
  if (got === undefined) return seen(false, "nothing arrived inside");
  y.o1.take();
  y.h1.sendError(got, 3, 3);
  y.settle();
  const told = errors(y.o1.take())[0];
  const q = told === undefined ? undefined : quotedIn(told);
  const right = told?.src === EXT && q?.src === y.o1.address && q.dst === EXT && q.dport === outside;
  // About a flow that there is not: h1 claims that o1 sent it something.
  const stranger = y.o1.packet(17, y.h1.address, y.o1.udp(7777, y.h1.address, y.port(), "?"));
  y.h1.sendRaw(y.h1.packet(1, y.o1.address, errorAbout({ ...got, bytes: stranger }, 3, 3)), y.router.dev("eth0"));
  y.settle();
  const leaked = errors(y.o1.take());
  return all(
    seen(right, `arrives from ${told?.src}, about its packet to ${q?.dst}:${q?.dport}`),
    seen(
      leaked.every((e) => quotedIn(e).dst !== y.h1.address),
      leaked.length === 0
        ? "without a mapping: dropped"
        : "without a mapping: it leaves, with the inside address in it",
    ),
  );
}

function errorsLeaveTimers(y: Yard): Seen {
  const id = y.port();
  const got = ask(y, id);
  if (got === undefined) return seen(false, "nothing arrived");
  y.run(20);
  const left = (): number => Number(/^icmp +1 (\d+)/.exec(y.flows(`id=${id} `)[0] ?? "")?.[1] ?? -1);
  const before = left();
  y.o1.sendError(got, 3, 1);
  y.settle();
  const after = left();
  return seen(
    after > 0 && after <= before && after >= before - 1,
    `${before} s left before the error, ${after} s after it`,
  );
}

function hairpinnedErrors(y: Yard): Seen {
  const [one, two] = [y.port(), y.port()];
  const a = mapped(y, UDP, y.h1, one, y.o1, 7000);
  const b = mapped(y, UDP, y.h2, two, y.o1, 7000);
  y.h2.take();
  y.h1.sendUdp(one, EXT, b);
  y.settle();
  const got = lastOf(y.h2.take(), 17);
  if (got === undefined) return seen(false, "nothing is hairpinned at all");
  y.h1.take();
  y.h2.sendError(got, 3, 3);
  y.settle();
  const told = errors(y.h1.take())[0];
  const q = told === undefined ? undefined : quotedIn(told);
  return seen(
    told?.src === EXT && q?.src === y.h1.address && q.sport === one && q.dst === EXT && q.dport === b,
    told === undefined
      ? `${a}: no error arrives`
      : `arrives from ${told.src}, about the packet to ${q?.dst}:${q?.dport}`,
  );
}

function noRoom(y: Yard): Seen {
  y.router.sh("conntrack -F");
  // A connection that is established makes room for nobody.
  y.router.sh(
    `conntrack -I -p tcp -s ${y.h1.address} -d ${y.o1.address} --sport 1 --dport 2 -t 600 --state ESTABLISHED -u ASSURED,SEEN_REPLY`,
  );
  y.nf.conntrack.set("nf_conntrack_max", 1);
  y.h2.take();
  y.o1.take();
  y.h2.sendUdp(y.port(), y.o1.address, 7000);
  y.settle();
  y.nf.conntrack.set("nf_conntrack_max", 262_144);
  const dropped = lastOf(y.o1.take(), 17) === undefined;
  const told = errors(y.h2.take())[0];
  return all(
    seen(dropped, "the packet is dropped"),
    seen(
      told?.type === 3 && told.code === 13,
      told === undefined ? "in silence" : `its sender is told: ${told.type}/${told.code}`,
    ),
  );
}

function policy(y: Yard): Seen {
  const ttl1 = (): number => {
    y.o1.take();
    const b = y.o1.packet(17, "192.168.1.11", y.o1.udp(7000, "192.168.1.11", 7000, "x"));
    b[8] = 1;

    seal(b, 0);
    y.o1.sendRaw(b, y.router.dev("eth1"));
    y.settle();
    return errors(y.o1.take()).length;
  };
  const before = ttl1();
  const rule = { out: { name: "eth1" }, protocol: { number: 1 }, target: { kind: "DROP" } } as const;
  y.nf.table("filter").append("OUTPUT", rule);
  y.run(2);
  const forbidden = ttl1();
  y.nf.table("filter").flush("OUTPUT");
  return seen(before === 1 && forbidden === 0, `time exceeded: ${before} without a rule, ${forbidden} with one`);
}

function ownMessages(y: Yard): Seen {
  const echo = y.h1.node.ping("192.168.1.1").received + y.o1.node.ping(EXT).received;
  y.h1.take();
  y.h1.sendTcp(y.port(), y.o1.address, 7000, 2, { seq: 1, ttl: 1 });
  y.settle();
  const exceeded = errors(y.h1.take()).some((e) => e.type === 11 && e.src === "192.168.1.1");
  y.run(2);
  y.h1.sendUdp(y.port(), "198.51.100.1", 7000);
  y.settle();
  const unreachable = errors(y.h1.take()).some((e) => e.type === 3 && e.code === 0);
  return all(
    seen(echo === 2, "answers echo on both sides"),
    seen(exceeded, "says time exceeded"),
    seen(unreachable, "says net unreachable"),
  );
}

function otherMessages(y: Yard): Seen {
  y.o1.take();
  y.h1.sendIcmp(y.o1.address, wire.ICMP_ROUTER_SOLICITATION, 0);
  y.settle();
  const got = y.o1.take().find((h) => h.type === wire.ICMP_ROUTER_SOLICITATION);
  return seen(
    got === undefined || got.src === EXT,
    got === undefined ? "a router solicitation is dropped" : `a router solicitation leaves from ${got.src}`,
  );
}

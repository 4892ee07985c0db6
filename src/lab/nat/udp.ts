import { IP_DF, IP_MF } from "../../protocols/ipv4/wire.ts";
import { endpointIndependentMapping, filtering, hairpinning, mapped, noOverloading, UDP, untouched } from "./common.ts";
import { quotedIn } from "./host.ts";
import { all, BOTH, errors, lastOf, ONLY_RFC, type Requirement, type Seen, seen } from "./requirement.ts";
import { EXT, type Yard } from "./yard.ts";

/** RFC 4787: UDP. REQ-7 asks for nothing where addresses are set by hand. */
export const UDP_REQUIREMENTS: readonly Requirement[] = [
  req("REQ-1", "endpoint-independent mapping", ONLY_RFC, (y) => endpointIndependentMapping(y, UDP)),
  req("REQ-2", "one outside address for one host, of a pool", ONLY_RFC, paired),
  req("REQ-3", "no port overloading", ONLY_RFC, (y) => noOverloading(y, UDP)),
  req("REQ-3a", "ports below 1024 stay there, others above", BOTH, portRange),
  req("REQ-4", "even ports stay even, odd ones odd", ONLY_RFC, parity),
  req("REQ-5", "a mapping lives for two minutes at least", ONLY_RFC, timer),
  req("REQ-6", "what goes out keeps a mapping alive", BOTH, outboundRefresh),
  req("REQ-7", "hosts of the same addresses on both sides are reached, or there are none", BOTH, conflict),
  req("REQ-8", "filtering by nothing, or by address", ONLY_RFC, (y) => filtering(y, UDP)),
  req("REQ-9", "hairpinning, with the outside source", ONLY_RFC, (y) => hairpinning(y, UDP)),
  req("REQ-10", "no application gateways unless asked for", BOTH, gateways),
  req("REQ-11", "the same behaviour at any time", ONLY_RFC, deterministic),
  req("REQ-12", "ICMP ends no mapping", BOTH, icmpEndsNothing),
  req("REQ-13", "too long and not to be fragmented: its sender is told", BOTH, fragmentationNeeded),
  req("REQ-14", "fragments in any order", BOTH, fragments),
];

function req(name: string, wants: string, expected: Requirement["expected"], test: Requirement["test"]): Requirement {
  return { rfc: 4787, name, wants, expected, test };
}

function paired(y: Yard): Seen {
  y.usePool();
  const used = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const to = `203.0.113.${20 + i}`;
    y.o1.node.sh(`ip addr replace ${to}/24 dev eth0`);
    y.o1.take();
    y.h1.sendUdp(y.port(), to, 7000);
    y.settle();
    used.add(lastOf(y.o1.take(), 17)?.src ?? "nowhere");
  }
  return seen(used.size === 1 && !used.has("nowhere"), `eight flows leave from ${[...used].sort().join(" and ")}`);
}

/** Collisions, so that ports have to be chosen: what the second host gets. */
function collide(y: Yard, ports: readonly number[]): number[] {
  return ports.map((port) => {
    mapped(y, UDP, y.h1, port, y.o1, 7000);
    return mapped(y, UDP, y.h2, port, y.o1, 7000);
  });
}

function portRange(y: Yard): Seen {
  const low = collide(y, [600, 601, 700, 1023]);
  const high = collide(y, [1024, y.port(), y.port()]);
  const others = low.every((p) => p > 0 && p < 1024) && high.every((p) => p >= 1024);
  return seen(others, `below 1024 became ${low.join(", ")}; above ${high.join(", ")}`);
}

function parity(y: Yard): Seen {
  const from = y.port(12);
  const ports = Array.from({ length: 12 }, (_, i) => from + i);
  const got = collide(y, ports);
  const kept = got.filter((p, i) => p > 0 && (p - (ports[i] as number)) % 2 === 0).length;
  return seen(kept === ports.length, `${kept} of ${ports.length} ports that had to change kept their parity`);
}

/** Whether an answer still arrives so many seconds after the only packet. */
function aliveAfter(y: Yard, seconds: number): boolean {
  const port = y.port();
  const outside = mapped(y, UDP, y.h1, port, y.o1, 7000);
  y.run(seconds);
  y.h1.take();
  y.o1.sendUdp(7000, EXT, outside);
  y.settle();
  return y.h1.take().some((h) => h.protocol === 17 && h.dport === port);
}

function timer(y: Yard): Seen {
  const early = aliveAfter(y, 25);
  const two = aliveAfter(y, 121);
  const five = aliveAfter(y, 299);
  if (!two) return seen(false, early ? "alive after 25 s, gone after 121 s" : "gone after 25 s");
  return seen(early && two && five, "alive after 121 s, and after 299 s");
}

function outboundRefresh(y: Yard): Seen {
  const port = y.port();
  const outside = mapped(y, UDP, y.h1, port, y.o1, 7000);
  for (let i = 0; i < 18; i++) {
    y.run(20);
    y.h1.sendUdp(port, y.o1.address, 7000);
  }
  y.run(20);
  y.h1.take();
  y.o1.sendUdp(7000, EXT, outside);
  y.settle();
  const arrived = y.h1.take().some((h) => h.protocol === 17 && h.dport === port);
  return seen(
    arrived,
    arrived ? "a packet every 20 s outwards: alive after 380 s" : "gone in spite of packets outwards",
  );
}

function conflict(y: Yard): Seen {
  const addresses = y.router.sh("ip -4 addr show");
  const dynamic = addresses.includes("dynamic");
  return seen(!dynamic, "addresses are set by hand, on different networks: nothing to do");
}

function gateways(y: Yard): Seen {
  const port = y.port();
  const sip = `REGISTER sip:${y.o1.address} SIP/2.0\r\nContact: <sip:u@${y.h1.address}:5060>\r\n\r\n`;
  y.o1.take();
  y.h1.sendUdp(port, y.o1.address, 5060, sip);
  y.settle();
  return untouched(sip, lastOf(y.o1.take(), 17));
}

function deterministic(y: Yard): Seen {
  const [quiet, busy] = [y.port(), y.port()];
  const alone = mapped(y, UDP, y.h1, quiet, y.o1, 7000) === mapped(y, UDP, y.h1, quiet, y.o2, 7000);
  mapped(y, UDP, y.h2, busy, y.o2, 7000);
  const shared = mapped(y, UDP, y.h1, busy, y.o1, 7000) === mapped(y, UDP, y.h1, busy, y.o2, 7000);
  return seen(
    alone === shared,
    alone === shared ? "the same alone and with others" : "how it maps depends on what others do",
  );
}

function icmpEndsNothing(y: Yard): Seen {
  const port = y.port();
  y.o1.take();
  y.h1.sendUdp(port, y.o1.address, 7000);
  y.settle();
  const got = lastOf(y.o1.take(), 17);
  if (got === undefined) return seen(false, "nothing arrived");
  y.h1.take();
  y.o1.sendError(got, 3, 3); // from the other end
  y.o2.sendError(got, 11, 0); // from a router on the way, which has another address
  y.settle();
  const told = errors(y.h1.take());
  y.o1.sendUdp(7000, EXT, got.sport);
  y.settle();
  const alive = y.h1.take().some((h) => h.protocol === 17 && h.dport === port);
  return all(
    seen(
      told.length === 2 && told.every((e) => quotedIn(e).src === y.h1.address && quotedIn(e).sport === port),
      "errors of both sources arrive, translated",
    ),
    seen(alive, "the mapping lives on"),
  );
}

function fragmentationNeeded(y: Yard): Seen {
  y.router.sh("ip link set eth1 mtu 1400");
  const port = y.port();
  const packet = (word: number): Uint8Array =>
    y.h1.packet(17, y.o1.address, y.h1.udp(port, y.o1.address, 7000, new Uint8Array(1430)), word);
  const inside = y.router.dev("eth0");
  y.h1.take();
  y.h1.sendRaw(packet(IP_DF), inside);
  y.settle();
  const told = errors(y.h1.take()).find((e) => e.type === 3 && e.code === 4);
  y.o1.take();
  y.h1.sendRaw(packet(0), inside);
  y.settle();
  const whole = lastOf(y.o1.take(), 17)?.data.length === 1430;
  y.router.sh("ip link set eth1 mtu 1500");
  const right = told !== undefined && quotedIn(told).src === y.h1.address && quotedIn(told).sport === port;
  return all(
    seen(right, "ICMP 3/4 tells the host inside, of its own packet"),
    seen(whole, "without DF it goes in fragments"),
  );
}

function fragments(y: Yard): Seen {
  const orders: readonly (readonly number[])[] = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ];
  const arrived = orders.map((order, n) => {
    const port = y.port();
    const outside = mapped(y, UDP, y.h1, port, y.o1, 7000);
    const payload = y.o1.udp(7000, EXT, outside, new Uint8Array(2992).fill(n));
    y.h1.take();
    for (const i of order) {
      const part = payload.slice(1000 * i, Math.min(payload.length, 1000 * (i + 1)));
      y.o1.sendRaw(y.o1.packet(17, EXT, part, (i < 2 ? IP_MF : 0) | ((1000 * i) >> 3), 100 + n), y.router.dev("eth1"));
    }
    y.settle();
    return y.h1.take().some((h) => h.dport === port && h.data.length === 2992);
  });
  return all(
    seen(arrived[0] === true, "in order"),
    seen(arrived[1] === true && arrived[2] === true, "last first, and first last: all arrive"),
  );
}

import { TCP_ACK, TCP_SYN } from "../../protocols/tcp/wire.ts";
import type { Heard, NatHost } from "./host.ts";
import { all, lastOf, type Seen, seen } from "./requirement.ts";
import { EXT, type Yard } from "./yard.ts";

/** What is the same for UDP and TCP: `send` begins a flow, and what it looks like outside is told. */
export interface Transport {
  readonly name: "UDP" | "TCP";
  readonly protocol: number;
  /** Sends the first packet of a flow. */
  open(from: NatHost, sport: number, to: string, dport: number): void;
}
export const UDP: Transport = {
  name: "UDP",
  protocol: 17,
  open: (from, sport, to, dport) => from.sendUdp(sport, to, dport),
};
export const TCP: Transport = {
  name: "TCP",
  protocol: 6,
  open: (from, sport, to, dport) => from.sendTcp(sport, to, dport, TCP_SYN, { seq: 1000 }),
};

/** Sends from inside, and says by which outside port it arrived; -1: it did not. */
export function mapped(y: Yard, t: Transport, from: NatHost, sport: number, to: NatHost, dport: number): number {
  to.take();
  t.open(from, sport, to.address, dport);
  y.settle();
  return lastOf(to.take(), t.protocol)?.sport ?? -1;
}

/** One inside endpoint has one outside port, whomever it talks to, also where another host has the same port there. */
export function endpointIndependentMapping(y: Yard, t: Transport): Seen {
  const port = y.port();
  const free = [
    mapped(y, t, y.h1, port, y.o1, 7000),
    mapped(y, t, y.h1, port, y.o1, 7001),
    mapped(y, t, y.h1, port, y.o2, 7000),
  ];
  const contended = y.port();
  mapped(y, t, y.h2, contended, y.o1, 7000);
  const ports = [mapped(y, t, y.h1, contended, y.o2, 7000), mapped(y, t, y.h1, contended, y.o1, 7000)];
  const same = (list: readonly number[]): boolean => list.every((p) => p > 0 && p === list[0]);
  return all(
    seen(same(free), `to three endpoints from port ${[...new Set(free)].join(", ")}`),
    seen(
      same(ports),
      same(ports)
        ? "the same where another host has the port"
        : "another port to where another host has the port: endpoint-dependent",
    ),
  );
}

/** No outside port belongs to two inside endpoints at once. */
export function noOverloading(y: Yard, t: Transport): Seen {
  const port = y.port();
  const a = mapped(y, t, y.h1, port, y.o1, 7000);
  const b = mapped(y, t, y.h2, port, y.o2, 7001);
  return seen(
    a > 0 && b > 0 && a !== b,
    a === b ? `both hosts leave from ${EXT}:${a}` : "the second gets a port of its own",
  );
}

/** What other endpoints send to a mapping, and which of it arrives. */
export function filtering(y: Yard, t: Transport): Seen {
  const tried = (filter: "endpoint-independent" | "address-dependent"): readonly boolean[] => {
    y.filterBy(filter);
    const port = y.port();
    const outside = mapped(y, t, y.h1, port, y.o1, 7000);
    y.h1.take();
    return (
      [
        [y.o1, 7001],
        [y.o2, 7000],
      ] as const
    ).map(([from, sport]) => {
      t.open(from, sport, EXT, outside);
      y.settle();
      return y.h1.take().some((h) => h.protocol === t.protocol && h.dport === port && h.src === from.address);
    });
  };
  const [anyPort, anybody] = tried("endpoint-independent");
  const [address, others] = y.mode === "linux" ? [anyPort, anybody] : tried("address-dependent");
  y.filterBy("endpoint-independent");
  if (y.mode === "linux")
    return seen(anyPort === true, anyPort ? "another port may send" : "address and port: nobody else may send");
  return all(
    seen(anyPort === true && anybody === true, "endpoint-independent: anybody may send"),
    seen(address === true && others === false, "address-dependent: the host that was sent to may, others may not"),
  );
}

/** Two hosts inside talk by their outside endpoints, and see each other's. */
export function hairpinning(y: Yard, t: Transport): Seen {
  const [one, two] = [y.port(), y.port()];
  const a = mapped(y, t, y.h1, one, y.o1, 7000);
  const b = mapped(y, t, y.h2, two, y.o1, 7000);
  y.h2.take();
  t.open(y.h1, one, EXT, b);
  y.settle();
  const got = lastOf(y.h2.take(), t.protocol);
  if (got === undefined) return seen(false, "nothing arrives at the other host inside");
  y.h1.take();
  if (t.name === "UDP") y.h2.sendUdp(two, got.src, got.sport);
  else y.h2.sendTcp(two, got.src, got.sport, TCP_SYN | TCP_ACK, { seq: 5000, ack: 1001 });
  y.settle();
  const back = lastOf(y.h1.take(), t.protocol);
  return all(
    seen(got.src === EXT && got.sport === a, `arrives from ${got.src}:${got.sport}`),
    seen(back !== undefined && back.src === EXT && back.sport === b, "the answer comes back from the outside endpoint"),
  );
}

/** A payload that names the sender's address leaves as it is. */
export function untouched(sent: string, got: Heard | undefined): Seen {
  const text = got === undefined ? "" : new TextDecoder().decode(got.data);
  return seen(
    text === sent,
    text === sent ? "addresses in the payload are left alone" : `the payload became ${JSON.stringify(text)}`,
  );
}

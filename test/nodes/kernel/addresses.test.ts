import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp, parsePrefix } from "../../../src/core/addr.ts";
import { NEVER, S } from "../../../src/core/time.ts";
import { ADDRESSES_MAX, AddressBook, type AddressHost, type AddressSpec } from "../../../src/nodes/kernel/addresses.ts";
import { Fib } from "../../../src/nodes/kernel/fib/fib.ts";
import { FibResult } from "../../../src/nodes/kernel/fib/search.ts";
import { cases } from "../../harness/shared.ts";
import { Box } from "./fib/box.ts";

const at = (text: string): { address: number; length: number } =>
  parsePrefix(text) as { address: number; length: number };
const ip = (text: string): number => at(text).address;

interface Bench {
  readonly fib: Fib;
  readonly book: AddressBook;
  promotes: boolean;
  localnet: boolean;
}
/** Devices 1…4: `lo`, `e1`…, all up. */
function bench(...addresses: readonly (readonly [number, string, Partial<AddressSpec>?])[]): Bench {
  const names = ["", "lo", "e1", "e2", "e3"];
  const state = { promotes: false, localnet: false };
  const host: AddressHost = {
    device: (i) => (i >= 1 && i <= 4 ? { name: names[i] as string, up: true, carrier: true } : undefined),
    promotesSecondaries: () => state.promotes,
    routesLocalnet: () => state.localnet,
  };
  const fib = new Fib(host);
  const made = Object.assign(state, { fib, book: new AddressBook(fib, host) });
  for (const [ifindex, text, more] of addresses) expect(made.book.add(ifindex, { ...at(text), ...more }).ok).toBe(true);
  return made;
}

describe("source addresses", () => {
  const { book } = bench(
    [1, "127.0.0.1/8"],
    [1, "192.0.2.1/32"],
    [2, "10.0.0.1/24"],
    [2, "10.0.1.1/24"],
    [2, "10.0.1.2/24"],
    [2, "169.254.0.1/16", { scope: 253 }],
    [3, "172.16.0.1/16", { scope: 253 }],
  );
  const source = (ifindex: number, dst: string, scope: number): string =>
    formatIp(book.selectSource(ifindex, ip(dst), scope));

  it("is the first of the device that may be seen so far", () => {
    expect(source(2, "0.0.0.0", 0)).toBe("10.0.0.1");
    expect(source(2, "8.8.8.8", 0)).toBe("10.0.0.1");
    expect(source(2, "8.8.8.8", 253)).toBe("169.254.0.1"); // narrower scopes stand first in the list
  });
  it("is rather one of the destination's subnet, though never a secondary one", () => {
    expect(source(2, "10.0.1.2", 0)).toBe("10.0.1.1");
    expect(source(2, "169.254.9.9", 253)).toBe("169.254.0.1");
  });
  it("is borrowed from another device, the loopback first, when the device has none", () => {
    expect(source(4, "8.8.8.8", 0)).toBe("192.0.2.1");
    expect(source(3, "8.8.8.8", 0)).toBe("192.0.2.1");
    expect(source(3, "8.8.8.8", 253)).toBe("172.16.0.1");
    expect(source(4, "8.8.8.8", 254)).toBe("127.0.0.1");
    expect(bench([3, "172.16.0.1/16", { scope: 253 }]).book.selectSource(4, 0, 253)).toBe(0); // not of link scope
  });
  it("may be a host's own where 127.0.0.0/8 is routed", () => {
    const local = bench([2, "127.0.0.1/8"]);
    expect(local.book.selectSource(2, 0, 253)).toBe(0);
    local.localnet = true;
    expect(local.book.selectSource(2, 0, 253)).toBe(0x7f000001);
  });
});

describe("what an address is", () => {
  it("is local as long as any device has it", () => {
    const { book } = bench([2, "10.0.0.1/24"], [3, "10.0.0.1/24"]);
    expect(book.isLocal(ip("10.0.0.1"))).toBe(true);
    expect(book.remove(2, ip("10.0.0.1"), 24).ok).toBe(true);
    expect(book.isLocal(ip("10.0.0.1"))).toBe(true);
    expect(book.remove(3, ip("10.0.0.1")).ok).toBe(true);
    expect(book.isLocal(ip("10.0.0.1"))).toBe(false);
  });
  it("is a broadcast when a subnet says so, or all bits do", () => {
    const { book } = bench();
    expect([book.isBroadcast(ip("10.0.0.255")), book.isBroadcast(0xffffffff)]).toEqual([false, true]);
    book.add(2, at("10.0.0.1/24"));
    book.add(2, { ...at("10.0.1.1/31"), broadcast: ip("10.0.9.9") });
    expect(["10.0.0.255", "10.0.0.0", "10.0.9.9", "10.0.1.1", "8.8.8.8"].map((a) => book.isBroadcast(ip(a)))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });
  it("is on the link by the subnets of the device", () => {
    const { book } = bench([2, "10.0.0.1/24"], [2, "10.0.1.1/32", { peer: ip("10.0.2.1") }], [3, "10.0.3.1/24"]);
    expect(["10.0.0.9", "10.0.2.1", "10.0.1.1", "10.0.3.9"].map((a) => book.onLink(2, ip(a)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(book.onLinkWith(2, ip("10.0.0.9"), ip("10.0.0.8"))).toBe(true);
    expect(book.onLinkWith(2, ip("10.0.0.9"), ip("10.0.2.1"))).toBe(false);
  });
});

describe("requests", () => {
  it("are refused in Linux's words", () => {
    const { book } = bench([2, "10.0.0.1/24"]);
    expect(book.add(9, at("10.0.0.1/24"))).toEqual({ ok: false, errno: "ENODEV", detail: "ipv4: Device not found" });
    expect(book.add(2, { address: 1, length: 33 })).toEqual({
      ok: false,
      errno: "EINVAL",
      detail: "ipv4: Invalid prefix length",
    });
    expect(book.add(2, at("10.0.0.1/24"))).toEqual({
      ok: false,
      errno: "EEXIST",
      detail: "ipv4: Address already assigned",
    });
    expect(book.add(2, { ...at("10.0.0.2/24"), scope: 253 })).toEqual({
      ok: false,
      errno: "EINVAL",
      detail: "ipv4: Invalid scope value",
    });
    expect(book.remove(9, 1)).toEqual({ ok: false, errno: "ENODEV", detail: "ipv4: Device not found" });
    expect(book.remove(2, 1)).toEqual({ ok: false, errno: "EADDRNOTAVAIL", detail: "ipv4: Address not found" });
    expect(book.remove(2, ip("10.0.0.1"), 24, { label: "e1:9" }).ok).toBe(false);
  });
  it("find no room for one too many", () => {
    const { book } = bench();
    const filled = new AddressBook(new Fib({ device: () => undefined }), {
      device: () => ({ name: "d", up: false, carrier: true }),
    });
    // One address per device, for the addresses of one are looked through one by one.
    for (let i = 1; i <= ADDRESSES_MAX; i++) filled.add(i, { address: i, length: 32 });
    expect(filled.add(1, { address: 0x0a000000, length: 32 })).toEqual({ ok: false, errno: "ENOBUFS" });
    expect(book.list()).toEqual([]);
  });
});

describe("devices", () => {
  const labels = (book: AddressBook): string[] => book.list(2).map((a) => a.label);

  it("give their new name to labels, tails kept", () => {
    const { book, fib } = bench([2, "10.0.0.1/24"], [2, "10.0.1.1/24", { label: "e1:web" }], [2, "10.0.2.1/24"]);
    expect(labels(book)).toEqual(["e1", "e1:web", "e1"]);
    const before = fib.generation;
    book.deviceRenamed(2, "uplink");
    expect(labels(book)).toEqual(["uplink", "uplink:web", "uplink:3"]);
    expect(fib.generation).not.toBe(before);
    book.deviceRenamed(2, "averylongdevice");
    expect(labels(book)).toEqual(["averylongdevice", "averylongde:web", "averylongdevi:3"]);
  });
  it("take all with them when they are removed", () => {
    const { book, fib } = bench([2, "10.0.0.1/24"], [2, "10.0.0.2/24"], [3, "10.0.1.1/24"]);
    fib.addRoute({ ...{ dst: ip("20.0.0.0"), length: 8 }, gateway: ip("10.0.0.9") });
    book.deviceRemoved(2);
    expect(book.list().map((a) => a.ifindex)).toEqual([3]);
    expect(fib.routes().every((r) => r.nexthops[0]?.ifindex === 3)).toBe(true);
  });
});

describe("listeners", () => {
  it("hear when all is done, and may act on it", () => {
    const { book, fib } = bench([2, "10.0.0.1/24"], [2, "10.0.0.2/24"], [2, "10.0.0.3/24"]);
    const heard: string[] = [];
    const stop = book.onChange((c) => {
      heard.push(`${c.op} ${formatIp(c.address.address)}, ${book.list(2).length} there`);
      if (heard.length === 1) book.add(2, at("10.0.9.1/24"));
    });
    expect(book.remove(2, ip("10.0.0.1"), 24).ok).toBe(true);
    expect(heard).toEqual([
      "del 10.0.0.2, 0 there",
      "add 10.0.9.1, 1 there",
      "del 10.0.0.3, 1 there",
      "del 10.0.0.1, 1 there",
    ]);
    expect(fib.routes(254).map((r) => formatIp(r.dst))).toEqual(["10.0.9.0"]);
    stop();
    book.remove(2, ip("10.0.9.1"));
    expect(heard.length).toBe(4);
  });
});

describe("lifetimes", () => {
  it("of secondary addresses end with their primary's", () => {
    const { book } = bench([2, "10.0.0.1/24", { validUntil: S }], [2, "10.0.0.2/24", { preferredUntil: S }]);
    const heard: string[] = [];
    book.onChange((c) => heard.push(`${c.op} ${formatIp(c.address.address)}`));
    book.tick(S);
    expect(heard).toEqual(["del 10.0.0.2", "del 10.0.0.1"]);
  });

  it("end in the order of their instants, and the secondary address is promoted if that is set", () => {
    const made = bench([2, "10.0.0.1/24", { validUntil: 10 * S, preferredUntil: 5 * S }], [2, "10.0.0.2/24"]);
    const { book } = made;
    made.promotes = true;
    const heard: string[] = [];
    book.onChange((c) => heard.push(`${c.op} ${formatIp(c.address.address)}`));
    expect(book.deadline()).toBe(5 * S);
    book.tick(5 * S - 1);
    expect(heard).toEqual([]);
    book.tick(5 * S);
    expect(book.list(2)[0]?.deprecated).toBe(true);
    expect(book.deadline()).toBe(10 * S);
    book.tick(10 * S);
    expect(book.deadline()).toBe(NEVER);
    expect(heard).toEqual(["change 10.0.0.1", "del 10.0.0.1", "change 10.0.0.2"]);
    expect(book.list(2).map((a) => a.secondary)).toEqual([false]);
  });
  it("are renewed by replacing", () => {
    const { book } = bench([2, "10.0.0.1/24", { validUntil: 10 * S, preferredUntil: 5 * S }]);
    book.tick(5 * S);
    expect(book.add(2, { ...at("10.0.0.1/24"), validUntil: 30 * S, preferredUntil: 20 * S }, "replace").ok).toBe(true);
    expect(book.list(2)[0]?.deprecated).toBe(false);
    book.tick(10 * S);
    expect(book.list(2).length).toBe(1);
    expect(book.deadline()).toBe(20 * S);
  });
});

describe("whatever came and went", () => {
  const command = fc
    .tuple(
      fc.constantFrom("add", "add", "del", "replace"),
      fc.constantFrom(
        "10.0.0.1/24",
        "10.0.0.2/24",
        "10.0.0.3/24",
        "10.0.0.1/25",
        "10.0.1.1/24",
        "10.0.0.1/32",
        "10.0.2.0/31",
      ),
      fc.constantFrom("", " brd +", " brd 10.0.0.7"),
      fc.constantFrom("e1", "e1", "e2"),
    )
    .map(([verb, address, brd, dev]) => `ip addr ${verb} ${address}${verb === "del" ? "" : brd} dev ${dev}`);
  const link = fc.constantFrom(
    "ip link set e1 down",
    "ip link set e1 up",
    "ip link set e2 up",
    "set promote_secondaries 1",
  );

  it("tables and book agree: an address is local by its route when it is by the book, and nothing is left at the end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 5, arbitrary: command }, { weight: 1, arbitrary: link }), { maxLength: 40 }),
        (commands) => {
          const box = new Box(2);
          box.run("ip link set e1 up");
          const seen = new Set<string>();
          box.book.onChange((c) => {
            const name = `${c.address.ifindex} ${c.address.address}/${c.address.length}`;
            if (c.op === "add") seen.add(name);
            else if (c.op === "del") expect(seen.delete(name)).toBe(true);
          });
          for (const line of commands) box.run(line);
          expect(box.book.list().length).toBe(seen.size);
          const out = new FibResult();
          for (const a of box.book.list()) {
            expect(box.book.isLocal(a.address)).toBe(true);
            expect(box.fib.lookup({ dst: a.address, src: 0, tos: 0, mark: 0, iif: 1, oif: 0 }, out)).toBe(true);
            expect(out.route?.type).toBe("local");
          }
          for (const r of box.fib.routes(255)) if (r.type === "local") expect(box.book.isLocal(r.dst)).toBe(true);
          for (const a of [...box.book.list()]) box.book.remove(a.ifindex, a.address, a.length);
          expect(box.fib.routes()).toEqual([]);
        },
      ),
      { numRuns: cases(200, 20_000) },
    );
  });
});

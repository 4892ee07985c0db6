import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Entries, formatG, formatUnits, parseUnits, printJson } from "../../../src/console/iperf3/units.ts";
import type { LabNode } from "../../../src/lab/node.ts";
import { pair, recorded } from "../../harness/pair.ts";

const golden = (name: string): URL => new URL(`golden/${name}`, import.meta.url);

/** A report without its figures: they differ from machine to machine, the form does not. */
const shape = (text: string): string =>
  text
    .replace(/[KMGT]?(Bytes|bits)/g, "$1")
    .replace(/\d+(\.\d+)?(e[-+]\d+)?/g, "N")
    .replace(/ +/g, " ");
/** The same of JSON text: numbers, and the words that tell of the machine. */
const jsonShape = (text: string): string =>
  shape(text.replace(/"(time|cookie|system_info|\w+_tcp_congestion)":\t"[^"]*"/g, '"$1":\t"…"')).replace(/-N/g, "N");

function serving(rate = "20Mbit"): { readonly h1: LabNode; readonly server: () => string; readonly stop: () => void } {
  const { h1, h2 } = pair(1, rate);
  const server = h2.spawn("iperf3 -s");
  return { h1, server: () => server.output, stop: () => server.interrupt() };
}

describe("iperf3 prints as the real one", () => {
  const { h1 } = serving();
  it.each(recorded(golden("client.txt")))("$command", ({ command, output, status }) => {
    const done = h1.exec(command);
    expect(shape(done.output)).toBe(shape(output));
    expect(done.status).toBe(status);
  });

  it("as a server", () => {
    const { h1: client, server } = serving();
    const commands = recorded(golden("client.txt")).slice(0, 5);
    for (const { command } of commands) client.exec(command);
    const lines = (text: string): string[] =>
      shape(text)
        .split("\n")
        .filter((line) => !/N-N sec/.test(line) || /(sender|receiver)$/.test(line)); // the last bit of data may be a line of its own
    const want = lines(readFileSync(golden("server.txt"), "utf8"));
    expect(lines(server()).slice(0, want.length - 1)).toEqual(want.slice(0, -1));
  });

  it.each([
    ["-t 2 -J", "tcp-json.txt"],
    ["-t 2 -J -R -P 2", "tcp-rp-json.txt"],
    ["-t 2 -J -u -b 5M", "udp-json.txt"],
    ["-t 2 -J --bidir", "bidir-json.txt"],
    ["-J -p 5555", "err-json.txt"],
  ])("with %s", (options, file) => {
    const { h1: client } = serving();
    const text = client.exec(`iperf3 -c 10.0.0.2 ${options}`).output;
    expect(jsonShape(text)).toBe(jsonShape(readFileSync(golden(file), "utf8")));
    JSON.parse(text);
  });
});

describe("iperf3 measures", () => {
  interface Report {
    readonly end: Record<string, Record<string, number>>;
  }
  const run = (h1: LabNode, options: string): Report =>
    JSON.parse(h1.exec(`iperf3 -c 10.0.0.2 -J ${options}`).output) as Report;
  const payload = (1e8 * 1448) / 1538;

  it.each(["", "-R", "-P 3"])("what the line carries over TCP: %s", (options) => {
    const { h1 } = serving("100Mbit");
    const { end } = run(h1, `-t 3 -O 1 ${options}`);
    const goodput = end["sum_received"]?.["bits_per_second"] ?? 0;
    expect(goodput / payload).toBeGreaterThan(0.98);
    expect(goodput / payload).toBeLessThan(1.01);
  });
  it("a rate that was asked for", () => {
    const { h1 } = serving("100Mbit");
    const tcp = run(h1, "-t 2 -b 50M").end["sum_received"]?.["bits_per_second"] ?? 0;
    const udp = run(h1, "-t 2 -u -b 80M").end["sum_received"]?.["bits_per_second"] ?? 0;
    expect(Math.abs(tcp / 50e6 - 1)).toBeLessThan(0.05);
    expect(Math.abs(udp / 80e6 - 1)).toBeLessThan(0.02);
  });
  it("what is lost of datagrams", () => {
    const { net, h1, h2 } = pair(3, "100Mbit");
    h2.spawn("iperf3 -s");
    h1.exec("iperf3 -c 10.0.0.2 -u -b 1M -t 1");
    net.cable("h1", "h2").tune({ loss: 0.1 });
    const sum = run(h1, "-t 4 -u -b 20M").end["sum_received"] ?? {};
    expect(sum["lost_percent"]).toBeGreaterThan(7);
    expect(sum["lost_percent"]).toBeLessThan(13);
  });
  it("an amount of octets or blocks", () => {
    const { h1, server } = serving();
    expect(h1.exec("iperf3 -c 10.0.0.2 -n 3M").output).toContain("3.00 MBytes");
    expect(h1.exec("iperf3 -c 10.0.0.2 -k 4 -l 1M").output).toContain("4.00 MBytes");
    expect(h1.exec("iperf3 -c 10.0.0.2 -n 1M -R").status).toBe(0);
    h1.net.run(1);
    expect(server()).toContain("(test #4)");
  });
});

describe("iperf3 ends as the real one", () => {
  it("on Ctrl-C of the client, which the server hears of", () => {
    const { net, h1, h2 } = pair(1, "20Mbit");
    const server = h2.spawn("iperf3 -s -1");
    const client = h1.spawn("iperf3 -c 10.0.0.2 -t 60");
    net.run(2.5);
    client.interrupt();
    net.run(1);
    expect(client.status).toBe(1);
    expect(client.output).toMatch(
      /2\.00-2\.50 .*\n- - [- ]*\n\[ ID\].*Retr\n.*sender\n.*0\.00 Bytes {2}0\.00 bits\/sec +receiver\niperf3: interrupt - the client has terminated\n$/,
    );
    expect(server.status).toBe(0);
    expect(server.output).toContain("iperf3: the client has terminated");
  });
  it("on Ctrl-C of the server", () => {
    const { net, h1, h2 } = pair(1, "20Mbit");
    const server = h2.spawn("iperf3 -s");
    const client = h1.spawn("iperf3 -c 10.0.0.2 -t 60");
    net.run(1.5);
    server.interrupt();
    net.run(1);
    expect(server.status).toBe(1);
    expect(client.status).toBe(1);
    expect(client.output).toContain("iperf3: error - the server has terminated\n");
  });
  it("when the server is busy", () => {
    const { net, h1, h2 } = pair(1, "20Mbit");
    h2.spawn("iperf3 -s");
    const first = h1.spawn("iperf3 -c 10.0.0.2 -t 5");
    net.run(1);
    expect(h1.exec("iperf3 -c 10.0.0.2").output).toContain(
      "iperf3: error - the server is busy running a test. try again later\n",
    );
    net.run(6);
    expect(first.status).toBe(0);
  });
  it("as a daemon, which goes on", () => {
    const { h1, h2 } = pair(1, "20Mbit");
    expect(h2.exec("iperf3 -s -D")).toMatchObject({ status: 0, output: "" });
    expect(h1.exec("iperf3 -c 10.0.0.2 -n 1M").status).toBe(0);
  });
  it("with a word about options that are not built or wrong", () => {
    const { h1 } = pair(1, "20Mbit");
    const first = (command: string): string => h1.exec(command).output.split("\n")[0] as string;
    expect(first("iperf3")).toBe("iperf3: parameter error - must either be a client (-c) or server (-s)");
    expect(first("iperf3 -s -c x")).toBe("iperf3: parameter error - cannot be both server and client");
    expect(first("iperf3 -s -t 4")).toBe("iperf3: parameter error - some option you are trying to set is client only");
    expect(first("iperf3 -c x --sctp")).toBe(
      "iperf3: parameter error - an option you are trying to set is not implemented yet: --sctp",
    );
    expect(first("iperf3 -c x -u -w 1M")).toContain("socket buffer sizes (-w) of UDP are not built");
    expect(first("iperf3 -c x --frob")).toBe("iperf3: unrecognized option '--frob'");
    expect(first("iperf3 -c x -P 200")).toBe(
      "iperf3: parameter error - number of parallel streams too large (maximum = 128)",
    );
  });
});

describe("figures", () => {
  it("are written as C writes them", () => {
    expect([0.004, 1e6, 123456.789, 1e-5, 5e15, 0.1].map((x) => formatG(x, 6))).toEqual([
      "0.004",
      "1e+06",
      "123457",
      "1e-05",
      "5e+15",
      "0.1",
    ]);
    expect([1_858_076_672, 0, 1024 * 999.6, 1e9 / 8].map((x) => formatUnits(x, "A"))).toEqual([
      "1.73 GBytes",
      "0.00 Bytes",
      "1000 KBytes",
      " 119 MBytes",
    ]);
    expect([16.3e9 / 8, 5e6 / 8, 999.4e6 / 8].map((x) => formatUnits(x, "a"))).toEqual([
      "16.3 Gbits",
      "5.00 Mbits",
      " 999 Mbits",
    ]);
    expect([parseUnits("5M", 1000), parseUnits("5M", 1024), parseUnits("zz", 1000)]).toEqual([5e6, 5 * 1024 ** 2, 0]);
  });
  it("are JSON that others read", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), (x, text) => {
        const e = new Entries().add("x", x).add("list", [text, new Entries()]);
        expect(JSON.parse(printJson(e))).toEqual({ x: x + 0, list: [text, {}] });
      }),
    );
  });
});

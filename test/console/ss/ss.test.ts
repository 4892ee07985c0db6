import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFilter } from "../../../src/console/ss/filter.ts";
import { pair } from "../../harness/pair.ts";
import { cases } from "../../harness/shared.ts";

describe("ss", () => {
  function talking() {
    const { net, h1, h2 } = pair();
    h2.spawn("nc -lk 7000");
    h2.spawn("nc -lu 7001");
    const client = h1.spawn("echo hello | nc -p 40000 10.0.0.2 7000");
    net.run(0.5);
    return { net, h1, h2, client };
  }

  it("lines its columns up as the real one", () => {
    const { h1, h2 } = talking();
    expect(h1.sh("ss -tn")).toBe(
      "State Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\nESTAB 0      0           10.0.0.1:40000     10.0.0.2:7000       \n",
    );
    expect(h2.sh("ss -tln")).toBe(
      "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0      1            0.0.0.0:7000      0.0.0.0:*          \n",
    );
    expect(h2.sh("ss -uln")).toBe(
      "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nUNCONN 0      0            0.0.0.0:7001      0.0.0.0:*          \n",
    );
    expect(h2.sh("ss -ntua -H").split("\n")[0]).toMatch(/^udp +UNCONN/);
    expect(h1.sh("ss -u")).toBe("Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n");
  });
  it("tells of a connection with -i and of timers with -o", () => {
    const { net, h1, client } = talking();
    const text = h1.sh("ss -tin");
    expect(text).toMatch(
      /10\.0\.0\.2:7000\n\t ts sack cubic wscale:\d+,\d+ rto:20\d rtt:[\d.]+\/[\d.]+ mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 bytes_sent:6 bytes_acked:7 segs_out:3 segs_in:2 data_segs_out:1 send \d+bps .*minrtt:[\d.]+ snd_wnd:\d+ *\n$/,
    );
    client.interrupt();
    net.run(1);
    expect(h1.sh("ss -tano")).toMatch(
      /TIME-WAIT 0 +0 +10\.0\.0\.1:40000 +10\.0\.0\.2:7000 timer:\(timewait,(58|59)sec,0\)/,
    );
  });
  it("filters by state and by expressions", () => {
    const { h2 } = talking();
    const count = (filter: string): number => h2.sh(`ss -H -tan ${filter}`).split("\n").length - 1;
    expect(["", "state listening", "state established", "exclude listening"].map(count)).toEqual([2, 1, 1, 1]);
    expect(
      ["sport = :7000", "dport = :40000", "dst 10.0.0.0/8", "dst 10.0.0.1:40000", "src 10.9.0.0/16"].map(count),
    ).toEqual([2, 1, 1, 1, 0]);
    expect(["'( sport = :7000 and not dst 10.0.0.1 )'", "'dport gt :39999 or sport lt :7000'"].map(count)).toEqual([
      1, 1,
    ]);
  });
  it("complains as the real one", () => {
    const { h1 } = pair();
    expect(h1.exec("ss -tn foo bar")).toMatchObject({
      status: 1,
      output: 'Error: an inet prefix is expected rather than "foo".\nCannot parse dst/src address.\n',
    });
    expect(h1.exec("ss -x")).toMatchObject({ status: 255, output: "ss: option -x is not built\n" });
    expect(h1.exec("ss -t state nowhere").output).toBe("ss: wrong state name: nowhere\n");
  });
  it("takes any filter without a fault", () => {
    const word = fc.constantFrom(
      "src",
      "dst",
      "sport",
      "=",
      ":80",
      "10.0.0.0/8",
      "and",
      "or",
      "not",
      "(",
      ")",
      "!",
      "*",
      "",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 10 }), (words) => {
        expect(typeof parseFilter(words).ok).toBe("boolean");
      }),
      { numRuns: cases(500, 50_000) },
    );
  });
});

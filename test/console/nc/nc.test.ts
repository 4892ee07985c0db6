import { describe, expect, it } from "vitest";
import { pair, recorded } from "../../harness/pair.ts";

const golden = new URL("golden/nc.txt", import.meta.url);

describe("nc", () => {
  it("prints as the real one", () => {
    const { net, h1, h2 } = pair();
    h2.spawn("nc -l 8080");
    for (const { command, output, status } of recorded(golden)) {
      const done = h1.exec(command);
      expect({ command, output: done.output, status: done.status }).toEqual({ command, output, status });
      net.run(0.1);
    }
  });
  it("carries standard input both ways, and ends with it", () => {
    const { net, h1, h2 } = pair();
    const server = h2.spawn("echo answer | nc -lv 9000");
    const client = h1.exec("echo question | nc -N -v 10.0.0.2 9000");
    net.run(0.1);
    expect(client).toMatchObject({
      status: 0,
      output: "Connection to 10.0.0.2 9000 port [tcp/*] succeeded!\nanswer\n",
    });
    expect(server.output).toMatch(/^Listening on 0\.0\.0\.0 9000\nConnection received on 10\.0\.0\.1 \d+\nquestion\n$/);
    expect(server.status).toBe(0);
  });
  it("moves files of any octets", () => {
    const { net, h1, h2 } = pair();
    h2.spawn("nc -l 9000 > got");
    h1.sh("dd if=/dev/urandom of=file bs=1M count=3 status=none");
    h1.sh("nc -N 10.0.0.2 9000 < file");
    net.run(0.1);
    expect(h2.sh("md5sum < got")).toBe(h1.sh("md5sum < file"));
    expect(h2.sh("wc -c < got")).toBe("3145728\n");
  });
  it("serves one after the other with -k", () => {
    const { net, h1, h2 } = pair();
    const server = h2.spawn("nc -lk 9000");
    h1.sh("echo one | nc -N 10.0.0.2 9000");
    h1.sh("echo two | nc -N 10.0.0.2 9000");
    net.run(0.1);
    expect([server.output, server.ended]).toEqual(["one\ntwo\n", false]);
    server.interrupt();
    expect(server.status).toBe(130);
  });
  it("talks over UDP, and gives up after -w", () => {
    const { net, h1, h2 } = pair();
    const server = h2.spawn("nc -lu 9001");
    expect(h1.exec("echo hi | nc -u -w 2 10.0.0.2 9001").status).toBe(0);
    expect(server.output).toBe("hi\n");
    expect(net.now).toBeGreaterThanOrEqual(2e9);
  });
  it("refuses by name what is not built", () => {
    const { h1 } = pair();
    expect(h1.exec("nc -X 5 10.0.0.2 80")).toMatchObject({ status: 1, output: "nc: option -X is not built\n" });
  });
});

import { describe, expect, it } from "vitest";
import type { LabNode } from "../../../src/lab/node.ts";
import { pair, recorded } from "../../harness/pair.ts";

const golden = new URL("golden/curl.txt", import.meta.url);

/** Times and speeds left out, and the server's version: they differ. */
const plain = (text: string): string =>
  text
    .replace(/\r\n?/g, "\n")
    .replace(/Python\/[\d.]+/g, "Python")
    .replace(/(Date|Last-Modified): .*/g, "$1: …")
    .replace(/( *[\d.]+[kMG]?){3,4}( +(--:--:--|\d+:\d\d:\d\d)){3} +[\d.]+[kMG]?/g, " …")
    .replace(/after \d+ ms: (Couldn't|Timeout)/g, "after … ms: $1")
    .replace(/after 100\d milliseconds/g, "after 100… milliseconds")
    .replace(/\{ \[\d+ bytes data\]/g, "{ […]");

function www(h2: LabNode, command = "python3 -m http.server -d /www 80"): void {
  h2.sh(
    "echo hello > /www/index.html; echo x > /www/sub/f; dd if=/dev/urandom of=/www/big bs=1000000 count=5 status=none",
  );
  h2.spawn(command);
}

describe("curl", () => {
  it.each(recorded(golden))("prints as the real one: $command", ({ command, output, status }) => {
    const { h1, h2 } = pair();
    www(h2);
    const done = h1.exec(command);
    expect(plain(done.output)).toBe(plain(output));
    expect(done.status).toBe(status);
  });
  it("fetches the octets that are there", () => {
    const { h1, h2 } = pair();
    www(h2);
    h1.sh("curl -s -o /copy http://10.0.0.2/big");
    expect(h1.sh("md5sum < copy")).toBe(h2.sh("md5sum < /www/big"));
  });
  it("keeps a connection that may be kept, and says so", () => {
    const { h1, h2 } = pair();
    www(h2, "python3 -m http.server -d /www -p HTTP/1.1 80");
    const { output } = h1.exec("curl -sv http://10.0.0.2/ http://10.0.0.2/sub/f");
    expect(output).toContain("* Connection #0 to host 10.0.0.2 left intact\n");
    expect(output).toContain("* Re-using existing connection #0 with host 10.0.0.2\n");
    expect(h1.sh("curl -s -o a -o b -w '%{num_connects} ' http://10.0.0.2/ http://10.0.0.2/big")).toBe("1 0 ");
  });
  it("asks for ranges, which busybox serves", () => {
    const { h1, h2 } = pair();
    www(h2, "busybox httpd -f -p 80 -h /www");
    const [whole, part] = [h2.kernel.os.files.open("/www/big"), "curl -s -r 1000-1999 http://10.0.0.2/big -o part"];
    h1.sh(part);
    const got = h1.kernel.os.files.open("/part");
    if (!whole.ok || !got.ok) throw new Error("no file");
    expect(got.value.content.bytes()).toEqual(whole.value.content.bytes().slice(1000, 2000));
    expect(h1.sh("curl -s -i -r 0-1 http://10.0.0.2/")).toContain("HTTP/1.1 206 Partial Content\r\n");
    expect(h1.exec("curl -s -o /dev/null -w '%{http_code}' http://10.0.0.2/none").output).toBe("404");
  });
  it("measures what -w asks for", () => {
    const { h1, h2 } = pair();
    www(h2);
    const text = h1.sh(
      "curl -s -o /dev/null -w '%{http_code} %{size_download} %{time_connect} %{time_total} %{speed_download} %{remote_ip}:%{remote_port}\\n' http://10.0.0.2/big",
    );
    const [code, size, connect, total, speed, remote] = text.trim().split(" ");
    expect([code, size, remote]).toEqual(["200", "5000000", "10.0.0.2:80"]);
    expect(Number(connect)).toBeGreaterThan(0.0002);
    expect(Number(connect)).toBeLessThan(0.001);
    expect(Number(speed) * Number(total)).toBeGreaterThan(4_999_000);
  });
  it("keeps to a rate and to its time", () => {
    const { net, h1, h2 } = pair();
    www(h2);
    const from = net.now;
    h1.sh("curl -s --limit-rate 2M -o /dev/null http://10.0.0.2/big");
    expect((net.now - from) / 1e9).toBeCloseTo(5e6 / 2 ** 21, 1);
    const slow = h1.exec("curl -sS -m 1 --limit-rate 100k -o /dev/null http://10.0.0.2/big");
    expect(slow.status).toBe(28);
    expect(slow.output).toMatch(
      /^curl: \(28\) Operation timed out after 1000 milliseconds with \d+ out of 5000000 bytes received\n$/,
    );
  });
  it("tells what went wrong", () => {
    const { net, h1, h2 } = pair();
    const said = (command: string): string => h1.exec(command).output;
    h2.spawn("echo 'HTTP/1.1 200 OK' | nc -l -q 0 90");
    expect(said("curl -sS http://10.0.0.2:90/")).toMatch(/^curl: \((1|52|56)\)/);
    net.run(1);
    h2.spawn("echo garbage | nc -l -q 0 91");
    expect(said("curl -sS http://10.0.0.2:91/")).toBe("curl: (1) Received HTTP/0.9 when not allowed\n");
    expect(said("curl -sS https://10.0.0.2/")).toBe(
      'curl: (1) Protocol "https" not supported or disabled in libcurl\n',
    );
    expect(said("curl -k http://10.0.0.2/")).toContain(
      "curl: option -k: the installed libcurl version doesn't support this\n",
    );
  });
  it("stops on Ctrl-C", () => {
    const { net, h1, h2 } = pair();
    www(h2);
    const running = h1.spawn("curl -s --limit-rate 10k -o /dev/null http://10.0.0.2/big");
    net.run(1);
    running.interrupt();
    expect(running.status).toBe(130);
  });
});

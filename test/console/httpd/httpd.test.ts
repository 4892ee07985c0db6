import { describe, expect, it } from "vitest";
import { pair } from "../../harness/pair.ts";

describe("http.server of Python", () => {
  it("logs as the real one, and ends on Ctrl-C", () => {
    const { h1, h2 } = pair();
    h2.sh("echo hello > /index.html");
    const server = h2.spawn("python3 -m http.server 80");
    h1.exec("curl -s http://10.0.0.2/");
    h1.exec("curl -s http://10.0.0.2/none");
    server.interrupt();
    expect(server.status).toBe(0);
    expect(server.output).toBe(
      [
        "Serving HTTP on 0.0.0.0 port 80 (http://0.0.0.0:80/) ...",
        '10.0.0.1 - - [01/Jan/1970 00:00:00] "GET / HTTP/1.1" 200 -',
        "10.0.0.1 - - [01/Jan/1970 00:00:00] code 404, message File not found",
        '10.0.0.1 - - [01/Jan/1970 00:00:00] "GET /none HTTP/1.1" 404 -',
        "",
        "Keyboard interrupt received, exiting.",
        "",
      ].join("\n"),
    );
  });
  it("lists directories", () => {
    const { h1, h2 } = pair();
    h2.sh("echo x > '/d/a<b'; echo y > /d/e/f");
    h2.spawn("python3 -m http.server 80");
    const page = h1.exec("curl -s -L http://10.0.0.2/d").output;
    expect(page).toContain("<title>Directory listing for /d/</title>");
    expect(page).toContain('<li><a href="a%3Cb">a&lt;b</a></li>\n<li><a href="e/">e/</a></li>');
    expect(h1.exec("curl -s -o /dev/null -w '%{http_code}' http://10.0.0.2/d/../../etc").output).toBe("404");
  });
  it("answers requests that come together, in their order, until one is malformed", () => {
    const { h1, h2 } = pair();
    h2.sh("echo one > /1; echo two > /2");
    h2.spawn("python3 -m http.server -p HTTP/1.1 80");
    const get = (path: string): string => `GET ${path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n`;
    const text = h1.exec(
      `echo -ne '${get("/1")}HEAD /2 HTTP/1.1\\r\\n\\r\\n${get("/2")}nonsense\\r\\n\\r\\n' | nc 10.0.0.2 80`,
    ).output;
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1])).toEqual(["200", "200", "200", "400"]);
    expect(text.match(/\r\n\r\n(one|two)\n/g)).toEqual(["\r\n\r\none\n", "\r\n\r\ntwo\n"]);
  });
  it("needs its port for itself", () => {
    const { h2 } = pair();
    h2.spawn("python3 -m http.server 80");
    expect(h2.exec("python3 -m http.server 80")).toMatchObject({
      status: 1,
      output: "OSError: [Errno 98] Address already in use\n",
    });
    expect(h2.exec("python3 script.py").output).toBe('python3: only "python3 -m http.server" is built\n');
  });
  it("serves files that take no memory", () => {
    const { h1, h2 } = pair();
    h2.sh("fallocate -l 20M /zeros; truncate -s 1T /huge");
    h2.spawn("python3 -m http.server 80");
    h1.sh("curl -s -o /copy http://10.0.0.2/zeros");
    expect(h1.sh("wc -c copy")).toBe("20971520 copy\n");
    const copy = h1.kernel.os.files.open("/copy");
    expect(copy.ok && copy.value.content.stored).toBeLessThan(10_000);
    expect(h1.exec("curl -sI http://10.0.0.2/huge").output).toContain("Content-Length: 1099511627776\r\n");
  });
});

describe("httpd of busybox", () => {
  it("goes on as a daemon, or logs with -f -v", () => {
    const { h1, h2 } = pair();
    h2.sh("echo x > /w/index.html");
    expect(h2.exec("httpd -p 80 -h /w")).toMatchObject({ status: 0, output: "" });
    expect(h1.sh("curl -s http://10.0.0.2/")).toBe("x\n");
    const loud = h2.spawn("busybox httpd -f -v -p 8080 -h /w");
    h1.exec("curl -s http://10.0.0.2:8080/none");
    expect(loud.output).toMatch(/^10\.0\.0\.1:\d+: response:404\n$/);
  });
});

import { formatIp, parseIp } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import type { Process, Program } from "../../core/os.ts";
import { getopt } from "../programs/options.ts";
import { calendar } from "../sockets/dates.ts";
import { busyboxDialect, pythonDialect } from "./dialect.ts";
import { clientOf, HttpServer } from "./server.ts";

const PYTHON_USAGE = "usage: server.py [-h] [--cgi] [-b ADDRESS] [-d DIRECTORY] [-p VERSION] [port]\n";

/** `python3 -m http.server [-b ADDRESS] [-d DIRECTORY] [-p VERSION] [PORT]`; what else Python does is refused. */
export const python3: Program = (self) => {
  const [m, module, ...args] = self.args;
  if (m !== "-m" || module !== "http.server")
    return refuse(self, 'python3: only "python3 -m http.server" is built\n', 1);
  let [address, directory, protocol, port] = ["0.0.0.0", "", "HTTP/1.0", "8000"];
  let positional = 0;
  for (let i = 0; i < args.length; i++) {
    const [word = "", attached] = (args[i] as string).split(/=(.*)/s);
    const value = (): string => attached ?? args[++i] ?? "";
    if (word === "-b" || word === "--bind") address = value();
    else if (word === "-d" || word === "--directory") directory = value();
    else if (word === "-p" || word === "--protocol") protocol = value();
    else if (word.startsWith("-"))
      return refuse(self, `${PYTHON_USAGE}server.py: error: option ${word} is not built\n`, 2);
    else if (positional++ > 0)
      return refuse(self, `${PYTHON_USAGE}server.py: error: unrecognized arguments: ${word}\n`, 2);
    else port = word;
  }
  const bind = parseIp(address);
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 65_536;
  if (number > 65_535)
    return refuse(self, `${PYTHON_USAGE}server.py: error: argument port: invalid int value: '${port}'\n`, 2);
  if (bind === undefined) return refuse(self, "socket.gaierror: [Errno -2] Name or service not known\n", 1);
  if (protocol !== "HTTP/1.0" && protocol !== "HTTP/1.1")
    return refuse(
      self,
      `${PYTHON_USAGE}server.py: error: --protocol ${protocol} is not built: HTTP/1.0 and HTTP/1.1 are\n`,
      2,
    );
  const server = new HttpServer(self.os, {
    address: bind,
    port: number,
    backlog: 5,
    root: rootOf(directory),
    dialect: pythonDialect(protocol === "HTTP/1.1" ? "1.1" : "1.0"),
    log: (line, client) => self.err(`${clientOf(client)} - - [${pythonStamp(self)}] ${line}\n`),
  });
  const started = server.start();
  if (!started.ok) {
    const number = started.errno === "EADDRINUSE" ? 98 : started.errno === "EADDRNOTAVAIL" ? 99 : 22;
    return refuse(self, `OSError: [Errno ${number}] ${strerror(started.errno)}\n`, 1);
  }
  self.out(`Serving HTTP on ${formatIp(bind)} port ${number} (http://${formatIp(bind)}:${number}/) ...\n`);
  self.serve();
  self.onInterrupt(() => {
    server.stop();
    self.out("\nKeyboard interrupt received, exiting.\n");
    self.exit(0);
  });
};

function pythonStamp(self: Process): string {
  const { day, month, clock } = calendar(self.os.now());
  return `${day}/${month}/1970 ${clock}`;
}

/** `busybox httpd [-f] [-v[v]] [-p [IP:]PORT] [-h HOME]`. */
export const httpd: Program = (self) => serveFiles(self, self.args);

function serveFiles(self: Process, args: readonly string[]): void {
  const line = getopt("httpd", args, "c:d:h:e:r:m:p:u:ivf");
  if (!line.ok) return refuse(self, `${line.message}\n`, 1);
  const given = new Map(line.options.map((o) => [o.flag, o.value]));
  const foreign = line.options.find((o) => !"hpvf".includes(o.flag));
  if (foreign !== undefined) return refuse(self, `httpd: option -${foreign.flag} is not built\n`, 1);
  const m = /^(?:([\d.]+):)?(\d{1,5})$/.exec(given.get("p") ?? "80");
  const address = m === null ? undefined : parseIp(m[1] ?? "0.0.0.0");
  const port = Number(m?.[2]);
  if (address === undefined || port > 65_535) return refuse(self, `httpd: bad address '${given.get("p")}'\n`, 1);
  const foreground = given.has("f");
  const server = new HttpServer(self.os, {
    address,
    port,
    backlog: 9,
    root: rootOf(given.get("h") ?? ""),
    dialect: busyboxDialect(),
    log: (text, client) => {
      if (given.has("v") && foreground) self.err(`${clientOf(client)}:${client.remotePort}: ${text}\n`);
    },
  });
  const started = server.start();
  if (!started.ok) return refuse(self, `httpd: bind: ${strerror(started.errno)}\n`, 1);
  if (!foreground) return self.exit(0); // it goes on as a daemon
  self.serve();
  self.onInterrupt(() => {
    server.stop();
    self.exit(130);
  });
}

/** `busybox httpd …`; its other applets are refused. */
export const busybox: Program = (self) => {
  const [applet, ...args] = self.args;
  if (applet !== "httpd") return refuse(self, `busybox: ${applet ?? "without an applet"}: only httpd is built\n`, 127);
  serveFiles(self, args);
};

const rootOf = (directory: string): string => directory.replace(/\/+$/, "").replace(/^\.$/, "");

function refuse(self: Process, text: string, status: number): void {
  self.err(text);
  self.exit(status);
}

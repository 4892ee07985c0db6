import type { OsFile } from "../../core/os.ts";
import type { Nanos } from "../../core/time.ts";
import type { Field, RequestHead, Version } from "../../protocols/http/wire.ts";
import { fieldOf, rangeOf } from "../../protocols/http/wire.ts";
import { httpDate } from "../sockets/dates.ts";

/** What is answered: a head, and what stands in its body. */
export interface Answer {
  readonly version: Version;
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
  /** Octets [from, to) of a file, or text; nothing after HEAD. */
  readonly body: { readonly file: OsFile; readonly from: number; readonly to: number } | string;
  /** What the log says of it. */
  readonly log: readonly string[];
}

/** How a server program words its answers. */
export interface Dialect {
  readonly file: (r: RequestHead, path: string, file: OsFile, now: Nanos) => Answer;
  readonly directory: (r: RequestHead, path: string, names: readonly string[], now: Nanos) => Answer;
  readonly redirect: (r: RequestHead, to: string, now: Nanos) => Answer;
  readonly missing: (r: RequestHead, now: Nanos) => Answer;
  readonly unsupported: (r: RequestHead, now: Nanos) => Answer;
  /** `line`: what came instead of a request. */
  readonly malformed: (line: string, now: Nanos) => Answer;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  htm: "text/html",
  txt: "text/plain",
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
  png: "image/png",
  jpg: "image/jpeg",
  gz: "application/gzip",
  tar: "application/x-tar",
  zip: "application/zip",
  pdf: "application/pdf",
};
const typeOf = (path: string): string | undefined => TYPES[/\.([a-z]+)$/.exec(path)?.[1] ?? ""];

const field = (name: string, value: string | number): Field => ({ name, value: String(value) });
const escapeHtml = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const lengthOf = (text: string): number => new TextEncoder().encode(text).length;
const startLine = (r: RequestHead): string => `${r.method} ${r.target} HTTP/${r.version}`;

/** `python3 -m http.server` of Python 3.11; `version`: its `--protocol`. */
export function pythonDialect(version: Version): Dialect {
  const base = (now: Nanos): Field[] => [field("Server", "SimpleHTTP/0.6 Python/3.11.2"), field("Date", httpDate(now))];
  const logged = (line: string, status: number): string => `"${line}" ${status} -`;
  const error = (line: string, method: string, status: number, reason: string, why: string, now: Nanos): Answer => {
    const text = errorPage(status, reason, why);
    const fields = [
      ...base(now),
      field("Connection", "close"),
      field("Content-Type", "text/html;charset=utf-8"),
      field("Content-Length", lengthOf(text)),
    ];
    const log = [`code ${status}, message ${reason}`, logged(line, status)];
    return { version, status, reason, fields, body: method === "HEAD" ? "" : text, log };
  };
  const ok = (r: RequestHead, fields: readonly Field[], body: Answer["body"], now: Nanos): Answer => ({
    version,
    status: 200,
    reason: "OK",
    fields: [...base(now), ...fields],
    body: r.method === "HEAD" ? "" : body,
    log: [logged(startLine(r), 200)],
  });
  return {
    file: (r, path, file, now) =>
      ok(
        r,
        [
          field("Content-type", typeOf(path) ?? "application/octet-stream"),
          field("Content-Length", file.size),
          field("Last-Modified", httpDate(file.changedAt)),
        ],
        { file, from: 0, to: file.size },
        now,
      ),
    directory: (r, path, names, now) => {
      const text = listingPage(path, names);
      const fields = [field("Content-type", "text/html; charset=utf-8"), field("Content-Length", lengthOf(text))];
      return ok(r, fields, text, now);
    },
    redirect: (r, to, now) => ({
      version,
      status: 301,
      reason: "Moved Permanently",
      fields: [...base(now), field("Location", to), field("Content-Length", 0)],
      body: "",
      log: [logged(startLine(r), 301)],
    }),
    missing: (r, now) => error(startLine(r), r.method, 404, "File not found", "Nothing matches the given URI", now),
    unsupported: (r, now) =>
      error(
        startLine(r),
        r.method,
        501,
        `Unsupported method ('${r.method}')`,
        "Server does not support this operation",
        now,
      ),
    malformed: (line, now) =>
      error(line, "", 400, `Bad request syntax ('${line}')`, "Bad request syntax or unsupported method", now),
  };
}

/** Lib/http/server.py:DEFAULT_ERROR_MESSAGE. */
const errorPage = (status: number, reason: string, why: string): string => `<!DOCTYPE HTML>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Error response</title>
    </head>
    <body>
        <h1>Error response</h1>
        <p>Error code: ${status}</p>
        <p>Message: ${escapeHtml(reason)}.</p>
        <p>Error code explanation: ${status} - ${why}.</p>
    </body>
</html>
`;

/** Lib/http/server.py:list_directory. */
function listingPage(path: string, names: readonly string[]): string {
  const title = `Directory listing for ${escapeHtml(path)}`;
  const items = names.map((n) => `<li><a href="${encodeURI(n)}">${escapeHtml(n)}</a></li>\n`).join("");
  return `<!DOCTYPE HTML>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>${title}</title>\n</head>\n<body>\n<h1>${title}</h1>\n<hr>\n<ul>\n${items}</ul>\n<hr>\n</body>\n</html>\n`;
}

/** `busybox httpd` 1.35: HTTP/1.1, one request on a connection, ranges. */
export function busyboxDialect(): Dialect {
  const version = "1.1";
  const base = (now: Nanos): Field[] => [field("Date", httpDate(now)), field("Connection", "close")];
  const html = field("Content-type", "text/html");
  const error = (method: string, status: number, reason: string, why: string, now: Nanos): Answer => ({
    version,
    status,
    reason,
    fields: [...base(now), html],
    body:
      method === "HEAD"
        ? ""
        : `<HTML><HEAD><TITLE>${status} ${reason}</TITLE></HEAD>\n<BODY><H1>${status} ${reason}</H1>\n${why}\n</BODY></HTML>\n`,
    log: [`response:${status}`],
  });
  const missing: Dialect["missing"] = (r, now) =>
    error(r.method, 404, "Not Found", "The requested URL was not found", now);
  return {
    file: (r, path, file, now) => {
      const asked = fieldOf(r.fields, "range");
      const range = asked === undefined || !/^bytes=\d/.test(asked) ? undefined : rangeOf(asked, file.size);
      const { from, to } = range === undefined ? { from: 0, to: file.size } : { from: range.from, to: range.to + 1 };
      const type = range === undefined ? typeOf(path) : "text/html";
      const seconds = Math.floor(file.changedAt / 1e9);
      const fields = [
        ...base(now),
        ...(type === undefined ? [] : [field("Content-type", type)]),
        ...(range === undefined ? [] : [field("Content-Range", `bytes ${from}-${to - 1}/${file.size}`)]),
        field("Accept-Ranges", "bytes"),
        field("Last-Modified", httpDate(file.changedAt)),
        field("ETag", `"${seconds.toString(16)}-${file.size.toString(16)}"`),
        field("Content-Length", to - from),
      ];
      const status = range === undefined ? 200 : 206;
      const reason = range === undefined ? "OK" : "Partial Content";
      return {
        version,
        status,
        reason,
        fields,
        body: r.method === "HEAD" ? "" : { file, from, to },
        log: [`response:${status}`],
      };
    },
    directory: (r, _path, _names, now) => missing(r, now),
    redirect: (_r, to, now) => ({
      version,
      status: 302,
      reason: "Found",
      fields: [...base(now), html, field("Location", to)],
      body: "",
      log: ["response:302"],
    }),
    missing,
    unsupported: (r, now) => error(r.method, 501, "Not Implemented", "The requested method is not recognized", now),
    malformed: (_line, now) => error("", 400, "Bad Request", "Unsupported method", now),
  };
}

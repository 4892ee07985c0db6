/** A URL taken apart. */
export interface Url {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly text: string;
}

/** An http URL, the scheme left out if need be; or curl's exit status and words. */
export function parseUrl(text: string): Url | { readonly status: number; readonly why: string } {
  const m = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/?#]*)([^#]*)(?:#.*)?$/is.exec(text);
  const scheme = (m?.[1] ?? "http").toLowerCase();
  if (scheme !== "http") return { status: 1, why: `Protocol "${scheme}" not supported or disabled in libcurl` };
  const authority = /^([^:@\s[\]]+)(?::(\d{0,5}))?$/.exec(m?.[2] ?? "");
  if (m === null || authority === null)
    return m?.[2] === "" ? { status: 3, why: "URL using bad/illegal format or missing URL" } : BAD;
  const port = Number(authority[2] || "80");
  if (port < 1 || port > 65_535) return { status: 3, why: "URL using bad/illegal format or missing URL" };
  if (/[\s\0]/.test(m[3] as string)) return BAD;
  const rest = m[3] as string;
  return {
    scheme,
    host: authority[1] as string,
    port,
    target: rest.startsWith("/") ? rest : `/${rest}`,
    text: m[1] === undefined ? `http://${text}` : text,
  };
}
const BAD = { status: 3, why: "URL using bad/illegal format or missing URL" } as const;

/** Where a `Location` leads from a URL (RFC 3986 §5, without dot segments). */
export function resolve(base: Url, location: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return location;
  const origin = `http://${base.host}${base.port === 80 ? "" : `:${base.port}`}`;
  if (location.startsWith("//")) return `http:${location}`;
  if (location.startsWith("/")) return origin + location;
  const path = base.target.replace(/\?.*$/, "");
  if (location.startsWith("?")) return origin + path + location;
  return `${origin}${path.slice(0, path.lastIndexOf("/") + 1)}${location}`;
}

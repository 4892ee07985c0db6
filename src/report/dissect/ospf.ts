import { formatIp } from "../../core/addr.ts";
import { EXTERNAL_TYPE2, type LsaBody, type LsaHeader } from "../../protocols/ospf/lsa-codec.ts";
import * as wire from "../../protocols/ospf/wire.ts";
import type { Dissector, Fields, FieldValue, Span } from "./walk.ts";

const codec = { encode: wire.encode, encodedLength: wire.encodedLength };

/** OSPF version 2, what follows the packet (digest, link-local signalling) included. */
export const ospf: Dissector = {
  name: "ospf",
  ipProtocols: [wire.IPPROTO_OSPF],
  dissect(w, s) {
    if (s.captured < wire.HEADER) {
      w.addRaw("ospf", s, s.captured < 4 ? {} : head(s));
      return w.short(s, wire.HEADER);
    }
    const got = wire.decode(s.b, s.o, s.end);
    if (got.ok) return w.add("ospf", s, { ...header(s), ...bodyFields(got.value.body) }, codec, got.value);
    w.addRaw("ospf", s, wire.version(s.b, s.o) === 2 ? header(s) : head(s));
    if (!s.cut) w.malformed = true;
  },
};

const head = ({ b, o }: Span): Fields => ({
  ver: wire.version(b, o),
  type: wire.type(b, o),
  len: wire.packetLength(b, o),
});

const header = (s: Span): Fields => ({
  ...head(s),
  router: formatIp(wire.routerId(s.b, s.o)),
  area: formatIp(wire.areaId(s.b, s.o)),
  csum: wire.checksum(s.b, s.o),
  auth: wire.authType(s.b, s.o),
});

function bodyFields(body: wire.Body): Fields {
  switch (body.kind) {
    case "hello":
      return { hello: helloFields(body) };
    case "dd": {
      const { mtu, flags, seq, options } = body;
      const dd = { mtu, flags, seq, options };
      return body.headers.length === 0 ? { dd } : { dd, lsas: body.headers.map(lsaHeader) };
    }
    case "request":
      return { requests: body.requests.map((r) => [r.type, formatIp(r.id), formatIp(r.adv)]) };
    case "update":
      return { lsas: body.lsas.map((lsa) => ({ ...lsaHeader(lsa.header), ...lsaBody(lsa.body) })) };
    case "ack":
      return { lsas: body.headers.map(lsaHeader) };
    case "other":
      return {};
  }
}

function helloFields(h: wire.Hello): Fields {
  const fields: Fields = {
    mask: formatIp(h.mask),
    interval: h.intervalS,
    prio: h.priority,
    dead: h.deadS,
    dr: formatIp(h.dr),
    bdr: formatIp(h.bdr),
  };
  if (h.neighbors.length > 0) fields["neighbors"] = h.neighbors.map(formatIp);
  fields["options"] = h.options;
  return fields;
}

const lsaHeader = (h: LsaHeader): { [key: string]: FieldValue } => ({
  age: h.age & 0x7fff,
  dna: h.age >> 15,
  options: h.options,
  type: h.type,
  id: formatIp(h.id),
  adv: formatIp(h.adv),
  seq: h.seq,
  csum: h.checksum,
  len: h.length,
});

function lsaBody(body: LsaBody): Fields {
  switch (body.kind) {
    case "router":
      return {
        flags: body.flags,
        links: body.links.map((l) => ({ id: formatIp(l.id), data: formatIp(l.data), type: l.type, metric: l.metric })),
      };
    case "network":
      return { mask: formatIp(body.mask), attached: body.attached.map(formatIp) };
    case "summary":
      return { metric: body.metrics[0]?.metric ?? 0 };
    case "external": {
      const [route] = body.routes;
      if (route === undefined) return { mask: formatIp(body.mask) };
      const { metric, forward, tag, flags } = route;
      const etype = (flags & EXTERNAL_TYPE2) === 0 ? 0 : 1;
      return { mask: formatIp(body.mask), metric, etype, fwd: formatIp(forward), ...(tag > 0 && { tag }) };
    }
    case "raw":
      return {};
  }
}

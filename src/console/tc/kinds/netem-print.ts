import { Netem, type NetemOptions, type NetemSlot } from "../../../nodes/kernel/tc/netem.ts";
import { nsToTicks } from "../../../nodes/kernel/tc/rate.ts";
import type { Printer } from "../../ip/printer.ts";
import type { Tc } from "../context.ts";
import { chanceNumber, formatChance } from "../parse.ts";
import { formatG, formatRate, formatTime, formatTime64, ticksToUs } from "../units.ts";

/** Prints the settings of a netem: what is at its default is left out (tc/q_netem.c:netem_print_opt). */
export function printNetem(qdisc: unknown, { out, options: { iec } }: Tc): void {
  if (!(qdisc instanceof Netem)) return;
  const o = qdisc.options;
  out.put("limit", o.limit, `limit ${o.limit}`);
  printDelay(out, o);
  if (o.loss > 0) {
    out.object("loss-random");
    chance(out, "loss", o.loss);
    correlation(out, o.correlations?.loss ?? 0);
    out.endObject();
  }
  printLossModel(out, o);
  printChance(out, "duplicate", o.duplicate, o.correlations?.duplicate ?? 0);
  printChance(out, "reorder", o.reorder?.probability ?? 0, o.reorder?.correlation ?? 0);
  printChance(out, "corrupt", o.corrupt?.probability ?? 0, o.corrupt?.correlation ?? 0);
  printRate(out, o, iec);
  if (o.slot !== undefined) printSlot(out, o.slot);
  out.field("ecn", o.ecn === true);
  if (o.ecn) out.text(" ecn ");
  out.field("gap", o.gap);
  if (o.gap > 0) out.text(` gap ${o.gap}`);
}

function printDelay(out: Printer, o: NetemOptions): void {
  if (o.latency === 0) return;
  const us = (ns: number): number => ticksToUs(nsToTicks(ns));
  out.object("delay");
  out.text(` delay ${formatTime(us(o.latency))}`);
  if (o.jitter > 0) out.text(`  ${formatTime(us(o.jitter))}`);
  out.rawField("delay", formatG(us(o.latency) / 1e6));
  out.rawField("jitter", formatG(us(o.jitter) / 1e6));
  const rho = o.correlations?.delay ?? 0;
  if (o.jitter > 0 || out.json) correlation(out, rho);
  out.endObject();
}

function printLossModel(out: Printer, { lossModel }: NetemOptions): void {
  if (lossModel === undefined) return;
  if (lossModel.model === "state") {
    out.object("loss-state");
    out.text(" loss state");
    for (const key of ["p13", "p31", "p32", "p23", "p14"] as const) chance(out, key, lossModel[key]);
  } else {
    out.object("loss-gemodel");
    out.text(" loss gemodel");
    chance(out, "p", lossModel.p);
    chance(out, "r", lossModel.r);
    chance(out, "1-h", 0xffff_ffff - lossModel.h);
    chance(out, "1-k", lossModel.k1);
  }
  out.endObject();
}

function printChance(out: Printer, key: string, probability: number, rho: number): void {
  if (probability === 0) return;
  out.object(key);
  chance(out, key, probability);
  correlation(out, rho);
  out.endObject();
}

function printRate(out: Printer, { rate }: NetemOptions, iec: boolean): void {
  if (rate === undefined) return;
  out.object("rate");
  out.put("rate", rate.bytesPerSecond, ` rate ${formatRate(rate.bytesPerSecond, iec)}`);
  const number = (key: string, value: number): void => out.put(key, value, value === 0 ? "" : ` ${key} ${value}`);
  number("packetoverhead", rate.packetOverhead);
  number("cellsize", rate.cellSize);
  number("celloverhead", rate.cellOverhead);
  out.endObject();
}

function printSlot(out: Printer, slot: NetemSlot): void {
  const span = (key: string, before: string, ns: number): void => {
    out.text(`${before} ${formatTime64(ns)}`);
    out.rawField(key, formatG(ns / 1e9));
  };
  out.object("slot");
  if (slot.distribution !== undefined) {
    span("distribution", " slot distribution", slot.distribution.delay);
    span("jitter", "", slot.distribution.jitter);
  } else {
    span("min-delay", " slot", slot.min);
    span("max-delay", "", slot.max);
  }
  out.put("packets", slot.packets, slot.packets === 0 ? "" : ` packets ${slot.packets}`);
  out.put("bytes", slot.bytes, slot.bytes === 0 ? "" : ` bytes ${slot.bytes}`);
  out.endObject();
}

/** A probability: percent in text, a part of 1 in JSON. */
function chance(out: Printer, key: string, value: number): void {
  out.text(` ${key} ${formatChance(value)}`);
  out.rawField(key, chanceNumber(value));
}
function correlation(out: Printer, rho: number): void {
  if (rho > 0) out.text(` ${formatChance(rho)}`);
  out.rawField("correlation", chanceNumber(rho));
}

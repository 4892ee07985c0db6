import { copyOctets } from "../../core/octets.ts";
import { instanceName, type Ospf } from "./model.ts";

/** What ospfd keeps of a graceful restart while it does not run, as its file on disk (ospfd/ospf_gr.c:ospf_gr_nvm_update). */
export interface SavedRestart {
  /** Grace period in seconds. */
  readonly gracePeriod: number;
  /** End of the grace period in whole seconds of the node's clock, when the restart was prepared. */
  readonly timestamp?: number;
}

/** ospfd/ospf_main.c:OSPFD_STATE_NAME. */
const pathOf = (instance: number): string => `/var/lib/frr/${instanceName("ospfd", instance)}.json`;
/** The name of the one VRF. */
const NAME = "default";
/** A file that is larger is not ospfd's. */
const OCTETS_MAX = 65_536;

/** What was kept; undefined: nothing, or nothing that makes sense. */
export function loadRestart({ os, instance }: Ospf): SavedRestart | undefined {
  const file = os.files.open(pathOf(instance));
  if (!file.ok || file.value.size > OCTETS_MAX) return undefined;
  const bytes = new Uint8Array(file.value.size);
  let at = 0;
  for (const octets of file.value.content.slice(0, bytes.length)) {
    copyOctets(octets, bytes, at);
    at += octets.count;
  }
  return parse(new TextDecoder().decode(bytes));
}

/** Keeps `saved`; undefined: nothing is kept any more. A disk that is full is passed over, as FRR does. */
export function saveRestart({ os, instance }: Ospf, saved: SavedRestart | undefined): void {
  const file = os.files.create(pathOf(instance));
  if (!file.ok) return;
  const instances = saved === undefined ? {} : { [NAME]: saved };
  file.value.write(new TextEncoder().encode(JSON.stringify({ instances }, undefined, 2)));
}

function parse(text: string): SavedRestart | undefined {
  let state: { readonly instances?: { readonly [name: string]: Partial<SavedRestart> } } | null;
  try {
    state = JSON.parse(text);
  } catch {
    return undefined; // somebody else has written there
  }
  const { gracePeriod, timestamp } = state?.instances?.[NAME] ?? {};
  if (typeof gracePeriod !== "number") return undefined;
  return typeof timestamp === "number" ? { gracePeriod, timestamp } : { gracePeriod };
}

import { Net } from "../lab/net.ts";
import { whyOptions } from "../lab/prompt-commands.ts";
import { explain } from "../lab/why.ts";
import { whyText } from "../lab/why-text.ts";
import { FAILED, OK } from "./job.ts";
import { load } from "./load.ts";

/**
 * Builds a scenario (its story is told first) or a lab file, waits until it has converged, and explains what happens to a
 * packet from `node` to `destination`. `probe`: what is sent, such as `udp 53 df`; `atNs`: when, at the
 * earliest. The status is 0 when it was delivered.
 */
export async function explainWhy(
  lab: string,
  node: string,
  destination: string,
  seed: number | undefined,
  settings: readonly string[],
  json: boolean,
  probe: readonly string[] = [],
  atNs?: number,
): Promise<number> {
  const options = whyOptions(probe);
  const loaded = await load(lab, settings);
  const net = new Net(seed ?? loaded.seed, {
    warned: (text) => void process.stderr.write(`netloom: ${text}\n`),
  });
  loaded.build(net);
  if (atNs !== undefined) net.runTo(atNs);
  net.untilConverged();
  const explanation = explain(net, node, destination, options);
  process.stdout.write(json ? `${JSON.stringify(explanation)}\n` : whyText(explanation));
  return explanation.verdict === "delivered" ? OK : FAILED;
}

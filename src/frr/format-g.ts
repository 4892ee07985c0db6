/** A number as C's `%g` prints it: six significant digits, without zeros behind. */
export function formatG(n: number): string {
  if (n === 0) return "0";
  const [digits = "", exponent = "0"] = n.toExponential(5).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    const sign = power < 0 ? "-" : "+";
    return `${trimmed(digits)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(n.toFixed(5 - power));
}

const trimmed = (digits: string): string => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);

/** A handle of traffic control (`tcm_handle`): the major number in the upper 16 bits, the minor in the lower; unsigned. */
export type Handle = number;

/** Parent of what stands at the top of a device (TC_H_ROOT). */
export const ROOT: Handle = 0xffff_ffff;
/** Parent of what looks at a device's arriving packets (TC_H_INGRESS; TC_H_CLSACT is the same number). */
export const INGRESS: Handle = 0xffff_fff1;
/** Where the filters of `clsact` hang: on what arrives, on what leaves. */
export const CLSACT_INGRESS: Handle = 0xffff_fff2;
export const CLSACT_EGRESS: Handle = 0xffff_fff3;

/** The handle without its minor number. */
export const majorOf = (handle: Handle): Handle => (handle & 0xffff_0000) >>> 0;
/** The minor number, 0 to 65535. */
export const minorOf = (handle: Handle): number => handle & 0xffff;
/** The handle MAJOR:MINOR; both 16 bits. */
export const makeHandle = (major: number, minor: number): Handle => ((major << 16) | (minor & 0xffff)) >>> 0;

/** `1:10`, `1:`, `:10`, `root`, `none`, in hexadecimal (tc/tc_util.c:print_tc_classid). */
export function formatHandle(handle: Handle): string {
  if (handle === ROOT) return "root";
  if (handle === 0) return "none";
  const [major, minor] = [(handle >>> 16).toString(16), minorOf(handle).toString(16)];
  if (major === "0") return `:${minor}`;
  return minor === "0" ? `${major}:` : `${major}:${minor}`;
}

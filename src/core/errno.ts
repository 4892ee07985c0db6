/** Why the kernel refuses a request, under Linux's names, with the words of `strerror`. */
export const ERRNO_TEXT = {
  EPERM: "Operation not permitted",
  ENOENT: "No such file or directory",
  ESRCH: "No such process",
  E2BIG: "Argument list too long",
  ENXIO: "No such device or address",
  EBADF: "Bad file descriptor",
  EAGAIN: "Resource temporarily unavailable",
  ENOMEM: "Cannot allocate memory",
  EACCES: "Permission denied",
  EBUSY: "Device or resource busy",
  EEXIST: "File exists",
  EXDEV: "Invalid cross-device link",
  ENODEV: "No such device",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  EINVAL: "Invalid argument",
  ENOSPC: "No space left on device",
  EPIPE: "Broken pipe",
  ERANGE: "Numerical result out of range",
  EMLINK: "Too many links",
  ELOOP: "Too many levels of symbolic links",
  EXFULL: "Exchange full",
  ENONET: "Machine is not on the network",
  EPROTO: "Protocol error",
  EOVERFLOW: "Value too large for defined data type",
  EDESTADDRREQ: "Destination address required",
  EMSGSIZE: "Message too long",
  ENOPROTOOPT: "Protocol not available",
  EPROTONOSUPPORT: "Protocol not supported",
  EOPNOTSUPP: "Operation not supported",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  ENETDOWN: "Network is down",
  ENETUNREACH: "Network is unreachable",
  ECONNABORTED: "Software caused connection abort",
  ECONNRESET: "Connection reset by peer",
  ENOBUFS: "No buffer space available",
  EISCONN: "Transport endpoint is already connected",
  ENOTCONN: "Transport endpoint is not connected",
  ETIMEDOUT: "Connection timed out",
  ECONNREFUSED: "Connection refused",
  EHOSTDOWN: "Host is down",
  EHOSTUNREACH: "No route to host",
  EALREADY: "Operation already in progress",
  EINPROGRESS: "Operation now in progress",
} as const;

export type Errno = keyof typeof ERRNO_TEXT;

export const strerror = (errno: Errno): string => ERRNO_TEXT[errno];

/** A refused request: Linux's errno, and the kernel's own words where it adds any (netlink's extended acknowledgement). */
export interface Refused {
  readonly ok: false;
  readonly errno: Errno;
  readonly detail?: string;
}
/** What a request to the kernel returns. */
export type Outcome<T = void> = { readonly ok: true; readonly value: T } | Refused;

export const done: Outcome = { ok: true, value: undefined };
export const granted = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const refused = (errno: Errno, detail?: string): Refused =>
  detail === undefined ? { ok: false, errno } : { ok: false, errno, detail };

/** What a node counts of TCP, as `Tcp:` and `TcpExt:` of `netstat -s` and `nstat` name them (RFC 4022). */
export class TcpStats {
  activeOpens = 0;
  passiveOpens = 0;
  attemptFails = 0;
  estabResets = 0;
  inSegs = 0;
  outSegs = 0;
  inErrs = 0;
  inCsumErrors = 0;
  outRsts = 0;
  outOfWindowIcmps = 0;
}

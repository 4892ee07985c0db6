#!/bin/bash
# Runs the commands of a transcript (see transcript.ts) in network namespaces of its own, and prints it again with what the real
# programs answer. Lines about IPv6 are left out. Needs root and veth. Use: record.sh transcript.txt > new.txt
export LC_ALL=C
n=boxn$$ p=boxp$$ out=$(mktemp)
trap 'ip netns del $n; ip netns del $p; rm -f "$out"' EXIT
for ns in $n $p; do
  ip netns add $ns
  ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip -n $ns link set lo up
done
for i in 1 2 3; do
  ip -n $n link add e$i address 02:00:00:00:00:0$i type veth peer name p$i address 02:00:00:00:0a:0$i netns $p
  ip -n $p link set p$i up
done
while IFS= read -r line; do
  case "$line" in
    "#"*) echo "$line" ;;
    "! "*) echo "$line"; sleep "${line#! }" ;;
    "@ "*) echo "$line"; ip netns exec $p sh -c "${line#@ }" ;;
    "\$ "*)
      echo "$line"
      ip netns exec $n sh -c "$(printf '%s' "${line#\$ }" | sed 's/⏎/\n/g')" 2>&1 < /dev/null | sed -e '/33:33:/d' -e '/inet6/d' > "$out"
      status=${PIPESTATUS[0]}
      [ ! -s "$out" ] || { cat "$out"; [ -z "$(tail -c 1 "$out")" ] || echo "%"; }
      [ "$status" = 0 ] || echo "? $status" ;;
  esac
done < "$1"

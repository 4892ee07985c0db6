#!/bin/bash
# Runs a transcript (see transcripts.test.ts) against a real FRR (zebra and staticd) in network namespaces of its own, and prints it
# again with what it answers. Lines about IPv6, next-hop groups and releases are left out, times are zero. Needs root, veth and FRR.
# Use: record.sh transcript.txt > new.txt
export LC_ALL=C
n=boxn$$ p=boxp$$ out=$(mktemp)
run=/var/run/frr/$n etc=/etc/frr/$n
stop() {
  for pid in "$run"/*.pid; do kill "$(cat "$pid")"; done
  sleep 0.5
  ip netns del $n; ip netns del $p; rm -rf "$out" "$run" "$etc"
}
trap stop EXIT
ip netns add $n; ip netns add $p
ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ip_forward=1
ip -n $n link set lo up
for i in 1 2 3; do
  ip -n $n link add e$i type veth peer name p$i netns $p
  ip -n $n link set e$i address 02:00:00:00:00:0$i
  ip -n $n link set e$i up; ip -n $p link set p$i up
done
mkdir -p $run $etc; chown frr:frr $run $etc
echo "service integrated-vtysh-config" > $etc/vtysh.conf
for d in zebra staticd; do ip netns exec $n /usr/lib/frr/$d -N $n -d -A 127.0.0.1 -f /dev/null > /dev/null 2>&1; sleep 0.5; done
while IFS= read -r line; do
  case $line in
    '#'*) echo "$line" ;;
    '! '*) echo "$line"; sleep "${line#! }" ;;
    '@ '*) echo "$line"; ip netns exec $p bash -c "${line#@ }" ;;
    '$ '*)
      echo "$line"
      ip netns exec $n bash -c "vtysh() { command vtysh -N $n \"\$@\"; }; ${line#\$ }" > "$out" 2>&1
      status=$?
      sed -E 's/[0-9]{2}:[0-9]{2}:[0-9]{2}/00:00:00/g; s/^hostname .*/hostname n/; s/^frr version .*/frr version 10.3/; s/ nhid [0-9]+//;
        s/last: [0-9].*/last: (then)/;
        s/fd [0-9]+/fd N/; s/boxp[0-9]+/p/; /exthopGroupId|fe80::|inet6/d' "$out"
      [ $status -ne 0 ] && echo "? $status" ;;
  esac
done < "$1"
exit 0

#!/bin/bash
# Runs the commands of a transcript in a network namespace of its own, and prints it again with what this kernel answers.
# Needs root, iproute2 and veth. Use: record.sh transcript.txt > new.txt
set +e
n=fibx$$ p=fibp$$
trap 'ip netns del $n; ip netns del $p' EXIT
ip netns add $n
ip netns add $p
for i in 1 2 3; do
  ip -n $n link add e$i type veth peer name p$i netns $p
  ip -n $p link set p$i up
done
ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
one() {
  case "$1 $2 $3" in
    "carrier "*)
      if [ "$3" = on ]; then ip -n $p link set p${2#e} up; else ip -n $p link set p${2#e} down; fi
      sleep 1.3 ;; # the kernel tells of carrier changes once a second
    "set "*) for c in all default e1 e2 e3; do ip netns exec $n sysctl -qw net.ipv4.conf.$c.$2=$3 2>/dev/null; done; return 0 ;;
    "ip addr show") shift; ip -n $n "$@" 2>&1 | sed -n 's/^ *\(inet .*\)/\1/p' ;;
    "ip route get") shift; ip -n $n "$@" 2>&1 | sed -e 's/ uid 0//' -e '/^ *cache/d'; return "${PIPESTATUS[0]}" ;;
    *) shift; ip -n $n "$@" 2>&1 ;;
  esac
}
while IFS= read -r line; do
  case "$line" in
    "#"* | "") echo "$line" ;;
    "\$ "*)
      echo "$line"
      # shellcheck disable=SC2086
      one ${line#\$ } > /tmp/record.$$ ; status=$?
      sed -e 's/ *$//' -e '/^$/d' /tmp/record.$$
      [ $status = 0 ] || echo "? $status" ;;
  esac
done < "$1"
rm -f /tmp/record.$$

#!/bin/bash
# Records a transcript of this folder (see ../../harness/record.sh), without the moments that iptables-save writes down.
# Use: record.sh transcript.txt > new.txt
"$(dirname "$0")/../../harness/record.sh" "$1" | sed -E 's/ on [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}$/ on DATE/'

#!/bin/sh
# Keeps web running in namespace mill of lab hamlet. Written by netvirt.lab.
cd /run/netvirt/hamlet/services/mill/web/files || exit
pause=1
while :; do
    begin=$(date +%s)
    ip netns exec mill httpd -f
    code=$?
    echo "netvirt.lab: $(date '+%F %T') it has ended with exit code $code"
    echo "$code" >/run/netvirt/hamlet/services/mill/web/ended
    :
    [ $(($(date +%s) - begin)) -lt 10 ] || pause=1
    sleep "$pause"
    rm -f /run/netvirt/hamlet/services/mill/web/ended
    pause=$((pause < 16 ? pause * 2 : 30))
done

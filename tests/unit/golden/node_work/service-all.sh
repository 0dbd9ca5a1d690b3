#!/bin/sh
# Keeps web running in namespace mill of lab hamlet. Written by netvirt.lab.
cd '/srv/the web' || exit
pause=1
while :; do
    begin=$(date +%s)
    ip netns exec mill setpriv --reuid=www-data --regid="$(id -g www-data)" --init-groups -- env 'A=it'"'"'s first' Z=last sh -c 'echo $HOME '"'"'and'"'"' "more"'
    code=$?
    echo "netvirt.lab: $(date '+%F %T') it has ended with exit code $code"
    echo "$code" >/run/netvirt/hamlet/services/mill/web/ended
    exit
    [ $(($(date +%s) - begin)) -lt 10 ] || pause=1
    sleep "$pause"
    rm -f /run/netvirt/hamlet/services/mill/web/ended
    pause=$((pause < 16 ? pause * 2 : 30))
done

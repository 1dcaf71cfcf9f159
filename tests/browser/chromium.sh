#!/bin/sh
# Chromium that draws behind what others measure. To the scheduler a session is one party however many processes
# it has, and Chromium has one of its own: it would get as much as all test processes together. As root it also
# puts its drawing ahead of everybody (nice -8), for which it needs a capability.
echo 5 2>/dev/null >/proc/self/autogroup
if [ "$(id -u)" = 0 ]; then
    exec setpriv --bounding-set -sys_nice /usr/bin/chromium "$@"
fi
exec /usr/bin/chromium "$@"

#!/bin/sh
# Starts nginx the way its image does, and lets it go on for DRAIN_SECONDS after it was told to end: in a swarm each node
# learns a moment later that this one is not to be asked any more, and whom it still sends here must not be refused.
set -eu
/docker-entrypoint.sh nginx -g 'daemon off;' &
server=$!
trap 'sleep "${DRAIN_SECONDS:-0}"; kill -QUIT "$server"' QUIT TERM
# A signal ends the first wait; the second is for the end of nginx, which answers what it has begun.
wait "$server" && status=0 || status=$?
while kill -0 "$server" 2>/dev/null; do
    wait "$server" && status=0 || status=$?
done
exit "$status"

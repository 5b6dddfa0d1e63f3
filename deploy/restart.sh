#!/bin/sh
# Starts the containers of these services of Compose again, one after the other, each when the one before is healthy, so that
# of several one always answers: deploy/restart.sh SERVICE...
#
# A container that is started again reads its secrets anew. (A swarm does this by itself when it is given other secrets.)
set -eu
[ $# -gt 0 ] || { echo "usage: deploy/restart.sh SERVICE..." >&2; exit 2; }
for service; do
    containers=$(docker compose ps --quiet "$service")
    [ -n "$containers" ] || { echo "No container of $service runs." >&2; exit 1; }
    for container in $containers; do
        name=$(docker inspect --format '{{.Name}}' "$container" | tr -d /)
        docker restart "$container" >/dev/null
        left=${SECONDS_TO_BE_HEALTHY:-180}
        until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do
            left=$((left - 1))
            [ $left -gt 0 ] || { echo "$name does not become healthy: docker logs $name" >&2; exit 1; }
            sleep 1
        done
        echo "$name is healthy."
    done
done

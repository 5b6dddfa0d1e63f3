#!/bin/bash
# Renders stack.yaml, checks that the swarm has what it names, deploys it, and waits until everything runs: `make stack`.
#
# STACK is the stack's name (urna). REGISTRY, VERSION and the versions of secrets and configs are those of stack.yaml. ENCRYPTED=1
# encrypts the networks, OBSERVABILITY=1 adds Prometheus, Grafana and Loki. RESOLVE_IMAGE=never takes the images of this machine,
# for a swarm of one node without a registry. DEPLOY=0 ends before anything is changed. SECONDS_TO_RUN (300) is how long it may
# take until everything runs.
set -euo pipefail
cd "$(dirname "$0")/.."
stack=${STACK:-urna}
seconds=${SECONDS_TO_RUN:-300}
files=(--compose-file stack.yaml)
[ -z "${ENCRYPTED:-}" ] || files+=(--compose-file deploy/stack.encrypted.yaml)
labels=(accounts election queue)
if [ -n "${OBSERVABILITY:-}" ]; then
    files+=(--compose-file deploy/stack.observability.yaml)
    [ -z "${ENCRYPTED:-}" ] || files+=(--compose-file deploy/stack.observability.encrypted.yaml)
    labels+=(observability)
fi
problems=0

problem() {
    echo "$1" >&2
    problems=$((problems + 1))
}

# 1. Rendered, so that a setting in a wrong form is found here.
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
docker stack config "${files[@]}" > "$rendered"

# 2. Checked, all of it at once.
if [ "$(docker info --format '{{.Swarm.ControlAvailable}}')" != true ]; then
    echo "This is no manager of a swarm: docker swarm init, or ask another node." >&2
    exit 1
fi
for secret in $(sed -n '/^secrets:/,/^[a-z]/s/^    name: //p' "$rendered"); do
    docker secret inspect "$secret" >/dev/null 2>&1 || problem "The swarm has no secret $secret: deploy/secrets.sh swarm makes it."
done
for label in "${labels[@]}"; do
    nodes=$(docker node ls --quiet | xargs docker node inspect --format "{{index .Spec.Labels \"urna.$label\"}}" | grep -cx true || true)
    [ "$nodes" = 1 ] ||
        problem "The label urna.$label has to be on one node and is on $nodes: docker node update --label-add urna.$label=true NODE"
done
if [ "${RESOLVE_IMAGE:-always}" = never ]; then
    for image in $(grep -oE '^    image: \S+' "$rendered" | sed 's/.*image: //' | sort -u); do
        docker image inspect "$image" >/dev/null 2>&1 || problem "This machine has no image $image."
    done
fi
if [ $problems -gt 0 ]; then
    echo "Nothing was deployed." >&2
    exit 1
fi
echo "stack.yaml is complete: $(grep -cE '^    image: ' "$rendered") services."
[ "${DEPLOY:-1}" = 1 ] || exit 0

# Each question starts a program and is answered by the manager, so it is asked of all services at once.
# `services` are their names, and by name: how many replicas run, how they are started again, and how the last update went.
declare -A replicas=() restart=() update=() before=()
look() {
    local name condition rest
    local format='{{.Spec.Name}} {{.Spec.TaskTemplate.RestartPolicy.Condition}} {{with .UpdateStatus}}{{.State}} {{.StartedAt}}{{end}}'
    services=()
    while read -r name rest; do
        services+=("$name") replicas[$name]=$rest
    done < <(docker stack services --format '{{.Name}} {{.Replicas}}' "$stack" 2>/dev/null)
    [ ${#services[@]} -gt 0 ] || return 0
    while read -r name condition rest; do
        restart[$name]=$condition update[$name]=$rest
    done < <(docker service inspect --format "$format" "${services[@]}")
}

# 3. Deployed. What did not change is not touched.
look
for name in "${services[@]}"; do
    before[$name]=${update[$name]:-}
done
docker stack deploy --detach=true --prune --resolve-image "${RESOLVE_IMAGE:-always}" "${files[@]}" "$stack"

# 4. Waited for: every replica, the work that is done once, and updates that are still on their way.
waiting() {
    local name rest running wanted once=()
    local -A state=()
    look
    [ ${#services[@]} -gt 0 ] || echo "the services of $stack, which cannot be listed"
    for name in "${services[@]}"; do
        [ "${restart[$name]:-}" != on-failure ] || once+=("$name")
    done
    # The newest of a task comes first; its name ends with the task's number.
    while read -r name rest; do
        : "${state[${name%.*}]:=$rest}"
    done < <([ ${#once[@]} = 0 ] || docker service ps --format '{{.Name}} {{.CurrentState}}' "${once[@]}")
    for name in "${services[@]}"; do
        running=${replicas[$name]%%/*} wanted=${replicas[$name]##*/} wanted=${wanted%% *}
        case ${update[$name]:-} in
            updating* | rollback_started*) echo "$name is being updated"; continue ;;
            rollback* | paused*)
                # One of another day is no news.
                [ "${update[$name]:-}" = "${before[$name]:-}" ] ||
                    { echo "FAILED: the update of $name; see docker service ps $name"; continue; } ;;
        esac
        # Work that is done once is not tried again when it succeeded.
        if [ "${restart[$name]:-}" = on-failure ]; then
            [[ ${state[$name]:-} == Complete* ]] || echo "$name is not done yet"
        elif [ "$running" != "$wanted" ]; then
            echo "$name ${replicas[$name]}"
        fi
    done
}
while left=$(waiting) && [ -n "$left" ]; do
    if grep ^FAILED <<< "$left" >&2; then
        exit 1
    elif [ $SECONDS -gt "$seconds" ]; then
        printf 'Not everything runs after %s s:\n%s\n' "$seconds" "$left" >&2
        exit 1
    fi
    sleep 1
done
docker stack services "$stack"

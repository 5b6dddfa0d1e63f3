#!/bin/sh
# Makes the secrets of a deployment, each in a file of its own, once: what is there is never changed, except for the URLs and
# the public key, which follow from the passwords and the private key.
#
#   deploy/secrets.sh                       make what is missing in secrets/
#   deploy/secrets.sh certificate NAME...   besides, make a self-signed certificate for these host names (for trying out)
#   deploy/secrets.sh swarm                 hand every secret to Docker Swarm, as urna_v1_<name>
#
# SECRETS names another directory, SECRETS_VERSION another version for Swarm (its secrets cannot be changed, only replaced).
# ADMIN_EMAIL, ADMIN_PASSWORD and ADMIN_JMBG say who the first administrator is.
set -eu
umask 077

directory=${SECRETS:-$(dirname "$0")/../secrets}
version=${SECRETS_VERSION:-1}

command -v openssl >/dev/null || { echo "openssl is needed to make the signing key; it is a package of every distribution." >&2; exit 1; }
mkdir -p "$directory"
# The directory keeps everybody else of this machine out. The files themselves can be read by all, because Compose hands
# them to containers as they are, and the users inside are others than the one who runs this.
chmod 0700 "$directory"

# put NAME: put standard input into the file NAME; it appears whole or not at all.
put() {
    cat > "$directory/.$1.new"
    if cmp -s "$directory/.$1.new" "$directory/$1"; then
        rm -f "$directory/.$1.new"
        return
    fi
    chmod 0444 "$directory/.$1.new"
    mv -f "$directory/.$1.new" "$directory/$1"
    echo "made $1"
}
# keep NAME: the same, unless the file exists.
keep() {
    if [ -e "$directory/$1" ]; then cat >/dev/null; else put "$1"; fi
}
random() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }
of() { cat "$directory/$1"; }

make_secrets() {
    for name in accounts_root accounts_prepare accounts_authentication \
        election_root election_prepare election_administration election_daemon election_results \
        election_operator election_auditor \
        redis_station redis_daemon redis_results; do
        random | keep "${name}_password"
    done
    # A service gets one URL with its own user's password in it, and no other password.
    for user in prepare authentication; do
        printf 'mysql+pymysql://%s:%s@accounts-database:3306/accounts?charset=utf8mb4' "$user" "$(of "accounts_${user}_password")" \
            | put "accounts_${user}_url"
    done
    for user in prepare administration daemon results; do
        printf 'mysql+pymysql://%s:%s@election-database:3306/election?charset=utf8mb4' "$user" "$(of "election_${user}_password")" \
            | put "election_${user}_url"
    done
    for user in station daemon results; do
        printf 'redis://%s:%s@redis:6379/0' "$user" "$(of "redis_${user}_password")" | put "redis_${user}_url"
    done

    # Without a pipe, so that a failure of openssl ends the script instead of leaving an empty key.
    if [ ! -e "$directory/jwt_private_key" ]; then
        key=$(openssl genpkey -algorithm ed25519)
        printf '%s\n' "$key" | keep jwt_private_key
    fi
    key=$(openssl pkey -in "$directory/jwt_private_key" -pubout)
    printf '%s\n' "$key" | put jwt_public_key

    printf %s "${ADMIN_EMAIL:-administrator@urna.example}" | keep admin_email
    # With a capital, a small letter and a digit, as the rule for passwords wants.
    printf %s "${ADMIN_PASSWORD:-Aa0$(random)}" | keep admin_password
    printf %s "${ADMIN_JMBG:-0000000000000}" | keep admin_jmbg

    # Empty means: none is given. nginx then makes a self-signed one in docker-compose.yml and does not start in stack.yaml.
    printf '' | keep tls_certificate
    printf '' | keep tls_key
}

make_certificate() {
    if [ -s "$directory/tls_certificate" ] || [ -s "$directory/tls_key" ]; then
        echo "There is a certificate already; it stays." >&2
        return
    fi
    names=
    for host in "$@"; do names="$names${names:+,}DNS:$host"; done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$1" \
        -addext "subjectAltName=$names" -keyout "$directory/.tls_key.new" -out "$directory/.tls_certificate.new" 2>/dev/null
    for name in tls_key tls_certificate; do
        chmod 0444 "$directory/.$name.new"
        mv "$directory/.$name.new" "$directory/$name"
    done
    echo "made a self-signed certificate for $*"
}

give_to_swarm() {
    for file in "$directory"/*; do
        name=$(basename "$file")
        if [ ! -s "$file" ]; then
            echo "$name is empty; put a real one there (or run: deploy/secrets.sh certificate NAME)." >&2
            exit 1
        fi
        docker secret inspect "urna_v${version}_$name" >/dev/null 2>&1 && continue
        docker secret create "urna_v${version}_$name" "$file" >/dev/null
        echo "Swarm has urna_v${version}_$name"
    done
}

make_secrets
case ${1:-} in
    "") echo "The secrets are in $directory; the first administrator is $(of admin_email), the password is in admin_password." ;;
    certificate) shift; [ $# -gt 0 ] || { echo "For which host name?" >&2; exit 2; }; make_certificate "$@" ;;
    swarm) give_to_swarm ;;
    *) echo "usage: deploy/secrets.sh [certificate NAME... | swarm]" >&2; exit 2 ;;
esac

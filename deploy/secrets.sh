#!/bin/sh
# Makes the secrets of a deployment, each in a file of its own, once: what is there is never changed, except for the URLs,
# which follow from the passwords, and by the commands that change a secret (docs/operations.md).
#
#   deploy/secrets.sh                       make what is missing in secrets/
#   deploy/secrets.sh certificate NAME...   besides, make a self-signed certificate for these names or IPv4 addresses (for trying out)
#   deploy/secrets.sh tls CERTIFICATE KEY   take this certificate, with its chain, and its key
#   deploy/secrets.sh swarm                 hand every secret to Docker Swarm, as urna_v1_<name>
#   deploy/secrets.sh next NAME             make the next secret beside the one that is used; both are good
#   deploy/secrets.sh switch NAME           from now on the next one is used, and the old one is still good
#   deploy/secrets.sh retire NAME           the old one is good no more
#   deploy/secrets.sh revoke signing_key    another signing key at once; who is logged in has to log in again
#   deploy/secrets.sh revoke record_key     another key for records at once; those of the old one are good no more
#
# NAME is signing_key, record_key, register_key, or a user of a database or of Redis: accounts_authentication, election_daemon, redis_station and so on.
# What a database has to be told is written to standard output, for deploy/sql.sh; everything else to standard error.
#
# SECRETS names another directory. Swarm's secrets cannot be changed, only replaced by others with a higher number in
# their names: SIGNING_KEY_VERSION for the two halves of the signing key, RECORD_KEY_VERSION for those of the key of records,
# CERTIFICATE_VERSION for the certificate and its key, SECRETS_VERSION for all others. ADMIN_EMAIL, ADMIN_PASSWORD and ADMIN_JMBG say who the first administrator is,
# SMTP_PASSWORD the password at the mail server.
# DATABASE is mysql, mariadb or postgresql; unless given, what the URLs say that are there, at first mysql.
set -eu
umask 077

directory=${SECRETS:-$(dirname "$0")/../secrets}
case ${DATABASE:-$(cat "$directory/accounts_prepare_url" 2>/dev/null || true)} in
    "" | mysql*) database=mysql ;;
    postgresql*) database=postgresql ;;
    *) database=$DATABASE ;;
esac
# A refresh token is good for 30 days.
longest_token=2592000

command -v openssl >/dev/null || { echo "openssl is needed to make the signing key; it is a package of every distribution." >&2; exit 1; }
mkdir -p "$directory"
# The directory keeps everybody else of this machine out. The files themselves can be read by all, because Compose hands
# them to containers as they are, and the users inside are others than the one who runs this.
chmod 0700 "$directory"

fail() { echo "$*" >&2; exit 1; }
# put NAME: put standard input into the file NAME; it appears whole or not at all.
put() {
    cat > "$directory/.$1.new"
    if cmp -s "$directory/.$1.new" "$directory/$1"; then
        rm -f "$directory/.$1.new"
        return
    fi
    chmod 0444 "$directory/.$1.new"
    mv -f "$directory/.$1.new" "$directory/$1"
    echo "made $1" >&2
}
# keep NAME COMMAND...: put what a command writes into the file NAME, unless that exists.
keep() {
    [ -e "$directory/$1" ] && return
    name=$1
    shift
    "$@" | put "$name"
}
random() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# With a capital, a small letter and a digit, as the rule for passwords wants.
random_for_people() { printf Aa0; random; }
random_key() { random; random; }
# The first line: Redis takes each line of a password file, and the first is the one that is used.
of() {
    line=
    IFS= read -r line < "$directory/$1" || [ -n "$line" ]
    printf '%s\n' "$line"
}
# follow NAME LINE: put a line into the file NAME, unless it stands there.
follow() {
    line=
    [ ! -e "$directory/$1" ] || IFS= read -r line < "$directory/$1" || true
    [ "$line" = "$2" ] || printf %s "$2" | put "$1"
}
public_of() { openssl pkey -in "$directory/$1" -pubout; }
# is_public_in NAME KEY: whether a public key stands in the file NAME.
is_public_in() { grep -qsxF "$(printf '%s\n' "$2" | sed -n 2p)" "$directory/$1"; }
# publish NAME PRIVATE: put the public key of the file PRIVATE into the file NAME, in front of the others. Here as below a
# key is first kept in a variable, so that a failure of openssl ends the script.
publish() {
    key=$(public_of "$2")
    is_public_in "$1" "$key" || { printf '%s\n' "$key"; cat "$directory/$1" 2>/dev/null || true; } | put "$1"
}

make_secrets() {
    for name in accounts_root accounts_prepare accounts_authentication accounts_mailer accounts_backup \
        election_root election_prepare election_administration election_daemon election_results \
        election_operator election_auditor \
        redis_station redis_daemon redis_results redis_operator redis_backup; do
        keep "${name}_password" random
    done
    case $database in
        postgresql) driver=postgresql+psycopg port=5432 options= ;;
        *) driver=mysql+pymysql port=3306 options='?charset=utf8mb4' ;;
    esac
    # A service gets one URL with its own user's password in it, and no other password.
    for user in prepare authentication mailer backup; do
        follow "accounts_${user}_url" \
            "$driver://$user:$(of "accounts_${user}_password")@accounts-database:$port/accounts$options"
    done
    for user in prepare administration daemon results operator auditor; do
        follow "election_${user}_url" \
            "$driver://$user:$(of "election_${user}_password")@election-database:$port/election$options"
    done
    for user in station daemon results operator backup; do
        follow "redis_${user}_url" "redis://$user:$(of "redis_${user}_password")@redis:6379/0"
    done

    # Without a pipe, so that a failure of openssl ends the script instead of leaving an empty key.
    for name in jwt_private_key record_signing_key; do
        if [ ! -e "$directory/$name" ]; then
            key=$(openssl genpkey -algorithm ed25519)
            printf '%s\n' "$key" | put "$name"
        fi
    done
    key=$(public_of jwt_private_key)
    # It may stand there beside others, while the signing key is changed.
    is_public_in jwt_public_key "$key" || printf '%s\n' "$key" | put jwt_public_key
    # The older ones stay: what they have signed is to be checked for as long as anybody asks.
    publish record_public_key record_signing_key

    keep admin_email printf %s "${ADMIN_EMAIL:-administrator@urna.example}"
    if [ -n "${ADMIN_PASSWORD:-}" ]; then
        keep admin_password printf %s "$ADMIN_PASSWORD"
    else
        keep admin_password random_for_people
    fi
    keep admin_jmbg printf %s "${ADMIN_JMBG:-0000000000000}"
    # Of SMTP_USER at the mail server. Where there is none this stays as it is, because Swarm takes no empty secret.
    if [ -n "${SMTP_PASSWORD:-}" ]; then keep smtp_password printf %s "$SMTP_PASSWORD"; else keep smtp_password random; fi
    # What national ids are sealed with. The second is the one before, for the program that prepares the store while the
    # key is changed; at all other times it is the same, because Swarm takes no empty secret.
    keep register_key random_key
    keep register_key_former cat "$directory/register_key"
    # Who looks at the figures (docs/monitoring.md).
    keep grafana_admin_password random

    # Empty means: none is given. nginx then makes a self-signed one in docker-compose.yml and does not start in stack.yaml.
    keep tls_certificate printf ''
    keep tls_key printf ''
}

make_certificate() {
    if [ -s "$directory/tls_certificate" ] || [ -s "$directory/tls_key" ]; then
        echo "There is a certificate already; it stays." >&2
        return
    fi
    names=
    for host in "$@"; do
        case $host in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
        names="$names${names:+,}$kind:$host"
    done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$1" \
        -addext "subjectAltName=$names" -keyout "$directory/.tls_key.new" -out "$directory/.tls_certificate.new" 2>/dev/null
    for name in tls_key tls_certificate; do
        chmod 0444 "$directory/.$name.new"
        mv "$directory/.$name.new" "$directory/$name"
    done
    echo "made a self-signed certificate for $*" >&2
}

take_certificate() {
    openssl x509 -in "$1" -noout -checkend 0 >/dev/null 2>&1 || fail "$1 is no certificate in PEM, or it has expired."
    certified=$(openssl x509 -in "$1" -noout -pubkey)
    [ "$(openssl pkey -in "$2" -pubout 2>/dev/null)" = "$certified" ] || fail "$2 is not the key of $1."
    # Written into the files that are there: a running container of Compose sees these, and would not see others in their
    # place. nginx reads them when it is told to.
    chmod 0644 "$directory/tls_certificate" "$directory/tls_key"
    cat "$1" > "$directory/tls_certificate"
    cat "$2" > "$directory/tls_key"
    chmod 0444 "$directory/tls_certificate" "$directory/tls_key"
    echo "took the certificate, good until $(openssl x509 -in "$1" -noout -enddate | cut -d = -f 2)" >&2
}

give_to_swarm() {
    for file in "$directory"/*; do
        [ -f "$file" ] || continue
        name=$(basename "$file")
        if [ ! -s "$file" ]; then
            echo "$name is empty; put a real one there (or run: deploy/secrets.sh certificate NAME)." >&2
            exit 1
        fi
        case $name in
            jwt_*) version=${SIGNING_KEY_VERSION:-1} ;;
            record_*) version=${RECORD_KEY_VERSION:-1} ;;
            tls_*) version=${CERTIFICATE_VERSION:-1} ;;
            *) version=${SECRETS_VERSION:-1} ;;
        esac
        docker secret inspect "urna_v${version}_$name" >/dev/null 2>&1 && continue
        docker secret create "urna_v${version}_$name" "$file" >/dev/null
        echo "Swarm has urna_v${version}_$name" >&2
    done
}

# What is made and not yet used lies in a directory of its own, which is handed to no container.
has_next() { [ -e "$directory/next/$1" ]; }
need_next() { has_next "$1" || fail "There is no next one; make it first: deploy/secrets.sh next $2"; }
need_no_next() { ! has_next "$1" || fail "The next one is not used yet; first: deploy/secrets.sh switch $2"; }
use_next() {
    put "$1" < "$directory/next/$1"
    rm "$directory/next/$1"
    rmdir "$directory/next" 2>/dev/null || true
}

next_signing_key() {
    make_next_key jwt_private_key
    # In front: a token that names no key is checked with the last one.
    publish jwt_public_key next/jwt_private_key
}
make_next_key() {
    has_next "$1" && return
    key=$(openssl genpkey -algorithm ed25519)
    mkdir -p "$directory/next"
    printf '%s\n' "$key" > "$directory/next/$1"
}

switch_signing_key() {
    need_next jwt_private_key signing_key
    use_next jwt_private_key
    date +%s > "$directory/.signing_key_since"
}

retire_signing_key() {
    need_no_next jwt_private_key signing_key
    since=$(cat "$directory/.signing_key_since" 2>/dev/null || echo 0)
    # A day more, for the containers that took the new key later.
    left=$((since + longest_token + 86400 - $(date +%s)))
    [ "$left" -le 0 ] || fail "Tokens of the old key may be good for $(((left + 86399) / 86400)) more days. If it leaked: deploy/secrets.sh revoke signing_key"
    only_this_signing_key
}

only_this_signing_key() {
    key=$(public_of jwt_private_key)
    printf '%s\n' "$key" | put jwt_public_key
}

revoke_signing_key() {
    key=$(openssl genpkey -algorithm ed25519)
    rm -rf "$directory/next/jwt_private_key"
    printf '%s\n' "$key" | put jwt_private_key
    only_this_signing_key
    echo "Who is logged in has to log in again." >&2
}

# The key of records: its old public keys are kept, because a record is checked for as long as somebody doubts it.
next_record_key() {
    make_next_key record_signing_key
    publish record_public_key next/record_signing_key
}
switch_record_key() {
    need_next record_signing_key record_key
    use_next record_signing_key
}
retire_record_key() {
    need_no_next record_signing_key record_key
    fail "The public keys of old records are kept, so that these can be checked. If a key leaked: deploy/secrets.sh revoke record_key"
}
revoke_record_key() {
    for name in next/record_signing_key record_signing_key; do
        [ ! -e "$directory/$name" ] || withdraw record_public_key "$name"
    done
    key=$(openssl genpkey -algorithm ed25519)
    rm -f "$directory/next/record_signing_key"
    rmdir "$directory/next" 2>/dev/null || true
    printf '%s\n' "$key" | put record_signing_key
    publish record_public_key record_signing_key
    echo "Records that the old key has signed are good no more, and have to be fetched again. Publish the name of the new one." >&2
}
# withdraw NAME PRIVATE: take the public key of the file PRIVATE out of the file NAME.
withdraw() {
    key=$(public_of "$2")
    awk -v gone="$(printf '%s\n' "$key" | sed -n 2p)" '
        /^-----BEGIN/ { block = ""; found = 0 }
        { block = block $0 "\n"; if ($0 == gone) found = 1 }
        /^-----END/ { if (!found) printf "%s", block }
    ' "$directory/$1" | put "$1"
}
# The program that prepares the accounts store seals everything with the next one, once the switch is made.
next_register_key() {
    has_next register_key && return
    mkdir -p "$directory/next"
    random_key > "$directory/next/register_key"
}
switch_register_key() {
    need_next register_key register_key
    put register_key_former < "$directory/register_key"
    use_next register_key
}
retire_register_key() {
    need_no_next register_key register_key
    put register_key_former < "$directory/register_key"
}

# Redis takes each line of its password files.
next_redis() {
    has_next "$1" && return
    mkdir -p "$directory/next"
    random > "$directory/next/$1"
    printf '%s\n%s\n' "$(of "$1")" "$(of "next/$1")" | put "$1"
}
switch_redis() {
    need_next "$1" "${1%_password}"
    printf '%s\n%s\n' "$(of "next/$1")" "$(of "$1")" | put "$1"
    rm "$directory/next/$1"
    rmdir "$directory/next" 2>/dev/null || true
}
retire_redis() {
    need_no_next "$1" "${1%_password}"
    printf %s "$(of "$1")" | put "$1"
}

# A database is told by an administrator. MySQL and MariaDB keep two passwords of a user; PostgreSQL knows one only, which
# is why it is told at the switch. The quotes need no care: passwords are hexadecimal.
next_database() {
    if ! has_next "$1"; then
        mkdir -p "$directory/next"
        random > "$directory/next/$1"
    fi
    case $database in
        # The first statement lets the second be repeated: otherwise it would keep the new password as the old one.
        mysql) echo "ALTER USER $2 IDENTIFIED BY '$(of "$1")'; ALTER USER $2 IDENTIFIED BY '$(of "next/$1")' RETAIN CURRENT PASSWORD;" ;;
        mariadb) echo "ALTER USER $2 IDENTIFIED VIA mysql_native_password USING PASSWORD('$(of "next/$1")')" \
            "OR mysql_native_password USING PASSWORD('$(of "$1")');" ;;
    esac
}
switch_database() {
    need_next "$1" "${1%_password}"
    use_next "$1"
    [ "$database" != postgresql ] || echo "ALTER ROLE $2 PASSWORD '$(of "$1")';"
}
retire_database() {
    need_no_next "$1" "${1%_password}"
    case $database in
        mysql) echo "ALTER USER $2 DISCARD OLD PASSWORD;" ;;
        mariadb) echo "ALTER USER $2 IDENTIFIED BY '$(of "$1")';" ;;
    esac
}

# change next|switch|retire NAME
change() {
    case $2 in
        signing_key | record_key | register_key) "$1_$2" ;;
        redis_*) known_password "$2"; "$1_redis" "$2_password" ;;
        accounts_* | election_*)
            known_password "$2"
            user=${2#*_}
            case $database:$user in
                postgresql:root) user=postgres ;;
                postgresql:*) user="\"$user\"" ;;
                *:root) user="'root'@'localhost'" ;;
                *) user="'$user'@'%'" ;;
            esac
            "$1_database" "$2_password" "$user"
            ;;
        *) fail "$2 is neither signing_key, record_key, register_key nor a user of a database or of Redis such as election_daemon or redis_station." ;;
    esac
    # The URLs follow from the passwords.
    make_secrets
}
known_password() { [ -e "$directory/$1_password" ] || fail "There is no $directory/$1_password."; }

usage="usage: deploy/secrets.sh [certificate NAME... | tls CERTIFICATE KEY | swarm | next NAME | switch NAME | retire NAME | revoke signing_key | revoke record_key]"
case $database in mysql | mariadb | postgresql) ;; *) fail "DATABASE is mysql, mariadb or postgresql." ;; esac
make_secrets
case ${1:-}:$# in
    :*) echo "The secrets are in $directory; the first administrator is $(of admin_email), the password is in admin_password." >&2 ;;
    certificate:1) echo "For which host name?" >&2; exit 2 ;;
    certificate:*) shift; make_certificate "$@" ;;
    tls:3) take_certificate "$2" "$3" ;;
    swarm:1) give_to_swarm ;;
    next:2 | switch:2 | retire:2) change "$1" "$2" ;;
    revoke:2) case $2 in signing_key | record_key) "revoke_$2" ;; *) echo "$usage" >&2; exit 2 ;; esac ;;
    *) echo "$usage" >&2; exit 2 ;;
esac

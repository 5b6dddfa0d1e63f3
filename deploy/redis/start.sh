#!/bin/sh
# Starts Redis with one user for each service that reaches it. The rules are in users.acl, which is no secret; the passwords
# are secrets, and only their hashes are put beside the rules, in memory. Each line of a secret is a password of its user,
# so that one can be changed while the other is used (deploy/secrets.sh next).
#
# The user `default` is off, so nobody can be it. It has every right all the same: Redis 7.0 reads its append-only file with
# the rights of that user, and without them leaves out every transaction in it, which is every upload that waits.
set -eu
umask 077
secrets=${SECRETS_DIR:-/run/secrets}
rules=${RULES:-/etc/redis/users.acl}
users=${USERS_FILE:-/tmp/users.acl}

cp "$rules" "$users"
# cp keeps the mode of a configuration that only may be read.
chmod 0600 "$users"
for user in station daemon results operator backup; do
    hashes=
    for password in $(cat "$secrets/${user}_password"); do
        hashes="$hashes#$(printf %s "$password" | sha256sum | cut -d ' ' -f 1) "
    done
    [ -n "$hashes" ] || { echo "The secret ${user}_password is empty." >&2; exit 1; }
    sed -i "s/^user $user on /user $user on $hashes/" "$users"
    grep -q "^user $user on $hashes" "$users" || { echo "No rule for the user $user in $rules." >&2; exit 1; }
done
exec redis-server "${CONFIGURATION:-/etc/redis/redis.conf}"

#!/bin/sh
# Puts the certificate that nginx shall use where its configuration looks for it. A real one comes by the secrets
# tls_certificate and tls_key. Where they are empty and TLS_SELF_SIGNED is "yes" (docker-compose.yml, for development), a
# self-signed one is made at the first start and kept in its volume, so that a browser has to be told only once.
set -eu
umask 077

given_certificate=/run/secrets/tls_certificate
given_key=/run/secrets/tls_key
kept=${TLS_KEPT_IN:-/var/lib/urna/tls}
used=${TLS_USED_FROM:-/tmp/tls}

# Bytes and not only existence are asked for, because Compose wants a file to be there even when nothing is given.
if [ -s "$given_certificate" ] && [ -s "$given_key" ]; then
    certificate=$given_certificate
    key=$given_key
elif [ -s "$given_certificate" ] || [ -s "$given_key" ]; then
    echo "Only one of the secrets tls_certificate and tls_key is given; both are needed." >&2
    exit 1
elif [ "${TLS_SELF_SIGNED:-no}" = yes ]; then
    certificate=$kept/certificate.pem
    key=$kept/key.pem
    if ! openssl x509 -in "$certificate" -noout -checkend 86400 >/dev/null 2>&1; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
            -subj /CN=localhost -addext "subjectAltName=${TLS_NAMES:-DNS:localhost,IP:127.0.0.1}" \
            -keyout "$key" -out "$certificate" 2>/dev/null
        echo "A self-signed certificate for development was made; give the secrets tls_certificate and tls_key for a real one." >&2
    fi
else
    echo "No certificate: give the secrets tls_certificate and tls_key." >&2
    exit 1
fi

mkdir -p "$used"
ln -sf "$certificate" "$used/certificate.pem"
ln -sf "$key" "$used/key.pem"

#!/bin/sh
# certificate.sh FOLDER HOST: a certificate of your own for scheduler, workers and coordinator, and Dask's configuration
# that uses it. Whoever has the folder can use the cluster, and so run code on it: keep it as you keep a key.
set -eu
mkdir -p "$1"
cd "$1"
umask 077
openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj "/CN=kata" \
    -addext "subjectAltName=DNS:$2,DNS:localhost,IP:127.0.0.1" -keyout key.pem -out certificate.pem 2> /dev/null
cat > tls.yaml << EOF
distributed:
  comm:
    require-encryption: true
    tls:
      ca-file: $(pwd)/certificate.pem
EOF
for role in client scheduler worker; do
    echo "      $role: {cert: $(pwd)/certificate.pem, key: $(pwd)/key.pem}" >> tls.yaml
done

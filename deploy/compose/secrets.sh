#!/usr/bin/env bash
# Makes the secrets of the compose stack where there are none, and refuses weak ones.
#
#   deploy/compose/secrets.sh        in $ATELIER_SECRETS, by default deploy/compose/secrets
#
# Four files are yours to change: api_key and the passwords of the broker, the database and the
# object store. Everything else in the folder follows from them. An existing secret is never replaced.
set -euo pipefail
folder=${ATELIER_SECRETS:-$(cd "$(dirname "$0")" && pwd)/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder" # this is what keeps others out; containers read single files under a uid of their own
cd "$folder"

refuse() { printf '%s: %s\n' "$folder/$1" "$2" >&2; exit 2; }

put() { # FILE, from standard input
    cat >"$1.new"
    chmod 444 "$1.new"
    mv -f "$1.new" "$1"
}

secret() { # FILE
    [ -e "$1" ] || head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' | put "$1"
    local value
    value=$(<"$1")
    [ "${#value}" -ge 20 ] || refuse "$1" 'is shorter than 20 characters; delete it for a generated one.'
    case $value in *[!A-Za-z0-9_-]*) refuse "$1" 'may hold only letters, digits, - and _.' ;; esac
    case $(tr 'A-Z' 'a-z' <"$1") in
        *change*me* | *password* | *example* | *default* | *guest* | *minioadmin* | *secret* | *your*key*)
            refuse "$1" 'looks like a default; delete it for a generated one.' ;;
    esac
    [ "$(fold -w 1 "$1" | sort -u | wc -l)" -ge 8 ] ||
        refuse "$1" 'is too simple; delete it for a generated one.'
}

for name in api_key rabbitmq_password mongo_password minio_password; do secret "$name"; done

rabbitmq=$(<rabbitmq_password) mongo=$(<mongo_password) minio=$(<minio_password)
printf '%s\n' "RABBITMQ_DEFAULT_USER=atelier" "RABBITMQ_DEFAULT_PASS=$rabbitmq" | put rabbitmq.env
printf '%s\n' "MONGO_INITDB_ROOT_USERNAME=atelier" "MONGO_INITDB_ROOT_PASSWORD=$mongo" | put mongo.env
printf '%s\n' "MINIO_ROOT_USER=atelier" "MINIO_ROOT_PASSWORD=$minio" | put minio.env
printf '%s' "amqp://atelier:$rabbitmq@rabbitmq:5672/" | put amqp_url
printf '%s' "mongodb://atelier:$mongo@mongo:27017/atelier?authSource=admin" | put mongo_url

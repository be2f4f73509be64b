#!/bin/sh
# Secrets, keys and leases by curl alone: every row of the API's table, with its status, headers and members.
#
# API (https://HOST:PORT/v1/projects/NAME), CA (a file), TOKEN, and TARGET (the configuration of a PostgreSQL in which
# accounts may be made, as JSON) come from the environment. Prints a line for each row that holds; ends with 1 and
# the answer at the first that does not.
set -eu

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
token=$TOKEN

die() {
    echo "NOT OK: $*" >&2
    cat "$place/head" "$place/body" >&2
    exit 1
}

# send METHOD PATH [JSON or ''] [OPTION OF CURL]...
send() {
    method=$1 path=$2
    shift 2
    : >"$place/body"
    json=${1-}
    [ $# -eq 0 ] || shift
    [ -z "$json" ] || set -- --header 'Content-Type: application/json' --data-binary "$json" "$@"
    status=$(curl --silent --show-error --noproxy '*' --max-time 60 --cacert "$CA" --request "$method" \
        --header "Authorization: Bearer $token" --dump-header "$place/head" --output "$place/body" \
        --write-out '%{http_code}' "$@" "$API/$path")
}

# is STATUS [MEMBER]...
is() {
    [ "$status" = "$1" ] || die "$method $path answered $status, not $1"
    shift
    for member in "$@"; do
        grep -q "\"$member\":" "$place/body" || die "$method $path: no member $member"
    done
}

# is_problem STATUS [TEXT]: application/problem+json with the members that every problem has.
is_problem() {
    is "$1" type title status detail request_id
    header content-type 'application/problem+json'
    [ -z "${2-}" ] || says "$2"
}

# header NAME TEXT: the header is there and holds the text.
header() {
    sed -n "s/^$1: *//Ip" "$place/head" | tr -d '\r' | grep -qF -- "$2" || die "$method $path: $1 is not $2"
}

says() { grep -qF -- "$1" "$place/body" || die "$method $path does not say $1"; }
says_not() { ! grep -qF -- "$1" "$place/body" || die "$method $path says $1"; }
# The text of a member.
text() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" "$place/body"; }
holds() { echo "ok: $*"; }

secret='environments/dev/secrets/PASSWORD?path=/app/db'

send PUT "$secret" '{"value":"first","comment":"of the app","tags":["db"],"metadata":{"owner":"ops"}}'
is 201 name path version environment created_at updated_at comment tags metadata commit
header etag '"1"'
header location '/secrets/PASSWORD'
says '"version":1'
says '"path":"/app/db"'
says_not first
send PUT "$secret" '{"value":"second"}'
is 200 name path version
header etag '"2"'
says '"comment":"of the app"'
send PUT "$secret" '{"value":"third"}' --header 'If-Match: "1"'
is_problem 412
send PUT "$secret" '{"value":"third"}' --header 'If-None-Match: *'
is_problem 412
send PUT "$secret" '{"value":"third"}' --header 'If-Match: "2"'
is 200
header etag '"3"'
send PUT 'environments/dev/secrets/NEW?path=/app' '{"value":"x"}' --header 'If-None-Match: *'
is 201
send PUT 'environments/dev/secrets/9bad' '{"value":"x"}'
is_problem 400
send PUT 'environments/dev/secrets/A' '{"value":"x","nonsense":1}'
is_problem 400 nonsense
send PUT 'environments/dev/secrets/A' '{"value":'
is_problem 400
send PUT 'environments/nowhere/secrets/A' '{"value":"x"}'
is_problem 404
send PUT 'environments/dev/secrets/A' '' --header 'Content-Type: text/plain' --data-binary x
is_problem 415
{ printf '{"value":"' && head -c 1048577 /dev/zero | tr '\0' x && printf '"}'; } >"$place/large"
send PUT 'environments/dev/secrets/LARGE' '' --header 'Content-Type: application/json' --data-binary "@$place/large"
is_problem 413
{ printf '{"value":"' && head -c 1048576 /dev/zero | tr '\0' x && printf '"}'; } >"$place/large"
send PUT 'environments/dev/secrets/LARGE?path=/large' '' --header 'Content-Type: application/json' \
    --data-binary "@$place/large"
is 201
holds 'PUT a secret: created, changed, checked and set, refused'

send GET "$secret"
is 200 name path value version environment created_at updated_at comment tags metadata
says '"value":"third"'
says '"version":3'
header etag '"'
header cache-control no-store
etag=$(sed -n 's/^etag: *//Ip' "$place/head" | tr -d '\r')
send GET "$secret" '' --header "If-None-Match: $etag"
is 304
send GET "$secret&version=1"
is 200
says '"value":"first"'
send GET "$secret&version=4"
is_problem 404
send GET 'environments/dev/secrets/NOTHING'
is_problem 404
token=kw_nobody
send GET "$secret"
is_problem 401
header www-authenticate Bearer
token=$TOKEN
holds 'GET a secret: newest, an older version, unchanged, unknown, unknown caller'

send PUT 'environments/dev/secrets/URL?path=/app/db' '{"value":"postgresql://app:${PASSWORD}@db/app"}'
is 201
send GET 'environments/dev/secrets?path=/app/db'
is 200 items next_cursor
says 'postgresql://app:third@db/app'
for member in name path value version created_at updated_at comment tags metadata; do
    is 200 "$member"
done
header etag '"'
etag=$(sed -n 's/^etag: *//Ip' "$place/head" | tr -d '\r')
send GET 'environments/dev/secrets?path=/app/db' '' --header "If-None-Match: $etag"
is 304
send GET 'environments/dev/secrets?path=/app/db&expand=false'
is 200
says '${PASSWORD}'
send GET 'environments/dev/secrets?path=/app/db&include_values=false'
is 200 items
says_not '"value":'
send GET 'environments/dev/secrets?path=/app&recursive=true'
is 200
says '"name":"NEW"'
says '"name":"PASSWORD"'
send GET 'environments/dev/secrets?path=/app&recursive=false'
is 200
says_not '"name":"PASSWORD"'
send POST 'environments/dev/imports?path=/app' '{"environment":"dev","path":"/app/db"}'
is 201 id environment path position
send GET 'environments/dev/secrets?path=/app&imports=true'
says '"name":"PASSWORD"'
send GET 'environments/dev/secrets?path=/app&imports=false'
says_not '"name":"PASSWORD"'
send GET 'environments/dev/secrets?path=/app/db&limit=1'
is 200
cursor=$(text next_cursor)
[ -n "$cursor" ] || die 'a first page of one has no next_cursor'
send GET "environments/dev/secrets?path=/app/db&limit=1&cursor=$cursor"
is 200
says '"next_cursor":null'
send PUT 'environments/dev/secrets/BROKEN?path=/broken' '{"value":"${MISSING}"}'
is 201
send GET 'environments/dev/secrets/BROKEN?path=/broken'
is_problem 422 MISSING
send GET 'environments/dev/secrets/BROKEN?path=/broken&expand=false'
is 200
send GET 'environments/dev/secrets?path=/broken'
is_problem 422 MISSING
holds 'GET a folder: values, references, imports, recursion, pages, unchanged'

send DELETE "$secret" '' --header 'If-Match: "1"'
is_problem 412
send DELETE "$secret"
is 204
send GET "$secret"
is_problem 404
send GET "$secret&version=1"
is 200
says '"value":"first"'
send DELETE "$secret"
is_problem 404
holds 'DELETE a secret: gone, its versions are there for who may undelete'

plaintext=$(printf 'a plaintext' | base64)
aad=$(printf 'row 7' | base64)
send POST kms/keys '{"name":"app","algorithm":"aes-256-gcm"}'
is 201 name algorithm
header location /kms/keys/app
send POST kms/keys '{"name":"app","algorithm":"aes-256-gcm"}'
is_problem 409
send POST kms/keys/app/encrypt "{\"plaintext\":\"$plaintext\",\"aad\":\"$aad\"}"
is 200 ciphertext version
first=$(text ciphertext)
send POST kms/keys/app/decrypt "{\"ciphertext\":\"$first\",\"aad\":\"$aad\"}"
is 200 plaintext version
[ "$(text plaintext)" = "$plaintext" ] || die 'the plaintext is another one'
header cache-control no-store
send POST kms/keys/app/decrypt "{\"ciphertext\":\"$first\"}"
is_problem 422
send POST kms/keys/app/rotate '{}'
is 200 name
send POST kms/keys/app/rewrap "{\"ciphertext\":\"$first\",\"aad\":\"$aad\"}"
is 200 ciphertext version
second=$(text ciphertext)
case "$second" in kw1:2:*) ;; *) die "rewrapped is $second" ;; esac
send POST kms/keys/app/decrypt "{\"ciphertext\":\"$second\",\"aad\":\"$aad\"}"
is 200
[ "$(text plaintext)" = "$plaintext" ] || die 'the plaintext is another one'
send POST kms/keys/app/data-key '{}'
is 200 plaintext ciphertext
key=$(text plaintext)
sealed=$(text ciphertext)
send POST kms/keys/app/decrypt "{\"ciphertext\":\"$sealed\"}"
is 200
[ "$(text plaintext)" = "$key" ] || die 'the data key is another one'
send POST kms/keys/app/encrypt '{"plaintext":"not base64"}'
is_problem 400 plaintext
send POST kms/keys/nothing/encrypt "{\"plaintext\":\"$plaintext\"}"
is_problem 404
send POST kms/keys '{"name":"signing","algorithm":"ec-p256"}'
is 201
send POST kms/keys/signing/sign "{\"message\":\"$plaintext\"}"
is 200 signature
signature=$(text signature)
send POST kms/keys/signing/verify "{\"message\":\"$plaintext\",\"signature\":\"$signature\"}"
is 200
says '"valid":true'
send POST kms/keys/signing/verify "{\"message\":\"$aad\",\"signature\":\"$signature\"}"
is 200
says '"valid":false'
send POST kms/keys/signing/encrypt "{\"plaintext\":\"$plaintext\"}"
is_problem 422
holds 'KMS: keys, encrypt, decrypt, rewrap, data-key, sign, verify, rotate'

dynamic='{"name":"app-db","path":"/app","provider":"postgresql","config":'$TARGET',"default_ttl":"10m","max_ttl":"1h"}'
send POST environments/dev/dynamic-secrets "$dynamic"
is 201 name path provider config default_ttl max_ttl
header location /dynamic-secrets/app-db
says_not "$(printf %s "$TARGET" | sed 's/.*"password":"\([^"]*\)".*/\1/')"
send POST 'environments/dev/dynamic-secrets/app-db/leases?path=/app' '{"ttl":"20m"}'
is 201 lease_id data username password host port database expires_at
header cache-control no-store
lease=$(text lease_id)
password=$(text password)
header location "/leases/$lease"
send POST 'environments/dev/dynamic-secrets/app-db/leases?path=/app' '{"ttl":"2h"}'
is_problem 422 ttl
send POST 'environments/dev/dynamic-secrets/nothing/leases?path=/app' '{}'
is_problem 404
send GET "leases/$lease"
is 200 lease_id dynamic_secret status expires_at
says '"status":"active"'
says_not "$password"
send POST "leases/$lease/renew" '{"ttl":"30m"}'
is 200 expires_at
send POST "leases/$lease/revoke" '{}'
is 200 status
says '"status":"revoked"'
send POST "leases/$lease/renew" '{}'
is_problem 409
send GET leases/lse_nothing
is_problem 404
holds 'leases: given, read, renewed, revoked'

#!/bin/sh
# Install the Debian packages that the tests drive; without root, name the missing ones and fail.
set -eu
missing=""
need() {
    package=$1
    shift
    for program in "$@"; do
        found=$(PATH="$PATH:/usr/sbin:/sbin" command -v "$program" 2>/dev/null || true)
        [ -n "$found" ] && return 0
    done
    missing="$missing $package"
}
need curl curl
need openssl openssl
need gnutls-bin ocsptool
need libnss3-tools certutil
need openssh-server sshd
need openssh-client ssh
need wrk wrk
need acme-tiny acme-tiny
need apache2-bin apache2
need caddy caddy
need certbot certbot
need dehydrated dehydrated
need lego lego
need softhsm2 softhsm2-util
need uacme uacme
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "The tests need these Debian packages, install them and try again:$missing" >&2
    exit 1
fi
echo "installing$missing ..." >&2
# The packages' own services are not started: the tests start servers of their own. RUNLEVEL=1 says so to
# init scripts, policy-rc.d to systemd's; one that is there is the machine's own and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get update -qq >&2
# shellcheck disable=SC2086
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2

#!/usr/bin/env bash
# Installs what is lacking for a target of the Makefile, and nothing if all is there (then no network is used).
#   tests/needs.sh build|test|demo|lint|bench|cyrus     (cyrus: 77 where it cannot be had)
# Debian and Ubuntu: apt-get, as root or through sudo. Elsewhere it says what to install.
# Nothing that it installs starts as a system service: policy-rc.d refuses, for that one apt-get.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-}

BUILD='gcc make pkg-config libc6-dev libetpan-dev libcurl4-gnutls-dev libcjson-dev libpcre2-dev libsqlite3-dev
libgmime-3.0-dev libgumbo-dev libyaml-dev libopendkim-dev libunbound-dev libseccomp-dev libgnutls28-dev libzstd-dev'
DEMO="$BUILD dovecot-imapd python3 python3-aiosmtpd openssl procps"
TEST="$DEMO libcmocka-dev python3-pytest python3-pytest-xdist libfaketime strace dnsmasq-base libsystemd0 python3-dkim python3-nacl python3-yaml ca-certificates"
BENCH="$BUILD python3 util-linux libmime-tools-perl"
LINT="$BUILD clang clang-tidy clang-format shellcheck mandoc git python3-yaml"
PCRE2_FIXED=10.42-1+deb12u2 # Debian 12 shipped 10.42-1, with holes that u2 closes

say() { printf 'needs: %s\n' "$*" >&2; }
stop() {
    say "$*"
    exit 1
}

# Which of these packages are not installed (or, on Debian 12, too old)?
lacking() {
    local have package
    # dpkg-query fails if one package is unknown, which is just what we ask
    have=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Version}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -q "^installed $package " <<<"$have" || echo "$package"
    done
    if [ "$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")" = 'debian 12' ]; then
        package=$(sed -n 's/^installed libpcre2-dev //p' <<<"$have")
        [ -z "$package" ] || dpkg --compare-versions "$package" ge "$PCRE2_FIXED" || echo libpcre2-dev libpcre2-8-0
    fi
}

# As root: one apt-get, in which no service may start. The policy is removed again whatever happens.
install_as_root() {
    policy=/usr/sbin/policy-rc.d # not local: the traps look at them after this function
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$log" "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    say 'apt-get update'
    apt-get update -qq >"$log" 2>&1 || { tail -n 20 "$log" >&2 && stop 'apt-get update failed'; }
    say "apt-get install $*"
    apt-get install -y -q --no-install-recommends "$@" </dev/null >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2 && stop 'apt-get install failed'; }
}

need_packages() {
    local packages command
    mapfile -t packages < <(lacking "$@" | tr ' ' '\n')
    [ "${#packages[@]}" -gt 0 ] || return 0
    if [[ " ${packages[*]} " == *' libcurl4-gnutls-dev '* ]] && [ -z "$(lacking libcurl4-openssl-dev)" ]; then
        stop "libcurl4-openssl-dev is installed. It excludes libcurl4-gnutls-dev, which libetpan-dev depends on:" \
            "remove it first (apt-get remove libcurl4-openssl-dev)"
    fi
    command="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    if [ "$(id -u)" = 0 ]; then
        install_as_root "${packages[@]}"
    elif command -v sudo >/dev/null; then
        sudo -- "$BASH" tests/needs.sh as-root "${packages[@]}" || stop "as root: $command"
    else
        stop "these packages are lacking; as root: $command"
    fi
}

# Not Debian: libraries are looked for by pkg-config, programs and modules by name.
need_elsewhere() {
    local lack=() one
    for one in libetpan libcurl libcjson libpcre2-8 sqlite3 gmime-3.0 gumbo yaml-0.1 libunbound opendkim libseccomp gnutls libzstd; do
        pkg-config --exists "$one" 2>/dev/null || lack+=("the library $one (with headers and pkg-config file)")
    done
    for one in gcc make pkg-config $1; do
        command -v "$one" >/dev/null || [ -x "/usr/sbin/$one" ] || lack+=("the program $one")
    done
    for one in $2; do
        /usr/bin/python3 -c "import $one" 2>/dev/null || lack+=("the Python module $one for /usr/bin/python3")
    done
    [ "${#lack[@]}" -gt 0 ] || return 0
    say 'this is neither Debian nor Ubuntu, so please install:'
    printf '  %s\n' "${lack[@]}" >&2
    exit 1
}

need() { # need PACKAGES PROGRAMS MODULES: the same need, for Debian and for others
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        # shellcheck disable=SC2086
        need_packages $1
    else
        need_elsewhere "$2" "$3"
    fi
}

# Cyrus IMAP's packages exclude Dovecot's: the two that matter are unpacked under build/cyrus and run from there;
# only the libraries that they need are installed.
need_cyrus() {
    local dir=build/cyrus libraries package
    [ ! -x "$dir/root/usr/lib/cyrus/bin/master" ] || return 0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say 'Cyrus IMAP is unpacked from packages of Debian, which this is not'
        exit 77
    fi
    if [ "$(id -u)" != 0 ]; then
        say 'the libraries of Cyrus IMAP are installed by root only'
        exit 77
    fi
    rm -rf "$dir" && mkdir -p "$dir"
    if ! (cd "$dir" && apt-get download -q -o APT::Sandbox::User=root cyrus-imapd cyrus-common) >"$dir/log" 2>&1; then
        say 'apt-get update' # never done here, or long ago
        apt-get update -qq >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2 && stop 'apt-get update failed'; }
        (cd "$dir" && apt-get download -q -o APT::Sandbox::User=root cyrus-imapd cyrus-common) >"$dir/log" 2>&1 ||
            { tail -n 20 "$dir/log" >&2 && stop 'apt-get download failed'; }
    fi
    # of alternatives the first; libclamav (large) is for a program of its that we do not run
    libraries=$(dpkg-deb -f "$dir"/cyrus-common_*.deb Depends | tr ',' '\n' |
        sed -n 's/^ *\(lib[^ (|]*\).*/\1/p' | grep -v '^libclamav')
    # shellcheck disable=SC2086
    need_packages $libraries
    for package in "$dir"/*.deb; do
        dpkg-deb -x "$package" "$dir/new"
    done
    mv "$dir/new" "$dir/root"
}

# The packages of FOLDER/package.json: once; again only when the lock file is newer.
need_npm() { # need_npm FOLDER
    local mark=$1/node_modules/.package-lock.json
    [ -e "$mark" ] && [ ! "$1/package-lock.json" -nt "$mark" ] && return 0
    say "npm ci ($1/package.json)"
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
        stop 'npm ci failed: the network is needed for it, once'
    touch "$mark"
}

case $what in
    build) need "$BUILD" '' '' ;;
    demo) need "$DEMO" 'dovecot python3 openssl ps' 'aiosmtpd' ;;
    test)
        command -v node >/dev/null || TEST="$TEST nodejs"
        command -v npm >/dev/null || TEST="$TEST npm"
        need "$TEST" 'dovecot python3 openssl ps strace dnsmasq node npm' 'aiosmtpd pytest xdist yaml'
        need_npm tests
        ;;
    bench) # what of other parsers cannot be installed is not run, and said
        command -v node >/dev/null || BENCH="$BENCH nodejs"
        command -v npm >/dev/null || BENCH="$BENCH npm"
        need "$BENCH" 'python3 taskset' ''
        (need_npm tests/bench) || say 'no packages of npm: their parsers are not run'
        ;;
    cyrus) need_cyrus ;;
    lint) need "$LINT" 'clang clang-tidy clang-format shellcheck mandoc git' 'yaml' ;;
    as-root)
        shift
        install_as_root "$@"
        ;;
    *)
        echo 'usage: tests/needs.sh build|test|demo|lint|bench|cyrus' >&2
        exit 2
        ;;
esac

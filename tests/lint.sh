#!/usr/bin/env bash
# make lint: the house rules. Each check names what it found and where; all are run before it fails.
#   tests/lint.sh          everything
#   tests/lint.sh quick    what needs no compiler (seconds)
set -uo pipefail
shopt -s lastpipe # found() sets `bad` at the end of a pipe
cd "$(dirname "$0")/.." || exit
bad=0
wrong() { printf '%s\n' "$1"; bad=1; }
found() { # found TITLE: prints what grep found on stdin, and fails if it did
    local lines
    lines=$(cat)
    [ -z "$lines" ] || wrong "$1:
$lines"
}

# ---- the include DAG of doc/architecture.md: what each room may include besides its own headers
allowed() {
    case $1 in
        cmd) echo 'base|store|ingest|notify|read/reading\.h' ;;
        ingest) echo 'base|store|read/reading\.h' ;;
        read) echo 'base|rules' ;;
        rules) echo 'base' ;;
        notify) echo 'base|store' ;;
        store) echo 'base' ;;
        base) echo 'none' ;;
    esac
}
for room in cmd ingest read rules notify store base; do
    grep -nE '^#include "[a-z]+/' "$room"/*.[ch] | grep -vE "\"($room|$(allowed "$room"))(/|\")" |
        found "include DAG: $room/ may not include this"
done

# ---- one foreign library, one door
door() { # door LIBRARY HEADER-PATTERN FILES-PATTERN
    grep -nE "^#include <([a-z]+/)*($2)" ./*/*.[ch] | grep -vE "^\./($3):" | found "door: $1 is used outside its door"
}
door libetpan 'libetpan' 'ingest/(imap|imap_fetch|imap_action|transport)\.c'
door GMime 'gmime' 'read/message\.c'
door GLib 'glib' 'read/text\.c'
door Gumbo 'gumbo' 'read/html\.c'
door libopendkim 'dkim' 'read/dkim\.c'
door libseccomp 'seccomp' 'read/lock\.c'
door PCRE2 'pcre2' 'rules/pattern\.c'
door libunbound 'unbound' 'ingest/resolver\.c'
door SQLite 'sqlite3' 'store/[a-z]+\.c'
door zstd 'zstd' 'store/mail\.c'
door libyaml 'yaml' 'base/conf\.c'
door cJSON 'cjson|cJSON' 'base/json\.c'
door GnuTLS 'gnutls' 'base/digest\.c'
door libcurl 'curl' '(base/http|ingest/transport|notify/email)\.c'

# ---- banned: unbounded or locale-bound calls, shells, clocks that only drivers read
grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|alloca|system|popen|tmpnam|mktemp|setlocale)[[:space:]]*\(' \
    ./{base,store,rules,read,ingest,notify,cmd}/*.[ch] | found 'banned call'
grep -nE '\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b [A-Za-z"*(]' ./{base,rules,read,ingest,notify,cmd}/*.[ch] |
    found 'SQL outside store/'
grep -nE '\bclock_now_ms[[:space:]]*\(\)' ./{store,rules,read}/*.c | found 'the clock is passed in (now_ms)'
grep -nE '\bexit[[:space:]]*\(' ./{store,rules,ingest,notify}/*.c | found 'only cmd/ and the children exit'
grep -nE '\b(time\.sleep|sleep [0-9])' tests/system/*.py tests/servers/*.py tests/*.sh 2>/dev/null | found 'tests wait for events'
git ls-files | grep -vE '^tests/(bench/)?package-lock\.json$|^samples/mail/.*\.eml$|^tests/fuzz/corpus/|^tests/lint\.sh$' | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b' 2>/dev/null |
    found 'unfinished'
grep -n '"resolved"' tests/package-lock.json tests/bench/package-lock.json 2>/dev/null | found 'a registry host in the lock file'

# ---- every file ends well
git ls-files '*.c' '*.h' '*.py' '*.sh' '*.sql' '*.md' '*.yaml' | xargs grep -nE '[[:space:]]+$' 2>/dev/null | found 'trailing white space'
# shellcheck disable=SC2046
shellcheck -x $(git ls-files '*.sh' .ci/run) || bad=1
mandoc -Tlint -Wwarning doc/*.[1-9] || bad=1

# ---- the compiler's and clang-tidy's eyes (.clang-tidy)
if [ "${1:-}" != quick ]; then
    flags=$(pkg-config --cflags libcurl libcjson sqlite3 yaml-0.1 gnutls libzstd gmime-3.0 gumbo \
        libseccomp libpcre2-8 opendkim)
    mkdir -p build
    [ -f build/schema.inc ] || make -s build/schema.inc
    # shellcheck disable=SC2086
    printf '%s\n' ./{base,store,rules,read,ingest,notify,cmd}/*.c | xargs -P 2 -n 4 sh -c '
        clang-tidy --quiet --warnings-as-errors="*" "$@" -- '"$flags"' -std=c11 -D_GNU_SOURCE -I. -Ibuild \
            -DAPPROVALS_VERSION="\"0\"" -DAPPROVALS_PREFIX="\"/usr\"" -DAPPROVALS_SYSCONFDIR="\"/etc\"" \
            -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes -Wstrict-prototypes' sh 2>build/clang-tidy.err || {
        bad=1
        grep -vE 'warnings? (generated|treated)|^$' build/clang-tidy.err
    }
fi
[ "$bad" = 0 ] && echo 'lint: clean'
exit "$bad"

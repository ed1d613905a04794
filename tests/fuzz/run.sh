#!/usr/bin/env bash
# make fuzz: libFuzzer over the targets that `make fuzz` has built, as many at a time as there are cores.
#   tests/fuzz/run.sh for SECONDS TARGET...  looks for what breaks; what is found is kept in build/fuzz/found
#   tests/fuzz/run.sh minimise TARGET...     makes tests/fuzz/corpus anew from all inputs seen so far
# Inputs that reached new code are kept in build/fuzz/corpus, and are where the next run starts.
set -euo pipefail
cd "$(dirname "$0")/../.."
export G_SLICE=always-malloc # or the sanitizer does not see what GLib does with memory
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
MAX_LEN=65536 # bytes of one input: beyond it more of the same
KEEP=8192     # bytes of one input of the corpus in the tree, which has one input for each edge, not for each count of it
# For one input: the sanitizers make the 1 s of CPU of a child about ten times as long, and its memory four times as much.
BOUNDS=(-timeout=10 -rss_limit_mb=2048)

fuzz_one() { # fuzz_one SECONDS TARGET
    local grown=build/fuzz/corpus/$2 dict=tests/fuzz/$2.dict options
    mkdir -p "$grown" build/fuzz/found
    options=("-max_total_time=$1" "-max_len=$MAX_LEN" "${BOUNDS[@]}" -print_final_stats=1
        "-artifact_prefix=build/fuzz/found/$2-")
    [ ! -f "$dict" ] || options+=("-dict=$dict")
    if "build/fuzz/tests/fuzz-$2" "${options[@]}" "$grown" "tests/fuzz/corpus/$2" "build/fuzz/seeds/$2" >"build/fuzz/$2.log" 2>&1; then
        printf 'fuzz: %s: nothing found in %s s, %s inputs tried\n' "$2" "$1" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$2.log")"
    else
        tail -n 60 "build/fuzz/$2.log" >&2
        printf 'fuzz: %s: FOUND something (build/fuzz/found, build/fuzz/%s.log)\n' "$2" "$2" >&2
        return 1
    fi
}

minimise_one() { # minimise_one TARGET
    local new=build/fuzz/minimised/$1
    rm -rf "$new"
    mkdir -p "$new" "build/fuzz/corpus/$1"
    "build/fuzz/tests/fuzz-$1" -merge=1 -use_counters=0 "-max_len=$KEEP" "${BOUNDS[@]}" "$new" "build/fuzz/seeds/$1" \
        "tests/fuzz/corpus/$1" "build/fuzz/corpus/$1" >"build/fuzz/$1.log" 2>&1
    rm -rf "tests/fuzz/corpus/$1"
    mv "$new" "tests/fuzz/corpus/$1"
    printf 'fuzz: %s: %s inputs\n' "$1" "$(find "tests/fuzz/corpus/$1" -type f | wc -l)"
}

prepare() { # prepare TARGET...: the folders, and seeds from the samples
    local target
    for target in "$@"; do mkdir -p "build/fuzz/seeds/$target" "tests/fuzz/corpus/$target"; done
    /usr/bin/python3 tests/fuzz/seeds.py build/fuzz/seeds
}

each() { # each WORD... -- TARGET...: this script with the words and one target, as many at a time as there are cores
    local words=()
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' "$BASH" tests/fuzz/run.sh "${words[@]}" '{}'
}

what=${1:-}
[ $# = 0 ] || shift
case $what in
    one-for) fuzz_one "$@" ;;
    one-minimise) minimise_one "$@" ;;
    for)
        prepare "${@:2}"
        each one-for "$1" -- "${@:2}"
        ;;
    minimise)
        prepare "$@"
        each one-minimise -- "$@"
        ;;
    *)
        echo 'usage: tests/fuzz/run.sh for SECONDS TARGET... | minimise TARGET...' >&2
        exit 2
        ;;
esac

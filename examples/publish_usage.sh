#!/bin/sh
# Sends measurements over HTTP, with nothing but a POSIX shell and curl (7.76 or newer):
#
#     sh examples/publish_usage.sh examples/measurements.json
#
# The file holds m3ter's body, {"measurements": [...]}, of 1 to 1,000 items. Each has a `uid`, and a uid counts once: so
# what was sent, and whose answer was lost, is simply sent again. Where, and by whom, say the variables that m3ter's own
# clients read; `eval "$(python examples/connection.py)"` sets them for a `trueup up` on this machine.
set -eu

url=${M3TER_BASE_URL:-http://127.0.0.1:8080}
organization=${M3TER_ORG_ID:?"whose usage is it?"}
key=${M3TER_API_KEY:?"which access key?"}
secret=${M3TER_API_SECRET:?"what is its secret?"}
file=${1:?"which file has the measurements?"}

die() {
    printf 'publish_usage.sh: %s\n' "$1" >&2
    exit 1
}

# ask CONFIGURATION ARGUMENT...: prints the answer's body, also that of a refusal, which is a failure.
# Secrets stand in curl's configuration, which it reads from a pipe: arguments can be read by everybody on the machine.
# curl itself repeats what was answered with 429 or 5xx; a connection that fails or breaks is begun again here.
ask() {
    configuration=$1
    shift
    for pause in 1 2 4 8 0; do
        status=0
        printf '%s\n' "$configuration" |
            curl --silent --show-error --fail-with-body --retry 3 --config - "$@" || status=$?
        case $status in
        0 | 22) break ;; # 22: it was answered, with a refusal
        *) sleep "$pause" ;;
        esac
    done
    return "$status"
}

[ -r "$file" ] || die "cannot read $file"

answer=$(ask "user = \"$key:$secret\"" --data grant_type=client_credentials "$url/oauth/token") ||
    die "there is no token to be had from $url. $answer"
token=$(printf '%s' "$answer" | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
[ -n "$token" ] || die "this is no answer of /oauth/token: $answer"

# 200 means that Kafka holds all of it, acknowledged by every replica in sync.
answer=$(ask "header = \"Authorization: Bearer $token\"" --header 'Content-Type: application/json' \
    --data-binary "@$file" "$url/organizations/$organization/measurements") || die "it was refused. $answer"
printf '%s\n' "$answer"

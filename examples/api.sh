# For a POSIX shell that has M3TER_BASE_URL and the like (`connection.py`): `. examples/api.sh`, then `api PATH [curl's options]` asks the organization over HTTP. It needs
# curl 7.76 and python3, which picks members out of answers: `api accounts | pick data.0.id`.

api_url=$M3TER_BASE_URL

# One member of a JSON document on standard input, by the names and numbers that lead to it.
pick() {
    python3 -c '
import json, sys
found = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    found = found[int(name)] if isinstance(found, list) else found[name]
print(found)' "$1"
}

# The token holds for five hours.
api_token=$(printf 'user = "%s:%s"\n' "$M3TER_API_KEY" "$M3TER_API_SECRET" |
    curl --silent --show-error --fail-with-body --config - --data grant_type=client_credentials "$api_url/oauth/token" |
    pick access_token)

# GET, or POST if there is --json BODY; what stands behind it is for curl. The path is below /organizations/{orgId}/.
api() {
    api_path=$1
    shift
    if [ "${1-}" = --json ]; then
        api_body=$2
        shift 2
        set -- "$@" --header 'Content-Type: application/json' --data "$api_body"
    fi
    printf 'header = "Authorization: Bearer %s"\n' "$api_token" |
        curl --silent --show-error --fail-with-body --config - "$@" \
            "$api_url/organizations/$M3TER_ORG_ID/$api_path"
}

# Waits until a bill job is done: `api billjobs --json '{...}' | done_job`.
done_job() {
    api_job=$(pick id)
    until [ "$(api "billjobs/$api_job" | pick status)" = COMPLETE ]; do sleep 0.2; done
    api "billjobs/$api_job"
}

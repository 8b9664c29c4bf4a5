#!/bin/sh
# A step of a pipeline: asks the gateway, looks every second whether the run has ended, and prints the answer. It fails when the
# run fails. No connection stays open meanwhile, so no proxy can cut it off.
#
# Usage: pipeline.sh PROMPT, with BECKON_URL and BECKON_TOKEN in the environment. It needs curl and jq.
set -eu

# With the key, a request that is tried again starts no second run.
key=${CI_JOB_ID:-$(date +%s)-$$}

ask() {
	answer=$(curl -sS --fail-with-body --retry 3 -H "Authorization: Bearer $BECKON_TOKEN" "$@") || { printf '%s\n' "$answer" >&2; exit 1; }
}

field() { printf %s "$answer" | jq -r "$1"; }

ask "$BECKON_URL/api/v1/webhooks/ci" -H 'Prefer: respond-async' -H "Idempotency-Key: $key" -H 'Content-Type: text/plain' --data-binary "$1"
run=$(field .runId)
while true; do
	ask "$BECKON_URL/api/v1/runs/$run"
	case $(field .status) in
	COMPLETED)
		field .output
		exit
		;;
	FAILED | CANCELED)
		field '"\(.status): \(.error.message)"' >&2
		exit 1
		;;
	esac
	sleep 1
done

#!/bin/sh
# Asks Beckon from a pipeline, waits for the answer, and fails unless there is one and it passes the gate. It needs a POSIX shell
# with curl and awk. The action of GitHub runs this file; the component of GitLab has a copy of it.
#
# All calls have the same Idempotency-Key: the first one starts the run, the others wait for it and get its answer in other forms.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 077
begun=$(date +%s)
deadline=$((begun + ${BECKON_TIMEOUT:-1800}))
on_github=${GITHUB_ACTIONS:-}

# fail says why on the last line of the log, and ends the job.
fail() {
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    printf '**Beckon:** `%s`\n' "$(printf %s "$1" | tr '`' "'")" >> "$GITHUB_STEP_SUMMARY"
  fi
  if [ -n "$on_github" ]; then
    printf '::error title=Beckon::%s\n' "$(printf %s "$1" | sed 's/%/%25/g' | tr '\r\n' '  ')"
  else
    printf 'Beckon: %s\n' "$1"
  fi
  exit 1
}

# header prints a header of the last answer, in whatever case it came.
header() {
  tr -d '\r' < "$dir/headers" | awk -v name="$1:" 'tolower($1) == name { sub(/^[^:]*: */, ""); value = $0 } END { print value }'
}

# member prints a text of the problem that the last answer is, as JSON has it.
member() {
  sed -nE 's/.*"'"$1"'":"(([^"\\]|\\.)*)".*/\1/p' "$dir/body" | sed 's/\\"/"/g; s/\\n/ /g; s/\\u003c/</g; s/\\u003e/>/g; s/\\u0026/\&/g; s/\\\\/\\/g' | head -n 1
}

# authorize puts the proof into a file, from which curl reads it: it stands on no command line. A token of GitHub is good for some
# minutes, so that a new one is fetched from time to time.
authorized=0
authorize() {
  now=$(date +%s)
  [ $((now - authorized)) -ge 120 ] || return 0
  token=${BECKON_TOKEN:-${BECKON_ID_TOKEN:-}}
  if [ -z "$token" ]; then
    [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] ||
      fail "There is nothing to prove who calls: set token, or give the job an identity (on GitHub permissions: id-token: write, on GitLab id_tokens)."
    printf 'Authorization: Bearer %s\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" > "$dir/issuer"
    curl -sS --fail --max-time 30 --retry 3 -G -H "@$dir/issuer" --data-urlencode "audience=${BECKON_AUDIENCE:-beckon}" \
      "$ACTIONS_ID_TOKEN_REQUEST_URL" > "$dir/token" 2> "$dir/curl" || fail "GitHub gave no identity token: $(cat "$dir/curl")"
    token=$(sed -n 's/.*"value" *: *"\([^"]*\)".*/\1/p' "$dir/token")
    [ -n "$token" ] || fail "GitHub gave no identity token."
    echo "::add-mask::$token"
  fi
  printf 'Authorization: Bearer %s\n' "$token" > "$dir/authorization"
  authorized=$now
}

# wait_for waits as long as the last answer asks for, and fails when there is no time left.
wait_for() {
  pause=$(header retry-after)
  case $pause in '' | *[!0-9]*) pause=0 ;; esac
  [ "$pause" -ge "${BECKON_POLL:-10}" ] || pause=${BECKON_POLL:-10}
  [ $(($(date +%s) + pause)) -lt "$deadline" ] || fail "There is no answer after $(($(date +%s) - begun)) s: $1"
  [ -n "$waiting" ] || echo "Waiting: $1"
  waiting=yes
  sleep "$pause"
}

# ask gets the answer in a form: ask ACCEPT FILE. It calls until the run has ended; nothing but an answer gets into the file.
ask() {
  first=yes waiting='' unreached=0
  while :; do
    authorize
    : > "$dir/headers"
    status=$(curl -sS -X POST --max-time "$((${BECKON_WAIT:-300} + 30))" -o "$dir/body" -D "$dir/headers" -w '%{http_code}' \
      -H "@$dir/authorization" -H "Accept: $1" -H "Prefer: wait=${BECKON_WAIT:-300}" -H "Idempotency-Key: \"$key\"" \
      -H "Content-Type: ${BECKON_CONTENT_TYPE:-text/plain; charset=utf-8}" --data-binary "@$dir/prompt" "$address" 2> "$dir/curl") || status=000
    run=$(header beckon-run-id)
    case $status in
      200) break ;;
      202) wait_for "run $run goes on." ;;
      000)
        unreached=$((unreached + 1))
        [ "$unreached" -lt 10 ] || fail "Beckon cannot be reached: $(tail -n 1 "$dir/curl")"
        wait_for "$(tail -n 1 "$dir/curl")"
        ;;
      409)
        [ "$(member code)" = idempotency_in_flight ] || fail "The call was refused: $(member detail)"
        wait_for "run $run goes on."
        ;;
      *)
        [ -z "$(header beckon-verdict)" ] || break # a gate that answers with 422
        why="status $status"
        [ -z "$(member code)" ] || why="$(member detail) ($(member code), status $status)"
        if [ -n "$run" ]; then
          # The run of an earlier job has failed: this one asks again.
          if [ "$first" = yes ] && [ -z "$again" ] && [ -n "$(header idempotency-replayed)" ]; then
            again=yes key="$key $job"
            continue
          fi
          fail "Run $run has failed: $why"
        fi
        case $status in
          429 | 502 | 503 | 504) wait_for "$why" ;;
          *) fail "The call was refused: $why" ;;
        esac
        ;;
    esac
    first=''
  done
  cat "$dir/body" > "$2"
}

command -v curl > /dev/null || fail "curl is needed."
[ -n "${BECKON_URL:-}" ] || fail "url is not set: where Beckon is, such as https://beckon.example.com."
[ -n "${BECKON_CLIENT:-}" ] || fail "client is not set: the id of a client of Beckon."
if [ -n "${BECKON_PROMPT_FILE:-}" ]; then
  [ -r "$BECKON_PROMPT_FILE" ] || fail "The file $BECKON_PROMPT_FILE cannot be read."
  cat "$BECKON_PROMPT_FILE" > "$dir/prompt"
else
  printf %s "${BECKON_PROMPT:-}" > "$dir/prompt"
fi
address="${BECKON_URL%/}/api/v1/webhooks/$BECKON_CLIENT"
[ -z "${BECKON_AGENT:-}" ] || address="$address?agent=$BECKON_AGENT"

# The key is the same for the same prompt about the same commit.
commit="${GITHUB_REPOSITORY:-${CI_PROJECT_PATH:-}} ${GITHUB_SHA:-${CI_COMMIT_SHA:-}}"
key=${BECKON_KEY:-"$commit $BECKON_CLIENT ${BECKON_AGENT:-} $(cksum < "$dir/prompt")"}
key=$(printf %s "$key" | tr -cd ' !#-~' | cut -c 1-200)
job=${GITHUB_RUN_ID:-${CI_JOB_ID:-$$}}-${GITHUB_RUN_ATTEMPT:-1}
again=''

answer=${BECKON_ANSWER:-$dir/answer}
ask text/plain "$answer"
verdict=$(header beckon-verdict)
if ! grep -q '[^[:space:]]' "$answer" && [ "$verdict" != fail ]; then
  fail "The answer of run $run is empty."
fi
ask text/x-github "$dir/annotations"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  ask text/markdown "$dir/summary"
  cat "$dir/summary" >> "$GITHUB_STEP_SUMMARY"
  echo >> "$GITHUB_STEP_SUMMARY"
fi
[ -z "${BECKON_JUNIT:-}" ] || ask application/junit+xml "$BECKON_JUNIT"
[ -z "${BECKON_SARIF:-}" ] || ask application/sarif+json "$BECKON_SARIF"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  end="end_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" # which no answer can have
  {
    echo "run-id=$run"
    echo "verdict=$verdict"
    echo "answer<<$end"
    cat "$answer"
    echo
    echo "$end"
  } >> "$GITHUB_OUTPUT"
fi

echo "Run $run has completed${verdict:+, verdict $verdict}."
if [ -n "$on_github" ] && [ "${BECKON_ANNOTATIONS:-true}" = true ]; then
  if [ "$verdict" = fail ]; then
    sed '$d' "$dir/annotations" # the last line is why, which comes below
  else
    grep -v '::The answer has no findings' "$dir/annotations" || true # it is a text
  fi
fi
if [ "$verdict" = fail ]; then
  why=$(tail -n 1 "$dir/annotations" | sed 's/^::error [^:]*:://; s/%25/%/g')
  fail "The answer does not pass: $why"
fi
if [ "${BECKON_GATE:-false}" = true ] && [ "$verdict" != pass ]; then
  fail "Run $run has no verdict: give the client or the flow a gate."
fi

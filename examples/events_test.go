package examples_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

var (
	runID     = regexp.MustCompile(`run_[0-9A-HJKMNP-TV-Z]{26}`)
	eventID   = regexp.MustCompile(`^evt_[0-9A-HJKMNP-TV-Z]{26}$`)
	createdAt = regexp.MustCompile(`"createdAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	unixMilli = regexp.MustCompile(`"timestamp":\d{13}`)
)

// accepted is the id of the run that the answer of a call names, which has the form of a 202.
func accepted(t *testing.T, answer string) string {
	t.Helper()
	id := runID.FindString(answer)
	require.NotEmpty(t, id, answer)
	require.JSONEq(t, `{"ok":true,"runId":"`+id+`","status":"QUEUED","url":"/api/v1/runs/`+id+`"}`, answer)
	return id
}

// told waits until a receiver has printed n events of a run that came to a path, and returns them in the order in which they
// happened. path is "" for receivers with one alone.
func told(t *testing.T, p *exampletest.Process, n int, path, run string) []exampletest.Event {
	t.Helper()
	events := p.Events(n, func(e exampletest.Event) bool {
		return (path == "" || e["path"] == path) && e["event"] != nil && strings.Contains(textOf(t, e["event"]), run)
	})
	slices.SortFunc(events, func(a, b exampletest.Event) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return events
}

// bodies are the bodies of events, as a page shows them: run_… for the run, … for times.
func bodies(t *testing.T, events []exampletest.Event) (list []string) {
	t.Helper()
	for _, e := range events {
		text := runID.ReplaceAllString(textOf(t, e["event"]), "run_…")
		text = createdAt.ReplaceAllString(text, `"createdAt":"…"`)
		list = append(list, unixMilli.ReplaceAllString(text, `"timestamp":"…"`))
	}
	return list
}

// requireBodies wants events to be these, each JSON, and no others.
func requireBodies(t *testing.T, want []string, events []exampletest.Event) {
	t.Helper()
	got := bodies(t, events)
	require.Len(t, got, len(want), "%s", got)
	for i := range want {
		require.JSONEq(t, want[i], got[i])
	}
}

// requireStandard wants the headers of Standard Webhooks under both families of names.
func requireStandard(t *testing.T, e exampletest.Event) {
	t.Helper()
	h := e["headers"].(map[string]any)
	require.Equal(t, "application/json", h["content-type"])
	require.Regexp(t, `^Beckon/\d`, h["user-agent"])
	require.Regexp(t, eventID, e["id"])
	require.Equal(t, e["id"], h["webhook-id"])
	require.Regexp(t, `^v1,[A-Za-z0-9+/]{43}=$`, h["webhook-signature"])
	requireNow(t, h["webhook-timestamp"])
	for _, name := range []string{"id", "timestamp", "signature"} {
		require.Equal(t, h["webhook-"+name], h["svix-"+name])
	}
}

// requireNow wants Unix seconds of the last minutes.
func requireNow(t *testing.T, header any) {
	t.Helper()
	at, err := strconv.ParseInt(header.(string), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(at, 0), 3*time.Minute)
}

// attempts are the statuses that a receiver has answered with, for each delivery of a run to the webhook of its call.
func attempts(t *testing.T, deliveries string) (statuses [][]int) {
	t.Helper()
	var answer struct {
		Items []struct{ Attempts []struct{ StatusCode int } }
	}
	require.NoError(t, json.Unmarshal([]byte(deliveries), &answer))
	for _, d := range answer.Items {
		statuses = append(statuses, nil)
		for _, a := range d.Attempts {
			statuses[len(statuses)-1] = append(statuses[len(statuses)-1], a.StatusCode)
		}
	}
	return statuses
}

func textOf(t *testing.T, value any) string {
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// screen is as much of a terminal as the live view needs.
type screen struct {
	lines  []string
	row    int
	lowest int // the row furthest above the end that the cursor was moved to
}

var sequence = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])`)

func (s *screen) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		for len(s.lines) <= s.row {
			s.lines = append(s.lines, "")
		}
		if m := sequence.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			switch m[3] {
			case "A":
				n, _ := strconv.Atoi(m[2])
				s.lowest = max(s.lowest, n)
				s.row -= n
			case "J":
				s.lines = s.lines[:s.row]
			}
			continue
		}
		switch text[0] {
		case '\n':
			s.row++
		case '\r':
		default:
			s.lines[s.row] += text[:1]
		}
		text = text[1:]
	}
	return len(p), nil
}

func (s *screen) String() string { return strings.TrimRight(strings.Join(s.lines, "\n"), "\n") }

func anEvent(t *testing.T, kind, data string) runEvent {
	e := runEvent{kind: kind, data: []byte(data)}
	require.NoError(t, json.Unmarshal(e.data, &e))
	return e
}

func nodeAt(t *testing.T, second int, kind, id, status string) runEvent {
	return anEvent(t, kind, fmt.Sprintf(`{"runId":"run_1","data":{"nodeId":%q,"status":%q},"createdAt":%q}`, id, status,
		time.Unix(int64(second), 0).UTC().Format(time.RFC3339)))
}

func TestALiveView(t *testing.T) {
	s := &screen{}
	v := newLiveView(s)
	tell := func(e runEvent, want ...string) {
		t.Helper()
		require.NoError(t, v.tell(e))
		require.Equal(t, strings.Join(want, "\n"), s.String())
	}
	const started = "run_1 incident"
	tell(anEvent(t, "run.started", `{"runId":"run_1","workflowId":"incident","data":{"status":"RUNNING"}}`), started)
	tell(nodeAt(t, 1, "node.started", "logs", "RUNNING"), started, "RUNNING    logs")
	tell(nodeAt(t, 1, "node.started", "metrics", "RUNNING"), started, "RUNNING    logs", "RUNNING    metrics")
	tell(nodeAt(t, 3, "node.completed", "metrics", "COMPLETED"), started, "RUNNING    logs", "COMPLETED  metrics  2s")
	v.notice("the connection ended; trying again")
	above := []string{started, "the connection ended; trying again"}
	failed := nodeAt(t, 4, "node.failed", "logs", "FAILED")
	failed.Error, failed.Data.ErrorCode = new("No \x1b[31mluck."), "provider_error"
	above = append(above, "FAILED     logs  3s  provider_error: No [31mluck.", "COMPLETED  metrics  2s")
	tell(failed, above...)
	tell(nodeAt(t, 4, "node.started", "writer", "RUNNING"), append(above, "RUNNING    writer")...)
	tell(anEvent(t, "message.delta", `{"text":"one\ntwo\nthree\nfour\nfive\nsix\nsev"}`), append(above, "RUNNING    writer", "two", "three", "four", "five", "six", "sev")...)
	tell(nodeAt(t, 5, "node.completed", "writer", "COMPLETED"), append(above, "COMPLETED  writer  1s", "two", "three", "four", "five", "six", "sev")...)
	above = append(above, "COMPLETED  writer  1s", "one", "two")
	tell(anEvent(t, "run.completed", `{"runId":"run_1","data":{"status":"COMPLETED","output":"one\ntwo"}}`), above...)
}

// What is drawn again fits on the smallest of usual terminals, however much goes on.
func TestALiveViewOfMuch(t *testing.T) {
	s := &screen{}
	v := newLiveView(s)
	for i := range 40 {
		require.NoError(t, v.tell(nodeAt(t, i, "node.started", fmt.Sprint("n", i), "RUNNING")))
	}
	require.Contains(t, s.String(), "n10\n… and 29 more")
	require.NoError(t, v.tell(anEvent(t, "message.delta", `{"text":"`+strings.Repeat("long ", 500)+`"}`)))
	require.NoError(t, v.tell(anEvent(t, "message.delta", `{"text":"end"}`)))
	require.LessOrEqual(t, s.lowest, liveNodes+liveText)
	require.NoError(t, v.tell(anEvent(t, "run.canceled", `{"data":{"status":"CANCELED"},"createdAt":"2026-01-01T00:00:00Z"}`)))
	require.Equal(t, 40, strings.Count(s.String(), "CANCELED"))
	require.NotContains(t, s.String(), "RUNNING")
	require.NotContains(t, s.String(), "long")
}

// The answer of an agent alone is written where it stays, also when the run had to be begun again.
func TestTheTextOfAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		pieces    []string
		answer    string
		want, err string
	}{
		"in pieces":              {[]string{"a", "b"}, "ab\n", "ab\n", ""},
		"without an end of line": {[]string{"a", "b"}, "ab", "ab\n", ""},
		"at once":                {nil, "ab", "ab\n", ""},
		"the rest":               {[]string{"a"}, "abc", "abc\n", ""},
		"another one":            {[]string{"a", "x"}, "abc", "ax\nabc\n", "begun again"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			live := &screen{}
			views := []func(runEvent) error{textView(streams{nil, &out, &err}), newLiveView(live).tell}
			for _, tell := range views {
				for _, piece := range test.pieces {
					require.NoError(t, tell(anEvent(t, "message.delta", fmt.Sprintf(`{"text":%q}`, piece))))
				}
				require.NoError(t, tell(anEvent(t, "run.completed", fmt.Sprintf(`{"data":{"status":"COMPLETED","output":%q}}`, test.answer))))
			}
			require.Equal(t, test.want, out.String())
			require.Equal(t, strings.TrimSpace(test.want), live.String())
			require.Equal(t, test.err != "", strings.Contains(err.String(), "begun again"))
		})
	}
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\nü 漢": "plain\ttext\nü 漢", "\x1b]0;title\a": "]0;title", "a\rb\bc\x7f": "abc", "\u009b31m": "31m", "\u202eabc\u202c": "abc",
	} {
		require.Equal(t, want, harmless(text))
	}
	require.Equal(t, "one two t…", oneLine(" one\n\ttwo three", 9+1))
	require.Equal(t, "üüü…", oneLine(strings.Repeat("ü", 1000), 4))
	require.Equal(t, "", oneLine("", 4))
}

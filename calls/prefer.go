package calls

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"beckon/internal/problem"
)

// maxWait is the longest that a caller can ask to wait.
const maxWait = 900 * time.Second

// Preference is what a caller asked for with Prefer (RFC 7240).
type Preference struct {
	Wait    time.Duration
	HasWait bool
	Async   bool // respond-async
	// RequireResult has a caller that waited in vain be told so by an error.
	RequireResult bool
	// Heartbeat has the answer begin at once, so that a proxy sees that the connection lives.
	Heartbeat bool
}

// readPrefer reads wait=N, respond-async, require-result and heartbeat. Preferences that mean nothing here are ignored, as
// the RFC wants it; a wait that is no number between 0 and 900 is an error, since to wait for another time would surprise.
func readPrefer(h http.Header) (p Preference, err error) {
	for _, line := range h.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			part, _, _ = strings.Cut(part, ";") // a preference's parameters
			name, value, _ := strings.Cut(part, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				p.Async = true
			case "require-result":
				p.RequireResult = true
			case "heartbeat":
				p.Heartbeat = true
			case "wait":
				if p.HasWait {
					continue
				}
				n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
				if err != nil || time.Duration(n)*time.Second > maxWait {
					return p, problem.New(problem.Invalid, problem.CodeInvalidParameter, "Prefer: wait takes whole seconds from 0 to %d.", int(maxWait.Seconds()))
				}
				p.Wait, p.HasWait = time.Duration(n)*time.Second, true
			}
		}
	}
	return p, nil
}

// Applied is the value of Preference-Applied, empty when nothing was.
func (p Preference) Applied() string {
	var list []string
	switch {
	case p.HasWait:
		list = append(list, fmt.Sprintf("wait=%d", int(p.Wait.Seconds())))
	case p.Async:
		return "respond-async"
	}
	if p.RequireResult {
		list = append(list, "require-result")
	}
	if p.Heartbeat {
		list = append(list, "heartbeat")
	}
	return strings.Join(list, ", ")
}

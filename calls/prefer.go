package calls

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"beckon/internal/problem"
)

// maxWait is the longest wait that a caller may ask for.
const maxWait = 900 * time.Second

// Preference is what a caller asked for with Prefer (RFC 7240).
type Preference struct {
	Wait    time.Duration
	HasWait bool
	Async   bool // respond-async
	// RequireResult asks for an error instead of a 202 if the result is not ready in time.
	RequireResult bool
	// Heartbeat asks for a response that begins at once, with blanks until the result is ready, so that no proxy times
	// out.
	Heartbeat bool
}

// readPrefer reads wait=N, respond-async, require-result and heartbeat. It ignores other preferences, as the RFC
// requires. A wait that is not a number from 0 to 900 is an error, since waiting for another time would be a surprise.
func readPrefer(h http.Header) (p Preference, err error) {
	for _, line := range h.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			part, _, _ = strings.Cut(part, ";") // without parameters
			name, value, _ := strings.Cut(part, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				p.Async = true
			case "require-result":
				p.RequireResult = true
			case "heartbeat":
				p.Heartbeat = true
			case "wait":
				if p.HasWait { // the first one counts
					continue
				}
				n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
				if err != nil || time.Duration(n)*time.Second > maxWait {
					return p, problem.New(problem.Invalid, problem.CodeInvalidParameter,
						"Prefer: wait takes whole seconds from 0 to %d.", int(maxWait.Seconds()))
				}
				p.Wait, p.HasWait = time.Duration(n)*time.Second, true
			}
		}
	}
	return p, nil
}

// Applied returns the value of Preference-Applied; it is "" if no preference was applied.
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

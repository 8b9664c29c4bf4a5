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
}

// readPrefer reads wait=N and respond-async. Preferences that mean nothing here are ignored, as the RFC wants it; a wait that is no
// number between 0 and 900 is an error, since to wait for another time would surprise.
func readPrefer(h http.Header) (p Preference, err error) {
	for _, line := range h.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			part, _, _ = strings.Cut(part, ";") // a preference's parameters
			name, value, _ := strings.Cut(part, "=")
			if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
				p.Async = true
			}
			if p.HasWait || !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
			if err != nil || time.Duration(n)*time.Second > maxWait {
				return p, problem.New(problem.Invalid, problem.CodeInvalidParameter, "Prefer: wait takes whole seconds from 0 to %d.", int(maxWait.Seconds()))
			}
			p.Wait, p.HasWait = time.Duration(n)*time.Second, true
		}
	}
	return p, nil
}

// Applied is the value of Preference-Applied, empty when nothing was.
func (p Preference) Applied() string {
	switch {
	case p.HasWait:
		return fmt.Sprintf("wait=%d", int(p.Wait.Seconds()))
	case p.Async:
		return "respond-async"
	}
	return ""
}

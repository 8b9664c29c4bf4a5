package egress

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that an answer can ask for, so that no header overflows what is computed with it.
const maxRetryAfter = 24 * time.Hour

// RetryAfter returns how long the server that sent the header wants to be left alone: 0 when it does not say, and a
// day at most. It reads Retry-After (RFC 9110, section 10.2.3) as seconds, with a fraction too, or as a date, and
// Azure's and OpenAI's retry-after-ms, which says the same more precisely.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if ms, ok := number(h.Get("Retry-After-Ms")); ok {
		return bounded(ms / 1000)
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, ok := number(value); ok {
		return bounded(seconds)
	}
	if at, err := http.ParseTime(value); err == nil {
		return bounded(at.Sub(now).Seconds())
	}
	return 0
}

// number reads a decimal number, with a fraction perhaps.
func number(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64) // a range error comes with an infinity, which is bounded
	return n, err == nil || n > 0
}

func bounded(seconds float64) time.Duration {
	return time.Duration(min(max(seconds, 0), maxRetryAfter.Seconds()) * float64(time.Second))
}

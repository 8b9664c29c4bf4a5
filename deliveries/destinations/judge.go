package destinations

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"beckon/internal/egress"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// JSON makes a POST of a document.
func JSON(url string, header http.Header, document any) (Request, error) {
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false) // which would make three or six bytes of one
	if err := encoder.Encode(document); err != nil {
		return Request{}, problem.New(problem.Internal, "invalid_payload", "The message cannot be written as JSON.").Because(err)
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return Request{Method: http.MethodPost, URL: url, Header: header, Body: bytes.Clone(bytes.TrimSpace(body.Bytes()))}, nil
}

// buffers are those that documents are written in.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Refused says in what a receiver's own words are why it has not taken a message.
func Refused(who, words, todo string) string {
	said := who + " refused the message"
	if words != "" {
		said += ": " + strings.TrimRight(Cut(markdown.Plain.Text(words), 200), ". \n")
	}
	if todo == "" {
		return said + "."
	}
	return said + ". " + todo
}

// Wait is how long an answer asks to be left alone, by its headers.
func (a Answer) Wait() time.Duration { return egress.RetryAfter(a.Header, time.Now()) }

// WaitUntil is Wait, or the time until a header's, which is in seconds since 1970, where the answer has no Retry-After.
func (a Answer) WaitUntil(header string) time.Duration {
	if wait := a.Wait(); wait > 0 {
		return wait
	}
	at, err := strconv.ParseInt(a.Header.Get(header), 10, 64)
	if err != nil {
		return 0
	}
	return Seconds(float64(at) - float64(time.Now().UnixMilli())/1000)
}

// Member is a member of the answer's JSON as a text, also where the answer was cut behind it; empty when it has none.
func (a Answer) Member(path string) string { return gjson.GetBytes(a.Body, path).String() }

// Into reads the answer's JSON; false when it has none.
func (a Answer) Into(v any) bool { return json.Unmarshal(a.Body, v) == nil }

// Seconds is a wait of at most a day that a receiver asks for.
func Seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 24*60*60) * float64(time.Second))
}

// RateLimited is the verdict of a receiver that has had too much.
func RateLimited(who string, wait time.Duration) Verdict {
	return Verdict{Reason: who + " takes no more messages for now: its rate limit is reached. The delivery is retried when it says.", Wait: wait}
}

// Plain judges by the status alone: a 2xx has taken the message. Its reasons are those of plain deliveries.
func Plain(a Answer) Verdict {
	switch {
	case a.OK():
		return Verdict{}
	case a.Status == http.StatusTooManyRequests:
		return RateLimited("The receiver", a.Wait())
	}
	return Verdict{Reason: ByStatus, Wait: a.Wait()}
}

// ByStatus is the reason where an answer says no more than its status does.
const ByStatus = "status"

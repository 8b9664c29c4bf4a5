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

// JSON returns a POST request with a document as its body.
func JSON(url string, header http.Header, document any) (Request, error) {
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false) // an escaped character takes six bytes instead of one
	if err := encoder.Encode(document); err != nil {
		return Request{}, problem.New(problem.Internal, "invalid_payload",
			"The message cannot be written as JSON.").Because(err)
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return Request{
		Method: http.MethodPost,
		URL:    url,
		Header: header,
		Body:   bytes.Clone(bytes.TrimSpace(body.Bytes())),
	}, nil
}

// buffers are reused for encoding documents.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Refused returns the reason for a message that the receiver refused. words is the receiver's own explanation and
// advice says what to do about it; both may be empty.
func Refused(receiver, words, advice string) string {
	reason := receiver + " refused the message"
	if words != "" {
		reason += ": " + strings.TrimRight(Cut(markdown.Plain.Text(words), 200), ". \n")
	}
	if advice == "" {
		return reason + "."
	}
	return reason + ". " + advice
}

// Wait returns how long to wait before the next attempt, from Retry-After; 0 if the answer does not say.
func (a Answer) Wait() time.Duration { return egress.RetryAfter(a.Header, time.Now()) }

// WaitUntil is Wait. Without Retry-After, it returns the time until the Unix time (in seconds) in a header.
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

// Member returns a member of the answer's JSON as a text, also if the answer was cut after that member. It is empty if
// there is none.
func (a Answer) Member(path string) string { return gjson.GetBytes(a.Body, path).String() }

// Decode decodes the answer's JSON into v. It returns false if the answer is not valid JSON.
func (a Answer) Decode(v any) bool { return json.Unmarshal(a.Body, v) == nil }

// Seconds converts a number of seconds from a receiver, and limits it to one day.
func Seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 24*60*60) * float64(time.Second))
}

// RateLimited returns the verdict for a receiver whose rate limit is reached.
func RateLimited(receiver string, wait time.Duration) Verdict {
	return Verdict{
		Reason: receiver + " takes no more messages for now: its rate limit is reached. " +
			"The delivery is retried when it says.",
		Wait: wait,
	}
}

// JudgeByStatus judges an answer by its status alone: with a 2xx the receiver accepted the message.
func JudgeByStatus(a Answer) Verdict {
	switch {
	case a.OK():
		return Verdict{}
	case a.Status == http.StatusTooManyRequests:
		return RateLimited("The receiver", a.Wait())
	}
	return Verdict{Reason: ByStatus, Wait: a.Wait()}
}

// ByStatus is the reason of a verdict to which the answer adds nothing but its status.
const ByStatus = "status"

package chat

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"beckon/agents/chat/completion"
	"beckon/internal/egress"
	"beckon/internal/memory"
	"beckon/internal/telemetry"
)

const (
	eventStream = "text/event-stream"
	// A server that has ended its stream and keeps the connection open gets this long: the connection is used again.
	drainTime  = 100 * time.Millisecond
	drainBytes = 4 << 10
	// lateTime is how long a stream may go on with nothing to say after its finish reason: the usage follows.
	lateTime = 10 * time.Second
)

var errAttemptTimeout = errors.New("the provider's timeout passed")

// sender sends requests to one address, and tries again where that can help.
//
// The loop is our own because the wait decides whether to go on: what Retry-After asks for may never be shortened by
// jitter, and a wait beyond the caller's deadline ends the call at once. failsafe-go's retry policy decides before it
// knows the wait, and costs 17 allocations in calls where nothing fails.
type sender struct {
	transport http.RoundTripper
	format    completion.Format
	method    string
	url       *url.URL
	plain     http.Header // of a request whose answer comes as a whole; shared by all, never changed
	streaming http.Header
	timeout   time.Duration // of one attempt; of a stream, until the first bytes and between any two
	retries   int
	pace      egress.Pace
	log       *slog.Logger
	api       string // of the provider, as traces call it
	provider  string
	model     string
}

// question is one request, which may take several attempts.
type question struct {
	begin        func(ctx context.Context) *failure // is called before each attempt; its failure is final
	body         func() []byte                      // writes it, for each attempt anew
	stream       bool
	text         func(piece string) // as completion.Options has it
	keepThoughts bool
	passed       bool // some of the text was passed on, and cannot be asked for again
	attempted    func(begun time.Time, answer *completion.Completion, f *failure)
	teaches      func(*failure) bool // whether the request is to be changed before it is sent again
	held         int64               // bytes of answers that the call holds memory for
	mostTokens   int64               // that an answer may have; a stream that goes on is cut. 0 for any number

	background *background     // nil for an answer that is waited for
	isKept     bool            // it is worked on in the background, and its id is kept
	unstreamed func() []byte   // writes the body as it is without a stream
	began      func(id string) // as completion.Options has it
	alive      bool            // the provider was seen working on it
}

// ask asks until there is an answer that ended as it should, or trying again does not help.
func (s *sender) ask(ctx context.Context, q *question) (*completion.Completion, *failure) {
	var answer *completion.Completion
	failed := s.try(ctx, func() (failed *failure, isNewTrouble bool) {
		if failed = q.begin(ctx); failed != nil {
			return failed, false
		}
		begun := time.Now()
		answer, failed = s.traced(ctx, q)
		q.attempted(begun, answer, failed)
		isNewTrouble, q.alive = q.alive, false
		return failed, isNewTrouble
	}, func(failed *failure) bool { return q.passed || q.teaches(failed) })
	if failed != nil {
		return nil, failed
	}
	return answer, nil
}

// try makes attempts until one succeeds, or another one does not help, or the failure is final. An attempt says whether it
// has failed otherwise than those before it, which are then counted no more.
func (s *sender) try(ctx context.Context, attempt func() (failed *failure, isNewTrouble bool), isFinal func(*failure) bool) *failure {
	for count := 1; ; count++ {
		failed, isNewTrouble := attempt()
		if failed == nil {
			return nil
		}
		if isNewTrouble {
			count = 1
		}
		failed.attempts = count
		if ctx.Err() != nil || count > s.retries || !failed.passing() || isFinal(failed) {
			return failed
		}
		pause := s.pace.After(count, failed.retryAfter)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			failed.gaveUp = pause
			return failed
		}
		s.log.InfoContext(ctx, "provider failed, trying again", "attempt", count, "reason", failed.Error(), "wait", pause)
		if s.pace.Wait(ctx, pause) != nil {
			return failed
		}
	}
}

// attempt sends the request once and reads the answer as a completion.
func (s *sender) attempt(ctx context.Context, q *question) (answer *completion.Completion, failed *failure) {
	if q.background != nil {
		return s.attemptInBackground(ctx, q)
	}
	return ending(s.read(ctx, q))
}

// read sends the request once and reads what comes.
func (s *sender) read(ctx context.Context, q *question) (answer *completion.Completion, failed *failure) {
	held := memory.From(ctx)
	failed = s.exchange(ctx, q.body, q.stream, func(ctx context.Context, response *http.Response, patience *time.Timer) error {
		options := completion.Options{
			Format:       s.format,
			KeepThoughts: q.keepThoughts,
			SizeHint:     int(min(response.ContentLength, completion.MaxBytes)),
			IsStream:     strings.HasPrefix(response.Header.Get("Content-Type"), eventStream),
		}
		if held != nil {
			sum := int64(0)
			options.Hold = func(bytes int64) error {
				if sum += bytes; sum <= q.held { // an earlier attempt held as much
					return nil
				}
				more := sum - q.held
				q.held = sum
				return held.Answer(ctx, more)
			}
		}
		if q.mostTokens > 0 && q.stream {
			options.MostPieces = int(min(q.mostTokens, math.MaxInt32))
		}
		if q.text != nil {
			options.Text = func(piece string) { q.passed = true; q.text(piece) }
		}
		if q.stream {
			options.Finished = func() { patience.Reset(min(s.timeout, lateTime)) }
		}
		options.Began = q.began
		var err error
		answer, err = completion.Read(response.Body, options)
		return err
	})
	if failed != nil && errors.Is(failed.err, completion.ErrTooLong) {
		failed.own, answer.End = errCut, completion.Broken
	}
	return answer, failed
}

// ending tells an answer that ended as it should from one that is a failure.
func ending(answer *completion.Completion, failed *failure) (*completion.Completion, *failure) {
	if answer == nil {
		return nil, failed
	}
	switch answer.End {
	case completion.Whole, completion.CutOff, completion.Refused, completion.Paused:
		return answer, nil // also when the connection broke off behind the end
	}
	if failed == nil {
		failed = &failure{}
	}
	failed.answer = answer
	return nil, failed
}

// exchange sends a request and has a successful answer read, within the time for one attempt.
func (s *sender) exchange(ctx context.Context, body func() []byte, stream bool,
	read func(context.Context, *http.Response, *time.Timer) error) *failure {
	return s.send(ctx, s.request(body, stream), stream, read)
}

// exchangeBody is exchange with a body that is read once, and an answer that may take its time.
func (s *sender) exchangeBody(ctx context.Context, body io.ReadCloser, contentType string, length int64,
	read func(context.Context, *http.Response, *time.Timer) error) *failure {
	header := s.streaming.Clone()
	header.Set("Content-Type", contentType)
	r := &http.Request{Method: s.method, URL: s.url, Host: s.url.Host, Header: header, Body: body, ContentLength: length}
	return s.send(ctx, r, true, read)
}

func (s *sender) send(ctx context.Context, request *http.Request, stream bool,
	read func(context.Context, *http.Response, *time.Timer) error) *failure {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(s.timeout, func() { cancel(errAttemptTimeout) })
	defer patience.Stop()
	broken := func(err error) *failure {
		return &failure{err: err, timedOut: context.Cause(ctx) == errAttemptTimeout}
	}
	request.Header = telemetry.WithTrace(ctx, request.Header)
	response, err := s.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return broken(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		// The status says enough; an error page that breaks off changes nothing.
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
		return &failure{status: response.StatusCode, redirect: egress.IsRedirect(response.StatusCode, response.Header), body: text,
			retryAfter: egress.RetryAfter(response.Header, time.Now())}
	}
	if stream {
		response.Body = &patientBody{response.Body, patience, s.timeout}
	}
	if err = read(ctx, response, patience); err != nil {
		return broken(err)
	}
	patience.Reset(drainTime)
	_, _ = io.CopyN(io.Discard, response.Body, drainBytes)
	return nil
}

func (s *sender) request(body func() []byte, stream bool) *http.Request {
	header := s.plain
	if stream {
		header = s.streaming
	}
	r := &http.Request{Method: s.method, URL: s.url, Host: s.url.Host, Header: header}
	if body != nil {
		setBody(r, body)
	}
	return r
}

// patientBody is the body of a stream, which may take any time as long as something comes.
type patientBody struct {
	io.ReadCloser
	patience *time.Timer
	timeout  time.Duration
}

func (b *patientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.patience.Reset(b.timeout)
	return n, err
}

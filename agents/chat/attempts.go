package chat

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"beckon/internal/memory"
)

const maxAnswer = 16 << 20 // bytes of a provider's answer

var (
	errAttemptTimeout = errors.New("the provider's timeout passed")
	errTooLarge       = errors.New("the answer is larger than 16 MiB")
)

// attempts sends go-openai's requests and tries again where that can help. It gives go-openai nothing but answers of
// status 2xx, complete or as a stream; whatever else happened is a *failure.
//
// The loop is our own because the wait decides whether to go on: what Retry-After asks for may never be shortened by
// jitter, and a wait beyond the caller's deadline ends the call at once. failsafe-go's retry policy decides before it
// knows the wait, and costs 17 allocations in calls where nothing fails.
type attempts struct {
	transport http.RoundTripper
	url       *url.URL
	headers   http.Header
	timeout   time.Duration // of one attempt, its body included
	retries   int
	pace      pace
	log       *slog.Logger
}

// Do implements openai.HTTPDoer.
func (a *attempts) Do(req *http.Request) (*http.Response, error) {
	holdOnce(req)
	req.URL, req.Host = a.url, a.url.Host
	for name, values := range a.headers {
		req.Header[name] = values
	}
	ctx := req.Context()
	attempt, streaming := a.attempt, req.Header.Get("Accept") == eventStream // go-openai's way of asking for a stream
	if streaming {
		attempt = a.open
	}
	for count := 1; ; count++ {
		response, failed := attempt(req)
		if failed == nil && streaming && !isStream(response.Header) {
			body, _ := io.ReadAll(response.Body) // it is in memory
			return nil, &plainAnswer{body}
		}
		if failed == nil {
			return response, nil
		}
		failed.attempts = count
		if ctx.Err() != nil || count > a.retries || !failed.passing() {
			return nil, failed
		}
		pause := a.pace.after(count, failed.retryAfter)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			failed.gaveUp = pause
			return nil, failed
		}
		a.log.InfoContext(ctx, "provider failed, trying again", "attempt", count, "reason", failed.Error(), "wait", pause)
		if a.pace.wait(ctx, pause) != nil {
			return nil, failed
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, &failure{err: err, attempts: count}
			}
			req.Body = body
		}
	}
}

// attempt sends the request once and reads the whole answer, within the provider's timeout.
func (a *attempts) attempt(req *http.Request) (*http.Response, *failure) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), a.timeout, errAttemptTimeout)
	defer cancel()
	response, err := a.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, &failure{err: err, timedOut: context.Cause(ctx) == errAttemptTimeout}
	}
	return complete(ctx, response)
}

// complete reads the whole of an answer.
func complete(ctx context.Context, response *http.Response) (*http.Response, *failure) {
	defer func() { _ = response.Body.Close() }()
	ok := response.StatusCode >= 200 && response.StatusCode < 300
	limit := maxAnswer
	if !ok {
		limit = maxErrorBody
	}
	body, err := readBody(ctx, response, limit)
	if !ok {
		// The status says enough; an error page that breaks off changes nothing.
		return nil, &failure{status: response.StatusCode, body: body, retryAfter: retryAfter(response.Header, time.Now())}
	}
	if err != nil {
		return nil, &failure{err: err, timedOut: context.Cause(ctx) == errAttemptTimeout}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func readBody(ctx context.Context, response *http.Response, limit int) ([]byte, error) {
	held := memory.From(ctx)
	body, err := memory.ReadAll(io.LimitReader(response.Body, int64(limit)+1), response.ContentLength, func(bytes int64) error { return held.Answer(ctx, bytes) })
	if len(body) > limit {
		body = body[:limit]
		if err == nil {
			err = errTooLarge
		}
	}
	return body, err
}

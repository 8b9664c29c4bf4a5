package calls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"beckon/calls/senders"
	"beckon/internal/problem"
	"beckon/runs"
)

const (
	keyHeader       = "Idempotency-Key"
	maxKeyLength    = 255
	retryInProgress = 2 * time.Second // Retry-After while the first call with the same key is running

	deliveryPrefix = "delivery " // of keys that are made of the sender's delivery, where there is no Idempotency-Key
)

// idempotencyKey returns the Idempotency-Key, or "" if there is none. The header is a quoted string
// (draft-ietf-httpapi-idempotency-key-header); a string without quotes is accepted, since many callers send it so.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values(keyHeader)
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		if key, ok = strings.CutSuffix(inner, `"`); !ok {
			key = ""
		}
	}
	isForbidden := func(r rune) bool { return r < ' ' || r > '~' || r == '"' }
	if len(values) > 1 || key == "" || len(key) > maxKeyLength || strings.ContainsFunc(key, isForbidden) {
		return "", problem.New(problem.Invalid, problem.CodeInvalidIdempotencyKey,
			`Idempotency-Key takes one string of 1 to %d printable ASCII characters, such as "8e03978e-40d5-43dd-bc93-6894a57f9324".`,
			maxKeyLength)
	}
	return key, nil
}

// fingerprint returns a hash of the request. Two calls with the same key must have the same fingerprint.
func fingerprint(r *Request) string {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1/") { // an alias of /api/v1/
		path = "/api" + path
	}
	hash := sha256.New()
	contentType := r.Header.Get("Content-Type")
	if r.upload != nil { // the boundary differs when the same form is sent again
		contentType, _, _ = mime.ParseMediaType(contentType)
	}
	fmt.Fprintf(hash, "%s\n%s\n%s\n", path, r.URL.RawQuery, contentType)
	if r.upload != nil {
		fmt.Fprint(hash, r.upload.digest())
	} else {
		hash.Write(r.Body)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// IsRedelivery reports whether the sender repeats a delivery. Original is the run of the first one.
func (c *Call) IsRedelivery() bool { return c.Original != nil && c.key == "" }

// Accepted returns the response that the client's source takes for a success, or nil if that is the usual one.
func (c *Call) Accepted() *senders.Answer {
	if c.channel == Webhook && c.Client.HasSource() && c.Client.Sender != nil {
		return c.Client.Sender.Accepted
	}
	return nil
}

// findOriginal sets Original to the run of the first call with this call's key. The error says why the call cannot be
// answered with that run.
func (c *Call) findOriginal(ctx context.Context, first *runs.Duplicate) (err error) {
	if !first.Same {
		return problem.New(problem.Unprocessable, problem.CodeIdempotencyKeyReused,
			"This Idempotency-Key has been used for another request within the last 24 hours. "+
				"Use a new one for each request.")
	}
	if c.Original, err = c.service.Runs.Get(ctx, first.RunID); err != nil {
		return err
	}
	if c.IsRedelivery() {
		return nil
	}
	if !c.IsAsync() && !c.request.Stream && !c.Original.Status.Ended() {
		return problem.New(problem.Conflict, problem.CodeIdempotencyInFlight,
			"The first call with this Idempotency-Key is still running. Its run is at /api/v1/runs/%s; "+
				"try again when that has ended.",
			c.Original.ID).After(retryInProgress)
	}
	return nil
}

package gcs

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/cenkalti/backoff/v5"
	"gocloud.dev/gcerrors"
)

// attempts is how often a request is made that Google could not answer; between them are 15 seconds in all, or a
// few more.
const attempts = 5

// retried calls attempt until it succeeds, or fails with what another attempt would not change.
func retried[T any](ctx context.Context, b *bucket, attempt func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		result, err := attempt()
		if err != nil && !retryable(err) {
			err = backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(b.backOff()), backoff.WithMaxTries(attempts))
}

// call makes a request, with retries. All of Beckon's may be repeated: the same object is written, read or deleted
// again.
func (b *bucket) call(
	ctx context.Context, method, address string, header http.Header, body []byte,
) (*http.Response, error) {
	return retried(ctx, b, func() (*http.Response, error) { return b.send(ctx, method, address, header, body) })
}

// send makes a request once. Its error is a *refusal when Google answered with one.
func (b *bucket) send(
	ctx context.Context, method, address string, header http.Header, body []byte,
) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request to gs://: %w", withoutURL(err))
	}
	maps.Copy(r.Header, header)
	r.Header.Set("User-Agent", "beckon")
	res, err := b.http.Do(r)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("reach gs://: %w", withoutURL(err))
	case res.StatusCode < 300 || res.StatusCode == http.StatusPermanentRedirect:
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 8<<10))
	return nil, &refusal{res.StatusCode, said(text)}
}

// withoutURL leaves out the URL of a request: that of an upload lets everybody write to it.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// refusal is an answer of Google's that says no.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("gs:// answered %d: %s", r.status, r.message), ": ")
}

// said is the message of an error, which comes as JSON or as plain text.
func said(text []byte) string {
	var answer struct{ Error struct{ Message string } }
	if json.Unmarshal(text, &answer) == nil && answer.Error.Message != "" {
		return answer.Error.Message
	}
	if len(text) > 200 || bytes.HasPrefix(text, []byte("<")) {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// retryable tells what Google says to try again: https://cloud.google.com/storage/docs/retry-strategy#retryable
func retryable(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status == http.StatusRequestTimeout || r.status == http.StatusTooManyRequests || r.status >= 500
	}
	_, noToken := errors.AsType[credentialsError](err)
	_, notGoogle := errors.AsType[*tls.CertificateVerificationError](err)
	return !noToken && !notGoogle
}

// ErrorCode implements driver.Bucket.
func (*bucket) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errors.ErrUnsupported) {
		return gcerrors.Unimplemented
	}
	if _, noToken := errors.AsType[credentialsError](err); noToken {
		return gcerrors.PermissionDenied
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return gcerrors.Unknown
	}
	switch r.status {
	case http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable:
		return gcerrors.InvalidArgument
	case http.StatusUnauthorized, http.StatusForbidden:
		return gcerrors.PermissionDenied
	case http.StatusNotFound:
		return gcerrors.NotFound
	case http.StatusPreconditionFailed:
		return gcerrors.FailedPrecondition
	case http.StatusTooManyRequests:
		return gcerrors.ResourceExhausted
	}
	return gcerrors.Unknown
}

package deliveries

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"beckon/deliveries/destinations"
	"beckon/internal/egress"
	"beckon/internal/problem"
)

// maxPages bounds how much is read to find a message that an earlier attempt may have written.
const maxPages = 30

// isInDoubt reports whether an earlier attempt may have succeeded without being on record: it was interrupted, or
// it ended without a clear answer.
func (d *claimed) isInDoubt() bool {
	if d.Reason == ReasonTest {
		return false
	}
	return d.Claim > int64(d.Attempts)+1 ||
		d.ErrorCode != nil && (d.StatusCode == nil || *d.StatusCode >= http.StatusInternalServerError)
}

// series names the attempts at a delivery that follow each other, until somebody asks for it again.
func (d *claimed) series() string { return d.EventID + "-" + strconv.FormatInt(d.FirstAt, 36) }

// findWritten looks for a message that an earlier attempt may have written. It reports whether that ends the
// attempt: the message is there, or whether it is there could not be read.
func (s *Service) findWritten(ctx context.Context, x exchange, o *outcome) bool {
	fail := func(why string, wait time.Duration) bool {
		o.Error = &problem.Failure{
			Code: "not_found_out",
			Message: "Whether an earlier attempt has written the message could not be read: " + why +
				" It is tried again.",
		}
		o.wait = wait
		return true
	}
	for page := 1; page <= maxPages; page++ {
		q, err := x.to.Find(*x.doubted, page)
		if err != nil {
			return false
		}
		header := x.header.Clone()
		header.Del("Content-Type")
		answer, err := s.Out.Send(ctx, q.Method, q.URL, header, nil, x.timeout)
		switch {
		case err != nil:
			_, why := egress.Explain(err)
			return fail(why, 0)
		case answer.Status == http.StatusTooManyRequests || answer.Status >= http.StatusInternalServerError:
			return fail(fmt.Sprintf("the receiver answered %d.", answer.Status),
				egress.RetryAfter(answer.Header, s.Now()))
		case answer.Status != http.StatusOK: // the answer to the message itself says why
			return false
		}
		ref, more := x.to.Found(*x.doubted, destinations.Answer{
			Status: answer.Status,
			Header: answer.Header,
			Body:   answer.Body,
		})
		if ref != "" {
			o.StatusCode, x.thread.taken = answer.Status, ref
			return true
		}
		if !more {
			return false
		}
	}
	return false
}

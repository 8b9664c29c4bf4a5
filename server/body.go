package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// maxTrusted is how much memory a body gets on the word of its caller, before it has arrived.
const maxTrusted = 64 << 10

// boundBody gives the caller until patience is over to send its body. That also holds for a body that is refused: the
// server reads on behind an answer, to keep the connection, and a caller must not be able to make that last.
func boundBody(c echo.Context, patience time.Duration) {
	if c.Request().ContentLength != 0 {
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(patience))
	}
}

// readBody reads the whole body, at most limit bytes of it and no longer than boundBody allows.
func readBody(c echo.Context, limit int64, patience time.Duration) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(c, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), maxTrusted)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(c.Response().Writer, r.Body, limit))
	if err == nil {
		// The server goes on reading in the background, to notice when the caller hangs up: not against a deadline.
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
		return body.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(c, limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.Response().Header().Set("Connection", "close")
		return nil, problem.New(problem.Slow, "body_timeout", "The body did not arrive within %s.", patience).Because(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, problem.New(problem.Invalid, "body_cut_off", "The body ended before it was complete.").Because(err)
	}
	return nil, problem.New(problem.Invalid, "body_unreadable", "The body could not be read.").Because(err)
}

// tooLarge also ends the connection: what the caller is still sending is not worth reading.
func tooLarge(c echo.Context, limit int64) error {
	c.Response().Header().Set("Connection", "close")
	return bodyTooLarge(limit)
}

func bodyTooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "body_too_large", "The body is larger than the %d bytes that this client may send (maxBodyBytes).", limit)
}

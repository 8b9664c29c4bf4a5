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

// readBody reads the whole body, at most limit bytes of it and for at most bodyTimeout.
func readBody(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(c, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	// Only a caller who is slow meets the deadline. It is taken off again because the server goes on reading in the
	// background, to notice when the caller hangs up.
	connection := http.NewResponseController(c.Response().Writer)
	if err := connection.SetReadDeadline(time.Now().Add(bodyTimeout)); err == nil {
		defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	}
	var body bytes.Buffer
	body.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(c.Response().Writer, r.Body, limit))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(c, limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.Response().Header().Set("Connection", "close")
		return nil, problem.New(problem.Slow, "body_timeout", "The body did not arrive within %s.", bodyTimeout).Because(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, problem.New(problem.Invalid, "body_cut_off", "The body ended before it was complete.").Because(err)
	}
	return nil, problem.New(problem.Invalid, "body_unreadable", "The body could not be read.").Because(err)
}

// tooLarge also ends the connection: what the caller is still sending is not worth reading.
func tooLarge(c echo.Context, limit int64) error {
	c.Response().Header().Set("Connection", "close")
	return problem.New(problem.TooLarge, "body_too_large", "The body is larger than the %d bytes that this client may send (maxBodyBytes).", limit)
}

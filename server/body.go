package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/memory"
	"beckon/internal/problem"
)

const (
	// leastBody is how much memory a body gets whose caller does not say how long it is.
	leastBody = 4 << 10
	// maxTrusted is how much memory a body gets on the word of its caller, before it has arrived.
	maxTrusted = 64 << 10
	// bodyGrowth is how many times as much it gets when that is full.
	bodyGrowth = 4
)

// boundBody gives the caller until patience is over to send its body. That also holds for a body that is refused: the
// server reads on behind an answer, to keep the connection, and a caller must not be able to make that last.
func boundBody(c echo.Context, patience time.Duration) {
	if c.Request().ContentLength != 0 {
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(patience))
	}
}

// readBody reads the whole body, at most limit bytes of it and no longer than boundBody allows. What it holds meanwhile, and
// then the body, is reserved in held.
func readBody(c echo.Context, limit int64, patience time.Duration, held *memory.Reservation) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(c, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := readAll(http.MaxBytesReader(c.Response().Writer, r.Body, limit), r.ContentLength, held)
	if err == nil {
		// The server goes on reading in the background, to notice when the caller hangs up: not against a deadline.
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(c, limit)
	}
	if errors.Is(err, memory.ErrFull) {
		return nil, noRoom(c, 0, 0)
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

// readAll reads to the end. declared is how many bytes there will be, or negative: it is believed little by little, as bytes
// arrive.
func readAll(in io.Reader, declared int64, held *memory.Reservation) (body []byte, err error) {
	size := int64(leastBody)
	if declared > 0 {
		size = min(declared+1, maxTrusted) // one more, to see the end without growing
	}
	if err := held.Body(size); err != nil {
		return nil, err
	}
	body = make([]byte, 0, size)
	for {
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(body) < cap(body) {
			continue
		}
		size = bodyGrowth * int64(cap(body))
		if declared >= int64(len(body)) {
			size = min(size, declared+1)
		}
		if err := held.Body(size - int64(cap(body))); err != nil {
			return nil, err
		}
		body = append(make([]byte, 0, size), body...)
	}
	if len(body) < cap(body)/2 {
		body = bytes.Clone(body)
	}
	held.Set(int64(cap(body)))
	return body, nil
}

// noRoom refuses a body before it has arrived. Its connection ends, as with one that is too large.
func noRoom(c echo.Context, declared, largest int64) error {
	c.Response().Header().Set("Connection", "close")
	if declared > largest {
		return problem.New(problem.TooLarge, "body_too_large", "The body is larger than the %d bytes that Beckon has memory for (server.maxMemory).", largest)
	}
	return memory.ErrFull
}

// tooLarge also ends the connection: what the caller is still sending is not worth reading.
func tooLarge(c echo.Context, limit int64) error {
	c.Response().Header().Set("Connection", "close")
	return bodyTooLarge(limit)
}

func bodyTooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "body_too_large", "The body is larger than the %d bytes that this client may send (maxBodyBytes).", limit)
}

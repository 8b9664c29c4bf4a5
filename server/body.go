package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// limitBodyTime gives the caller a limited time to send its body. The limit also holds for a body that is refused:
// to keep the connection, net/http reads the remaining body after the answer, and a slow caller must not prolong
// that.
func limitBodyTime(c echo.Context, patience time.Duration) {
	if c.Request().ContentLength != 0 {
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(patience))
	}
}

// bodyReader returns readBody for the body of a call, which is refused before it is read where there is no memory
// for it.
func (s *Server) bodyReader(c echo.Context) func(limit int64, held *memory.Reservation) ([]byte, error) {
	return func(limit int64, held *memory.Reservation) ([]byte, error) {
		if size := c.Request().ContentLength; size <= limit && !s.Calls.Memory.HasRoom(size) {
			return nil, outOfMemory(c, size, s.Calls.Memory.LargestBody())
		}
		return readBody(c, limit, s.BodyTimeout, held)
	}
}

// readBody reads the whole body, at most limit bytes of it and no longer than limitBodyTime allows. It reserves in
// held the memory that it uses while it reads, and then that of the body.
func readBody(c echo.Context, limit int64, patience time.Duration, held *memory.Reservation) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(c, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := memory.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, limit), r.ContentLength, held.Body)
	if err == nil {
		held.Set(int64(cap(body)))
		// net/http keeps reading in the background, to notice when the caller hangs up. No deadline may end that.
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
		return body, nil
	}
	if errors.Is(err, memory.ErrFull) {
		return nil, outOfMemory(c, 0, 0)
	}
	return nil, bodyError(c, err, limit, patience)
}

// bodyError says why a body could not be read.
func bodyError(c echo.Context, err error, limit int64, patience time.Duration) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(c, limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.Response().Header().Set("Connection", "close")
		return problem.New(problem.Slow, problem.CodeBodyTimeout,
			"The body did not arrive within %s.", patience).Because(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.New(problem.Invalid, problem.CodeBodyCutOff,
			"The body ended before it was complete.").Because(err)
	}
	return problem.New(problem.Invalid, problem.CodeBodyUnreadable, "The body could not be read.").Because(err)
}

// outOfMemory refuses a body before it has been read, and closes the connection, as for a body that is too large.
func outOfMemory(c echo.Context, declared, largest int64) error {
	c.Response().Header().Set("Connection", "close")
	if declared > largest {
		return problem.New(problem.TooLarge, problem.CodeBodyTooLarge,
			"The body is larger than the %d bytes that Beckon has memory for (server.maxMemory).", largest)
	}
	return memory.ErrFull
}

// tooLarge refuses a body, and closes the connection: the bytes that the caller is still sending are not read.
func tooLarge(c echo.Context, limit int64) error {
	c.Response().Header().Set("Connection", "close")
	return calls.TooLarge(limit)
}

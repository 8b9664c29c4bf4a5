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

// boundBody gives the caller until patience is over to send its body. That also holds for a body that is refused: the
// server reads on behind an answer, to keep the connection, and a caller must not be able to make that last.
func boundBody(c echo.Context, patience time.Duration) {
	if c.Request().ContentLength != 0 {
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(patience))
	}
}

// bodyReader returns readBody for the body of a call, which is refused before it is read where there is no memory for it.
func (s *Server) bodyReader(c echo.Context) func(limit int64, held *memory.Reservation) ([]byte, error) {
	return func(limit int64, held *memory.Reservation) ([]byte, error) {
		if size := c.Request().ContentLength; size <= limit && !s.Calls.Memory.HasRoom(size) {
			return nil, noRoom(c, size, s.Calls.Memory.LargestBody())
		}
		return readBody(c, limit, s.BodyTimeout, held)
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
	body, err := memory.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, limit), r.ContentLength, held.Body)
	if err == nil {
		held.Set(int64(cap(body)))
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
	return calls.TooLarge(limit)
}

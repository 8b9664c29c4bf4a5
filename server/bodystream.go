package server

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// patienceBytes is how much of a body that is read piece by piece has to arrive within BodyTimeout.
const patienceBytes = 1 << 20

// bodyOpener opens the body of a call that brings files, which may be large, and is read piece by piece.
func (s *Server) bodyOpener(c echo.Context) func(limit int64) (io.ReadCloser, error) {
	return func(limit int64) (io.ReadCloser, error) {
		r := c.Request()
		if r.ContentLength > limit {
			return nil, filesTooLarge(c, limit)
		}
		return &bodyStream{
			c:        c,
			body:     http.MaxBytesReader(c.Response().Writer, r.Body, limit),
			limit:    limit,
			patience: s.BodyTimeout,
		}, nil
	}
}

// bodyStream is the body of a call, as it arrives. Its errors are problems.
type bodyStream struct {
	c        echo.Context
	body     io.Reader
	limit    int64
	patience time.Duration
	arrived  int64 // since the deadline was set
	ended    bool
}

func (b *bodyStream) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.arrived += int64(n); b.arrived >= patienceBytes {
		b.arrived = 0
		limitBodyTime(b.c, b.patience)
	}
	if err == io.EOF {
		b.ended = true
	} else if err != nil {
		err = bodyError(b.c, err, b.limit, b.patience)
		if problem.Is(err, problem.TooLarge) {
			err = filesTooLarge(b.c, b.limit)
		}
	}
	return n, err
}

// Close ends the deadline for the body. Of a body that was not read to its end the connection is closed with the
// answer.
func (b *bodyStream) Close() error {
	if !b.ended {
		b.c.Response().Header().Set("Connection", "close")
		return nil
	}
	return http.NewResponseController(b.c.Response().Writer).SetReadDeadline(time.Time{})
}

// filesTooLarge refuses a call that brings more than all of its files may have together.
func filesTooLarge(c echo.Context, limit int64) error {
	c.Response().Header().Set("Connection", "close")
	return problem.New(problem.TooLarge, problem.CodeArtifactTooLarge,
		"The body is larger than the %d bytes that a call with files may have (artifacts.maxBytes for each file).",
		limit)
}

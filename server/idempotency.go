package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
	"beckon/runs"
)

const (
	keyHeader    = "Idempotency-Key"
	maxKeyLength = 255
	codeInFlight = "idempotency_in_flight"
)

// idempotencyKey reads the header, a string in quotes (draft-ietf-httpapi-idempotency-key-header) or, as many send it,
// without them. Empty is none.
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
	if len(values) > 1 || key == "" || len(key) > maxKeyLength || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' || r == '"' }) {
		return "", problem.New(problem.Invalid, "invalid_idempotency_key", `Idempotency-Key takes one string of 1 to %d printable ASCII characters, such as "8e03978e-40d5-43dd-bc93-6894a57f9324".`, maxKeyLength)
	}
	return key, nil
}

// replay answers a call that has been made before, with the same key.
func (s *Server) replay(c echo.Context, k *call, first *runs.Duplicate) error {
	if !first.Same {
		return s.refuse(problem.New(problem.Unprocessable, "idempotency_key_reused", "This Idempotency-Key has been used for another request within the last 24 hours. Use a new one for each request."))
	}
	run, err := s.Runs.Get(c.Request().Context(), first.RunID)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(runIDHeader, run.ID)
	if !k.queued && !k.stream && !run.Status.Ended() {
		header.Set(echo.HeaderLocation, runURL(run.ID))
		return s.refuse(problem.New(problem.Conflict, codeInFlight, "The first call with this Idempotency-Key is still being worked on. Its run is at %s; try again when that has ended.", runURL(run.ID)).After(acceptedRetry))
	}
	header.Set("Idempotency-Replayed", "true")
	switch {
	case k.queued:
		return answerAccepted(c, run.ID, runs.Queued) // as the first call was told
	case k.stream:
		return s.follow(c, run, "")
	}
	if err := run.Problem(); err != nil {
		return err
	}
	return answerRun(c, run)
}

func (s *Server) refuse(p *problem.Error) error {
	s.Metrics.Refused(p.Code)
	return p
}

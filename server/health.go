package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

const (
	// readyTimeout bounds how long a probe waits for the database.
	readyTimeout = 2 * time.Second
	// probeAgain is when it is worth asking again.
	probeAgain = 5 * time.Second
)

// health says that the process lives.
func (s *Server) health(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// ready says that calls will be taken: the database can be read and written, and the process is not about to end.
func (s *Server) ready(c echo.Context) error {
	if err := s.readiness(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// refuseCalls keeps calls from a gateway that takes none.
func (s *Server) refuseCalls(next echo.HandlerFunc) echo.HandlerFunc {
	if !s.ProbesOnly {
		return next
	}
	return func(c echo.Context) error {
		switch c.Path() {
		case "/healthz", "/readyz", "/metrics":
			return next(c)
		}
		return problem.New(problem.NotFound, problem.CodeNotAnAPIGateway,
			"This gateway takes no calls: its server.roles lack api. Call one that has this role.")
	}
}

// readiness returns why calls cannot be taken now; nil when they can.
func (s *Server) readiness(ctx context.Context) error {
	if s.draining.Load() {
		return problem.New(problem.Unavailable, problem.CodeShuttingDown, "Beckon is shutting down.").After(probeAgain)
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	switch err := s.Database.Health(ctx); {
	case problem.Is(err, problem.Unavailable):
		return err
	case err != nil:
		return problem.New(problem.Unavailable, problem.CodeStorageUnavailable,
			"The database does not answer.").After(probeAgain).Because(err)
	}
	return nil
}

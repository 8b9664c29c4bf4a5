package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// getRun answers with one run.
func (s *Server) getRun(c echo.Context) error {
	run, err := s.ownRun(c)
	if err != nil {
		return err
	}
	if err := s.Calls.Runs.Viewed(c.Request().Context(), run); err != nil {
		s.Log.Error("it could not be noted that a run was viewed", "run_id", run.ID, "error", err)
	}
	return answerJSON(c, http.StatusOK, s.detailOf(run, false))
}

// listRuns answers with a page of runs.
func (s *Server) listRuns(c echo.Context) error {
	client, err := s.clientOf(c)
	if err != nil {
		return err
	}
	q, err := readQuery(c, client.ID)
	if err != nil {
		return err
	}
	q.Since = client.Since
	list, next, err := s.Calls.Runs.List(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, pageOf(list, next, documentOf))
}

// queryParameters are those of a list of runs.
var queryParameters = []string{"status", "agent", "limit", "cursor"}

func readQuery(c echo.Context, clientID string) (runs.Query, error) {
	for name := range c.QueryParams() {
		if !slices.Contains(queryParameters, name) {
			return runs.Query{}, problem.New(problem.Invalid, problem.CodeInvalidParameter,
				"Unknown parameter. This list takes %s.", strings.Join(queryParameters, ", "))
		}
	}
	q := runs.Query{
		ClientID: clientID,
		Status:   runs.Status(c.QueryParam("status")),
		Agent:    c.QueryParam("agent"),
		Limit:    runs.DefaultPage,
		Cursor:   c.QueryParam("cursor"),
	}
	switch q.Status {
	case "", runs.Queued, runs.Running, runs.Waiting, runs.Completed, runs.Failed, runs.Canceled:
	default:
		return q, problem.New(problem.Invalid, problem.CodeInvalidParameter,
			"status must be QUEUED, RUNNING, WAITING, COMPLETED, FAILED or CANCELED.")
	}
	if given := c.QueryParam("limit"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > runs.MaxPage {
			return q, problem.New(problem.Invalid, problem.CodeInvalidParameter,
				"limit must be a number from 1 to %d.", runs.MaxPage)
		}
		q.Limit = n
	}
	return q, nil
}

// cancelRun ends a run.
func (s *Server) cancelRun(c echo.Context) error {
	run, err := s.ownRun(c)
	if err != nil {
		return err
	}
	if err := s.Calls.Runs.Cancel(c.Request().Context(), run.ID); err != nil {
		return err
	}
	if run, err = s.Calls.Runs.Get(c.Request().Context(), run.ID); err != nil {
		return err
	}
	return s.answerAccepted(c, run.ID, run.Status)
}

// followRun answers with the events of a run, those that were and those that come.
func (s *Server) followRun(c echo.Context) error {
	var run *runs.Run
	var err error
	// A goroutine keeps the stack that a query needs; there may be thousands that follow.
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		run, err = s.ownRun(c)
	}()
	if <-asked; err != nil {
		return err
	}
	return s.follow(c, run, c.Request().Header.Get("Last-Event-ID"))
}

// follow streams the events of a run to its client, whose streams are counted.
func (s *Server) follow(c echo.Context, run *runs.Run, after string) error {
	remove, err := s.followers.add(run.ClientID)
	if err != nil {
		return err
	}
	defer remove()
	return s.stream(c, run.ID, after, run.Status.Ended(), s.stillAllowed(c.Request(), run.ClientID))
}

// clientOf returns the client whose token the request has.
func (s *Server) clientOf(c echo.Context) (*clients.Member, error) {
	client := s.Calls.Catalog().Clients.ByToken(calls.BearerToken(c.Request().Header))
	switch {
	case client == nil:
		return nil, calls.InvalidToken
	case !client.IsEnabled():
		return nil, problem.New(problem.Denied, problem.CodeClientDisabled, "This client is disabled.")
	}
	return client, nil
}

// ownRun returns the run that the path names, if it is the client's own.
func (s *Server) ownRun(c echo.Context) (*runs.Run, error) {
	client, err := s.clientOf(c)
	if err != nil {
		return nil, err
	}
	run, err := s.Calls.Runs.Get(c.Request().Context(), c.Param("id"))
	if err != nil {
		return nil, err
	}
	if run.ClientID != client.ID || run.CreatedAt.Before(client.Since) {
		return nil, problem.New(problem.NotFound, problem.CodeRunNotFound, "There is no such run.")
	}
	c.Response().Header().Set(runIDHeader, run.ID)
	return run, nil
}

// Follow answers with the events of any run, as the API does for a client's own, as long as the session of the request
// lasts. It is for the pages.
func (s *Server) Follow(w http.ResponseWriter, r *http.Request, runID string) error {
	run, err := s.Calls.Runs.Get(r.Context(), runID)
	if err != nil {
		return err
	}
	return s.stream(s.echo.NewContext(r, w), run.ID, r.Header.Get("Last-Event-ID"), run.Status.Ended(), func() bool {
		_, ok := s.Admin.Sessions.Admin(r)
		return ok
	})
}

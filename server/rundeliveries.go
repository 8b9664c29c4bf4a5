package server

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/problem"
)

// maxRunDeliveries bounds a page: each has its attempts, with what the receiver has answered.
const maxRunDeliveries = 50

// runDeliveries is a page of what was sent of a run to the webhook of its call, newest first.
type runDeliveries struct {
	Items      []deliveryDetail `json:"items" nullable:"false"`
	NextCursor *string          `json:"nextCursor"` // null on the last page
}

// listRunDeliveries answers with what was sent of a run to its own webhook. What endpoints got is for administrators.
func (s *Server) listRunDeliveries(c echo.Context) error {
	run, err := s.ownRun(c)
	if err != nil {
		return err
	}
	q := deliveries.Query{RunID: run.ID, Callbacks: true, Limit: maxRunDeliveries, Cursor: c.QueryParam("cursor")}
	if given := c.QueryParam("limit"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > maxRunDeliveries {
			return problem.New(problem.Invalid, problem.CodeInvalidParameter,
				"limit must be a number from 1 to %d.", maxRunDeliveries)
		}
		q.Limit = n
	}
	list, next, err := s.Calls.Deliveries.List(c.Request().Context(), q)
	if err != nil {
		return err
	}
	attempts, err := s.Calls.Deliveries.AttemptsOf(c.Request().Context(), list)
	if err != nil {
		return err
	}
	page := runDeliveries{Items: make([]deliveryDetail, len(list)), NextCursor: orNull(next)}
	for i, d := range list {
		page.Items[i] = deliveryDetailOf(d, attempts[d.ID])
	}
	return answerJSON(c, http.StatusOK, page)
}

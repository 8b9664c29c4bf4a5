package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/internal/problem"
	"beckon/runs"
)

// blankEvery is the time between two blanks in front of an answer that is waited for, unless Config.Heartbeat is
// shorter.
const blankEvery = 10 * time.Second

// answerWithHeartbeat answers 200 as soon as the run is on record, and sends a blank from time to time until there
// is a document, so that no proxy takes the connection for dead. JSON may begin with blanks. The document is the
// one that the call would have been answered with, whatever its status; its ok says how the call went.
func (s *Server) answerWithHeartbeat(c echo.Context, call *calls.Call) error {
	ctx, response := c.Request().Context(), c.Response()
	if err := call.Active.Recorded(ctx); err != nil {
		return problem.Of(err)
	}
	header := response.Header()
	header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	header.Set("X-Accel-Buffering", "no") // nginx would hold the blanks back
	response.WriteHeader(http.StatusOK)
	response.Flush()

	beating, stop := context.WithCancel(ctx)
	defer stop()
	var beats sync.WaitGroup
	beats.Go(func() { s.sendBlanks(beating, response) })
	run, err := call.Wait(ctx)
	stop()
	beats.Wait()
	document := any(s.acceptedOf(c, call.Active.ID, statusOfActive(call.Active)))
	switch {
	case err != nil:
		p := problem.Of(err)
		s.logRefusal(c, p, statusOf[p.Kind])
		s.noteRefusal(c, p, statusOf[p.Kind])
		document = problemDocumentOf(p, statusOf[p.Kind], call.Active.ID)
	case run != nil && run.Status == runs.Waiting:
		document = s.acceptedOf(c, run.ID, run.Status)
	case run != nil:
		document = s.answerOf(run)
	case ctx.Err() != nil:
		return nil // the caller has left
	}
	body, err := encodeJSON(document)
	if err != nil {
		return err
	}
	patience := s.AnswerTimeout + s.AnswerTimeout*time.Duration(len(body))/bytesPerTimeout
	_ = http.NewResponseController(response.Writer).SetWriteDeadline(time.Now().Add(patience))
	_, err = response.Write(body)
	return err
}

// sendBlanks sends blanks until ctx ends, or its caller takes no more.
func (s *Server) sendBlanks(ctx context.Context, response *echo.Response) {
	ticks := time.NewTicker(min(blankEvery, s.Heartbeat))
	defer ticks.Stop()
	control := http.NewResponseController(response.Writer)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		_ = control.SetWriteDeadline(time.Now().Add(followerWriteTimeout))
		if _, err := response.Write([]byte(" ")); err != nil {
			return
		}
		if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return
		}
	}
}

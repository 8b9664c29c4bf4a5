package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/artifacts"
	"beckon/events"
)

const (
	defaultHeartbeat = 15 * time.Second
	// followerWriteTimeout is how long a follower may take to read what is sent to it.
	followerWriteTimeout = 30 * time.Second
	// recheckAfter is how often, while there is something to send, the stream checks that its follower is still
	// allowed to see it.
	recheckAfter = time.Second
)

// stream sends the events of a run behind the one with the id after, until the run's last one. ended says that nothing
// happens to it any more, so that there is nothing to wait for. Before something is sent it is asked, once a second at
// most and always before the last event, whether the follower is still allowed to see it.
func (s *Server) stream(c echo.Context, runID, after string, ended bool, allowed func() bool) error {
	if after != "" {
		if err := events.CheckID(runID, after); err != nil {
			return err
		}
	}
	return s.streamFrom(c, s.Calls.Runs.Events.Follow(runID, after), runID, ended, allowed)
}

// streamFrom is stream from a follower, which it closes.
func (s *Server) streamFrom(
	c echo.Context, follower *events.Follower, runID string, ended bool, allowed func() bool,
) error {
	defer follower.Close()
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	out := &eventWriter{
		response:  c.Response(),
		control:   http.NewResponseController(c.Response().Writer),
		artifacts: s.Artifacts,
	}
	if err := out.begin(); err != nil {
		return err
	}
	for checked := time.Now(); ; {
		list, err := s.next(ctx, follower, ended)
		last := len(list) > 0 && list[len(list)-1].Ends()
		if last || time.Since(checked) >= min(s.Heartbeat, recheckAfter) {
			if checked = time.Now(); !allowed() {
				return nil // who comes back is told why
			}
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			err = out.send([]byte(": heartbeat\n\n"))
		case err != nil && ctx.Err() == nil:
			s.Log.Error("the events of a run could not be read; its follower comes back for them",
				"run_id", runID, "error", err)
			return nil
		case err == nil && len(list) == 0:
			return nil // the run has ended, and all is told
		case err == nil:
			err = out.sendEvents(list)
		}
		if err != nil || last {
			return nil // also when the follower has left: there is nobody to tell
		}
	}
}

// next waits for events, as long as a heartbeat is not due; of a run that has ended it returns those that are left.
func (s *Server) next(ctx context.Context, follower *events.Follower, ended bool) ([]events.Event, error) {
	if ended {
		return follower.Ready(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Heartbeat)
	defer cancel()
	return follower.Next(ctx)
}

// eventWriter writes Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type eventWriter struct {
	response  *echo.Response
	control   *http.ResponseController
	artifacts *artifacts.Service // nil for none
}

func (w *eventWriter) begin() error {
	header := w.response.Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	w.response.WriteHeader(http.StatusOK)
	return w.send(nil)
}

func (w *eventWriter) sendEvents(list []events.Event) error {
	var text bytes.Buffer
	for _, e := range list {
		if e.Type == events.RunQueued {
			continue // for those who ask for it: a stream begins with run.started
		}
		if w.artifacts != nil {
			e.Payload = w.artifacts.Fill(e.Payload)
		}
		text.WriteString("id: " + e.ID + "\nevent: " + e.Type + "\ndata: ")
		if len(e.Payload) < longText {
			text.Write(e.Payload) // JSON on one line
		} else if err := w.sendLong(&text, e.Payload); err != nil {
			return err
		}
		text.WriteString("\n\n")
	}
	return w.send(text.Bytes())
}

// sendLong sends what is in front of a long payload, and the payload from where it is.
func (w *eventWriter) sendLong(before *bytes.Buffer, payload []byte) error {
	if err := w.send(before.Bytes()); err != nil {
		return err
	}
	before.Reset()
	return w.send(payload)
}

func (w *eventWriter) send(text []byte) error {
	_ = w.control.SetWriteDeadline(time.Now().Add(followerWriteTimeout))
	if _, err := w.response.Write(text); err != nil {
		return err
	}
	return w.control.Flush()
}

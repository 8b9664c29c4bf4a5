package deliveries

import (
	"context"
	"time"

	"beckon/internal/problem"
)

// The bounds of what templates read of runs.
const (
	maxViews    = 16               // at the same time: each may hold some MiB
	viewTimeout = 10 * time.Second // for one to be read
)

// render makes the body of m in a form. A template that uses its run gets it.
func (s *Service) render(form format, m message) (body []byte, contentType string, err error) {
	t, ok := form.(templated)
	err = s.withRun(m, ok && t.template.Mentions("run"), func(m message) (err error) {
		body, contentType, err = form.render(m)
		return err
	})
	return body, contentType, err
}

// withRun has something made of m, with its run where that is read: then the row of the run is read for it alone.
func (s *Service) withRun(m message, reads bool, do func(message) error) (err error) {
	if !reads || m.RunID == "" || m.IsSample || s.RunView == nil {
		return do(m)
	}
	within, cancel := context.WithTimeout(s.sending, viewTimeout)
	defer cancel()
	if err := s.views.Acquire(within, 1); err != nil {
		return problem.New(problem.Unavailable, "run_unread",
			"The run could not be read for the endpoint's template: "+
				"too many are being read. It is tried again.").Because(err)
	}
	defer s.views.Release(1)
	if m.run, err = s.RunView(within, m.RunID); err != nil {
		return err
	}
	return do(m)
}

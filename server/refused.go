package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/calls/senders"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Refused calls are written in batches in the background, so that they cost callers nothing. Those that come faster
// than they can be written are counted and dropped.
const (
	maxRefusedWaiting = 1000
	refusedPause      = 200 * time.Millisecond // from the first of a batch to its writing
	refusedBatch      = 40                     // with the pause, 200 a second
	// refusedWriteTimeout bounds how long a write may take, and the last one at the end.
	refusedWriteTimeout = 5 * time.Second
)

// KeepRefused keeps refused calls; see store.Store.Refuse.
type KeepRefused func(ctx context.Context, list []store.RefusedCall) error

// refusedLog writes refused calls to the database. Its goroutine begins with start and ends with stopWriting.
type refusedLog struct {
	keep    KeepRefused
	queue   chan *store.RefusedCall
	dropped func(n int)
	log     *slog.Logger
	pause   time.Duration

	starting, stopping sync.Once
	stop, done         chan struct{}
}

// newRefusedLog returns a log that has not started. Where keep is nil it drops everything.
func newRefusedLog(keep KeepRefused, dropped func(n int), log *slog.Logger) *refusedLog {
	return &refusedLog{
		keep:    keep,
		queue:   make(chan *store.RefusedCall, maxRefusedWaiting),
		dropped: dropped,
		log:     log,
		pause:   refusedPause,
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// start begins to write.
func (r *refusedLog) start() {
	r.starting.Do(func() { go r.write() })
}

// stopWriting writes the calls that are waiting, and ends the goroutine. Calls that are refused afterwards are dropped.
func (r *refusedLog) stopWriting() {
	r.starting.Do(func() { close(r.done) }) // one that was never started
	r.stopping.Do(func() { close(r.stop) })
	<-r.done
}

// add never blocks. It describes the call only where the queue has room for it, so that a flood of calls costs little.
func (r *refusedLog) add(describe func() store.RefusedCall) {
	if r.keep == nil {
		return
	}
	if len(r.queue) == cap(r.queue) {
		r.dropped(1)
		return
	}
	call := describe()
	select {
	case r.queue <- &call:
	default:
		r.dropped(1)
	}
}

func (r *refusedLog) write() {
	defer close(r.done)
	for {
		select {
		case first := <-r.queue:
			if !r.wait() {
				r.save(r.fillBatch([]store.RefusedCall{*first}, maxRefusedWaiting+1))
				return
			}
			r.save(r.fillBatch([]store.RefusedCall{*first}, refusedBatch))
		case <-r.stop:
			r.save(r.fillBatch(nil, maxRefusedWaiting))
			return
		}
	}
}

// wait waits for more calls to write together. It returns false when stopWriting has been called.
func (r *refusedLog) wait() bool {
	pause := time.NewTimer(r.pause)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-r.stop:
		return false
	}
}

// fillBatch adds the calls that are waiting, up to limit.
func (r *refusedLog) fillBatch(batch []store.RefusedCall, limit int) []store.RefusedCall {
	for len(batch) < limit {
		select {
		case call := <-r.queue:
			batch = append(batch, *call)
		default:
			return batch
		}
	}
	return batch
}

func (r *refusedLog) save(batch []store.RefusedCall) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), refusedWriteTimeout)
	defer cancel()
	if err := r.keep(ctx, batch); err != nil {
		r.dropped(len(batch))
		r.log.Warn("refused calls could not be kept", slog.Int("calls", len(batch)), slog.Any("error", err))
	}
}

// noteRefusal keeps a request that was turned away before it could start a run, for the page "Refused". Those to the
// administration are not calls.
func (s *Server) noteRefusal(c echo.Context, p *problem.Error, status int) {
	path := c.Request().URL.Path
	isCall := slices.ContainsFunc(runPrefixes, func(prefix string) bool {
		return strings.HasPrefix(path, prefix)
	}) && !isAdminPath(path) || c.Path() == formRoute
	turnedAway := status >= 400 && status < 500 || status == http.StatusServiceUnavailable
	// The refusal of a key that is in use names the run of another call.
	hasRun := c.Response().Header().Get(runIDHeader) != "" && p.Code != problem.CodeIdempotencyInFlight
	if !isCall || !turnedAway || hasRun {
		return
	}
	s.refusedLog.add(func() store.RefusedCall {
		reason := p.Detail
		if why, ok := errors.AsType[senders.Refusal](p); ok { // which callers are not told
			reason = why.Error()
		}
		return s.describeCall(c, status, p.Code, reason)
	})
}

// describeCall is what is kept of a call that started no run, without secrets.
func (s *Server) describeCall(c echo.Context, status int, code, reason string) store.RefusedCall {
	r, m := c.Request(), masker{s.Admin.Token, s.Calls.Catalog().Clients}
	call := store.RefusedCall{
		At:        time.Now(),
		Status:    status,
		Code:      code,
		Reason:    plain(reason, maxRefusedText),
		Method:    plain(r.Method, maxRefusedName),
		Path:      m.path(r.URL),
		RequestID: c.Response().Header().Get(requestIDHeader),
		ClientID:  m.client(c),
		Address:   plain(c.RealIP(), maxRefusedName),
		Headers:   m.request(r),
	}
	if client := m.clients.Get(call.ClientID); client != nil && client.Content != nil {
		treat(&call, client.Content)
	}
	return call
}

// plainHeaders say nothing of what is called about.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Host", "Prefer", "User-Agent",
}

// treat blacks out what is kept of a call that started no run, as its client wants it of its runs.
func treat(call *store.RefusedCall, rules *redact.Rules) {
	call.Reason, call.Path = rules.Text(call.Reason), rules.Text(call.Path)
	for name, value := range call.Headers {
		if rules.Discarding() && !slices.Contains(plainHeaders, name) {
			value = secret.Mask
		}
		call.Headers[name] = rules.Text(value)
	}
}

// client returns the id that the address names, whether there is such a client or not, or the id of the client whose
// token was sent.
func (m masker) client(c echo.Context) string {
	if client := m.clients.ByFormKey(c.Param("key"), time.Now()); client != nil {
		return client.ID
	}
	if id := c.Param("clientID"); id != "" {
		return plain(m.scrub(id), maxRefusedName)
	}
	if client := m.clients.ByToken(calls.BearerToken(c.Request().Header)); client != nil {
		return client.ID
	}
	return ""
}

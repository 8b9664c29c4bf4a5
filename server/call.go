package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// call is a request that starts a run, on its way from its first byte to its answer.
type call struct {
	client   *clients.Member
	catalog  Catalog
	received time.Time
	prefer   preference
	queued   bool   // it is answered at once, and the run goes through the queue
	stream   bool   // it is answered with the run's events
	once     string // the Idempotency-Key
	body     []byte // until there is a prompt
	held     *memory.Reservation
	leave    func()      // gives back what the call took of the limits
	letGo    func() bool // lets the run go on when its caller has left
}

// prompter makes the prompt of a call from its request.
type prompter func(*call, clients.Request) (clients.Prompt, error)

// answerCall admits a call of a client that is known, starts its run and answers. apart says that the run waits in the
// queue unless the caller wants to wait itself.
func (s *Server) answerCall(c echo.Context, k *call, source string, apart bool, prompt prompter) error {
	k.held = s.Memory.Reserve()
	defer k.held.Release()
	active, queued, err := s.startCall(c, k, source, apart, prompt)
	if first, ok := errors.AsType[*runs.Duplicate](err); ok {
		return s.replay(c, k, first)
	}
	if err != nil {
		s.Metrics.Refused(problem.Of(err).Code)
		return err
	}
	header := c.Response().Header()
	if applied := k.prefer.applied(); applied != "" {
		header.Set("Preference-Applied", applied)
	}
	if k.queued {
		header.Set(runIDHeader, queued.ID)
		return answerAccepted(c, queued.ID, queued.Status)
	}
	header.Set(runIDHeader, active.ID)
	if err := s.answerActive(c, k, active); err != nil {
		if !active.IsRecorded() {
			header.Del(runIDHeader) // nobody would find the run
		}
		return err
	}
	return nil
}

// answerActive answers with the events of a run that this process works on, or with what became of it.
func (s *Server) answerActive(c echo.Context, k *call, active *runs.Active) error {
	if !k.stream {
		return s.await(c, k, active)
	}
	if err := active.Recorded(c.Request().Context()); err != nil {
		return problem.Of(err)
	}
	return s.stream(c, active.ID, "", false, s.holder(c.Request(), k.client.ID))
}

// await answers with what became of the run, or at the end of the caller's time that the run goes on.
func (s *Server) await(c echo.Context, k *call, active *runs.Active) error {
	wait := k.client.SyncTimeout.Or(clients.DefaultSyncTimeout)
	if k.prefer.hasWait {
		wait = k.prefer.wait
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	select {
	case <-active.Done():
	case <-c.Request().Context().Done():
		return nil // nobody listens any more; the run goes on
	case <-deadline.C:
		if err := active.Recorded(c.Request().Context()); err != nil {
			return problem.Of(err)
		}
		k.letGo()
		return answerAccepted(c, active.ID, runs.Running)
	}
	s.Metrics.Webhook(time.Since(k.received))
	run, err := active.Outcome()
	if err != nil {
		return err
	}
	return answerRun(c, run)
}

// errUnusable is for who proves to be a client that something is wrong with: another token would change nothing.
var errUnusable = problem.New(problem.Unavailable, "client_unusable", "This client cannot be used now: its configuration has an error, or something that it needs has. Its page and the log of Beckon name it.").After(time.Minute)

// startCall starts the run, here or in the queue.
func (s *Server) startCall(c echo.Context, k *call, source string, apart bool, prompt prompter) (active *runs.Active, queued *runs.Run, err error) {
	request := c.Request()
	if !k.client.IsEnabled() {
		return nil, nil, problem.New(problem.Denied, "client_disabled", "This client is disabled.")
	}
	if k.client.Unusable {
		return nil, nil, errUnusable
	}
	if k.prefer, err = readPrefer(request.Header); err != nil {
		return nil, nil, err
	}
	k.stream = wantsEvents(request)
	k.queued = !k.prefer.hasWait && (k.prefer.async || apart && !k.stream)
	if err := s.receive(c, k); err != nil {
		return nil, nil, err
	}
	defer func() {
		if active == nil { // also when something panics
			k.leave()
		}
	}()
	r, err := s.readRequest(c, k, source, prompt)
	if err != nil {
		return nil, nil, err
	}
	if k.queued {
		queued, err = s.Runs.Enqueue(request.Context(), r)
		return nil, queued, err
	}
	if active, err = s.Runs.Start(memory.With(request.Context(), k.held), r); err != nil {
		return nil, nil, err
	}
	k.letGo = func() bool { return true }
	if k.client.CancelOnDisconnect {
		k.letGo = context.AfterFunc(request.Context(), active.Cancel) // which also ends when the call has been answered
	}
	return active, nil, nil
}

// receive takes the call off the client's rate, reads its body, and admits it: a body on its way keeps no other call out. It
// tells the caller what is left of the limits.
func (s *Server) receive(c echo.Context, k *call) error {
	quota, err := k.client.Arrive()
	if err == nil {
		err = s.readCall(c, k)
	}
	if err == nil {
		err = s.admit(k)
	}
	limitHeaders(c, k.client, quota)
	return err
}

// readCall reads what can be read without a place among the calls. The bodies of one client that are on their way are bounded
// by themselves.
func (s *Server) readCall(c echo.Context, k *call) (err error) {
	request := c.Request()
	if k.once, err = idempotencyKey(request.Header); err != nil {
		return err
	}
	if k.client.Passthrough {
		if err := clients.CheckContentType(request.Header); err != nil {
			return err
		}
	}
	if err := k.client.Receive(s.Runs.MaxConcurrent); err != nil {
		return err
	}
	defer k.client.Received()
	limit := k.client.BodyLimit(s.MaxBodyBytes)
	if declared := request.ContentLength; declared <= limit && !s.Memory.HasRoom(declared) {
		return noRoom(c, declared, s.Memory.LargestBody())
	}
	k.body, err = readBody(c, limit, s.BodyTimeout, k.held)
	return err
}

func (s *Server) readRequest(c echo.Context, k *call, source string, prompt prompter) (r runs.Request, err error) {
	request := c.Request()
	p, err := s.makePrompt(k, prompt, clients.Request{Header: request.Header, Query: c.QueryParams(), Body: k.body, ReceivedAt: k.received})
	if err != nil {
		return r, err
	}
	var callback json.RawMessage
	if p.Webhook != nil {
		if callback, err = s.Deliveries.Accept(k.client.ID, p.Webhook); err != nil {
			return r, err
		}
	}
	agent, err := k.client.Choose(p.Agent)
	if err != nil {
		return r, err
	}
	entry := k.catalog.Agents.Get(agent)
	if entry == nil {
		return r, problem.New(problem.Unavailable, "agent_unavailable", "The agent %q cannot be used now: its configuration has an error, which the log names.", agent)
	}
	r = runs.Request{ClientID: k.client.ID, Entry: entry, Source: source, Input: p.Text, SessionID: p.SessionID, Metadata: p.Metadata,
		Callback: callback, ReceivedAt: k.received, Priority: p.Priority, Stream: k.stream}
	if !k.queued {
		r.OnEnd = k.leave
	}
	if k.once != "" {
		r.Once = &runs.Idempotency{Key: k.once, Request: fingerprint(c, k.body)}
	}
	// From here on the prompt is held, maybe for minutes, and the body is not.
	k.body = nil
	k.held.Set(int64(len(r.Input) + len(r.Metadata) + len(r.Callback)))
	return r, nil
}

// largeBody is what it takes more than a moment to make a prompt of.
const largeBody = 64 << 10

// makePrompt makes the prompts of large bodies a few at a time: a parsed document takes many times the memory of its body.
func (s *Server) makePrompt(k *call, prompt prompter, r clients.Request) (clients.Prompt, error) {
	if len(r.Body) > largeBody {
		s.prompts <- struct{}{}
		defer func() { <-s.prompts }()
	}
	return prompt(k, r)
}

// fingerprint is a hash of what a call asks for.
func fingerprint(c echo.Context, body []byte) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%s\n%s\n", c.Request().URL.Path, c.Request().URL.RawQuery, c.Request().Header.Get("Content-Type"))
	hash.Write(body)
	return hex.EncodeToString(hash.Sum(nil))
}

// admit gives the call a place among those of the gateway and of the client. What it took is given back by leave: when the
// run has ended, which may be long after its caller left, or is in the queue.
func (s *Server) admit(k *call) error {
	leave, err := s.Runs.Slot(k.queued)
	if err != nil {
		return err
	}
	if k.leave = leave; k.queued {
		return nil
	}
	if err := k.client.Admit(); err != nil {
		leave()
		return err
	}
	run := k.held.Share()
	k.leave = func() {
		k.client.Leave()
		leave()
		run.Release()
	}
	return nil
}

package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
)

// A response that the provider works on by itself is asked for again after an eighth of the time that it has taken
// so far, within these bounds.
const (
	pollAfter  = 250 * time.Millisecond
	pollAtMost = 5 * time.Second
	pollShare  = 8
	// cancelTime bounds how long a call that was given up waits for the provider to hear of it.
	cancelTime = 3 * time.Second
)

// responseID is what an id has to look like to be a part of a path.
var responseID = anyOf(`^[A-Za-z0-9_-]{1,200}$`)

// background is what the provider works on by itself for one call.
type background struct {
	kept     agents.Responses  // nil when nobody keeps it: then nothing is asked for in the background
	provider string            // its id
	left     []agents.Response // that may be picked up
	current  string            // the id of the response that is still in progress
}

func newBackground(provider string, kept agents.Responses) *background {
	b := &background{provider: provider, kept: kept}
	if kept != nil {
		b.left = kept.List()
	}
	return b
}

// find returns the id of a response to the same question; "" for none.
func (b *background) find(question string) string {
	for _, r := range slices.Backward(b.left) { // the last one: those before it have failed
		if question != "" && r.Provider == b.provider && r.Question == question && responseID.MatchString(r.ID) {
			return r.ID
		}
	}
	return ""
}

// drop forgets a response that is none.
func (b *background) drop(id string) {
	b.left = slices.DeleteFunc(b.left, func(r agents.Response) bool { return r.ID == id })
	b.current = ""
}

// began keeps a response on record before it is waited for.
func (b *background) began(ctx context.Context, id, question string) error {
	if b.current = id; b.kept == nil {
		return nil
	}
	r := agents.Response{Provider: b.provider, ID: id, Question: question}
	b.left = append(b.left, r)
	return b.kept.Add(ctx, r)
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// attemptInBackground is attempt for an API whose answers can be asked for later. One that was asked for before, to the
// same question, is picked up.
func (s *sender) attemptInBackground(ctx context.Context, q *question) (*completion.Completion, *failure) {
	question := ""
	if q.isKept {
		question = hashOf(q.unstreamed())
	}
	if id := q.background.find(question); id != "" {
		answer, failed := s.await(ctx, q, id, 0)
		if failed == nil || failed.status != http.StatusNotFound {
			return answer, failed
		}
		q.background.drop(id) // the provider does not know it any more
	}
	if q.stream && q.isKept {
		q.began = func(id string) {
			if responseID.MatchString(id) {
				_ = q.background.began(ctx, id, question) // it fails with the call, or the call goes on without
			}
		}
	}
	answer, failed := s.read(ctx, q)
	if answer == nil || answer.End != completion.Pending {
		return q.ended(answer, failed)
	}
	if !responseID.MatchString(answer.ID) {
		answer.End = completion.Unreadable
		return ending(answer, failed)
	}
	if err := q.background.began(ctx, answer.ID, question); err != nil {
		return nil, &failure{err: err}
	}
	return s.await(ctx, q, answer.ID, pollAfter)
}

// await asks for a response until it has ended, for the first time after a pause.
func (s *sender) await(
	ctx context.Context, q *question, id string, pause time.Duration,
) (*completion.Completion, *failure) {
	q.background.current = id
	begun := time.Now()
	get := *s
	get.method, get.url = http.MethodGet, s.url.JoinPath(id)
	asked := *q
	asked.body, asked.stream = nil, false
	defer func() { q.held, q.passed = asked.held, asked.passed }()
	for {
		if pause > 0 && s.pace.Wait(ctx, pause) != nil {
			return nil, &failure{err: ctx.Err()}
		}
		answer, failed := get.read(ctx, &asked)
		if answer == nil || answer.End != completion.Pending {
			return q.ended(answer, failed)
		}
		q.alive = true
		pause = min(max(time.Since(begun)/pollShare, pollAfter), pollAtMost)
	}
}

// ended notes how a response has ended. One that failed is not picked up again.
func (q *question) ended(answer *completion.Completion, failed *failure) (*completion.Completion, *failure) {
	answer, failed = ending(answer, failed)
	switch {
	case failed == nil:
		q.background.current = ""
	case answer == nil && failed.answer != nil && failed.answer.End == completion.Failed:
		q.background.drop(q.background.current)
	}
	return answer, failed
}

// giveUp has the provider stop what it works on for a call that has failed, unless the run goes on with it.
func (m *model) giveUp(ctx context.Context, b *background) {
	if b == nil || b.current == "" || b.kept != nil && b.kept.GoesOn(ctx) {
		return
	}
	if err := m.cancelResponse(ctx, b.current); err != nil {
		m.sender.log.InfoContext(ctx,
			"a response could not be cancelled: the provider may go on with it", "response", b.current, "error", err)
	}
}

// CancelResponse implements agents.ResponseCanceler.
func (m *model) CancelResponse(ctx context.Context, r agents.Response) error {
	if !m.wire.hasBackground || !responseID.MatchString(r.ID) {
		return nil
	}
	return m.cancelResponse(ctx, r.ID)
}

func (m *model) cancelResponse(ctx context.Context, id string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer stop()
	post := *m.sender
	post.url = m.sender.url.JoinPath(id, "cancel")
	failed := post.exchange(ctx, nil, false, func(context.Context, *http.Response, *time.Timer) error { return nil })
	switch {
	case failed == nil:
		return nil
	case failed.status == http.StatusBadRequest, failed.status == http.StatusNotFound,
		failed.status == http.StatusConflict:
		return nil // it has ended already
	}
	return fmt.Errorf("cancel a response of provider %q: %w", m.provider, errors.New(failed.Error()))
}

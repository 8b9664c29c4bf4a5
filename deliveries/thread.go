package deliveries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"

	"beckon/calls/forms"
	"beckon/calls/senders"
	"beckon/deliveries/destinations"
	"beckon/events"
	"beckon/internal/problem"
)

// thread is the messages that one endpoint's receiver gets about one key. The first of them is on record.
type thread struct {
	id    string // in the table
	first string // what the receiver calls the first message; empty before there is one
	taken string // what it calls the message that it has just taken
	lost  bool   // it does not know the first one any more
	exit  func()
}

// leave lets the next message of the thread be sent.
func (t *thread) leave() {
	if t != nil {
		t.exit()
	}
}

// threads lets one message of a thread be sent after the other, so that two do not both begin it. Other processes
// may: then both messages stand alone, and the next ones follow the one that was on record first.
type threads struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// enter waits until no other message of the thread is on its way, and returns what ends that for this one.
func (t *threads) enter(ctx context.Context, id string) (exit func(), err error) {
	for {
		t.mu.Lock()
		other, busy := t.busy[id]
		if !busy {
			if t.busy == nil {
				t.busy = map[string]chan struct{}{}
			}
			own := make(chan struct{})
			t.busy[id] = own
			t.mu.Unlock()
			return sync.OnceFunc(func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.busy, id)
				close(own)
			}), nil
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// readOrigin adds to a message for people what the call of its run has told.
func (s *Service) readOrigin(t *target, m message, told *destinations.Message) error {
	if !t.IsDestination() || m.IsSample || m.RunID == "" || s.Origin == nil {
		return nil
	}
	text, err := s.Origin(s.sending, m.ClientID, m.RunID)
	if err != nil {
		return errThreadUnread(err)
	}
	var o events.Origin
	if text == nil || json.Unmarshal(text, &o) != nil {
		return nil
	}
	if t.receiver.ReadsKey {
		told.Key = cmp.Or(o.Key, told.Key) // what is resolved is told where the run's answer is
		told.Origin = &destinations.Origin{Source: o.Source, Signed: o.Signed, Place: o.Place}
	}
	if o.Source != forms.Source {
		told.Title, told.Firing = cmp.Or(told.Title, o.Title), o.State == senders.Firing
	} else {
		told.Form = &destinations.Form{Name: o.Subject, Title: o.Title, ReplyTo: o.ReplyTo, Fields: o.Labels}
	}
	return nil
}

// enterThread finds the first message with the same key. The thread is nil where the message belongs to none.
func (s *Service) enterThread(t *target, m message, told *destinations.Message) (*thread, error) {
	if m.IsSample || t.receiver.Ref == nil || told.Key == "" {
		return nil, nil
	}
	key := told.Key
	if t.receiver.KeyOf != nil {
		key = t.receiver.KeyOf(*told)
	}
	own := &thread{id: threadID(t, key)}
	exit, err := s.threads.enter(s.sending, own.id)
	if err != nil {
		return nil, errThreadUnread(err)
	}
	own.exit = exit
	if own.first, err = s.storage.firstOf(s.sending, own.id); err != nil {
		exit()
		return nil, errThreadUnread(err)
	}
	told.First = own.first
	return own, nil
}

func errThreadUnread(err error) error {
	return problem.New(problem.Unavailable, "thread_unread",
		"The earlier message on the same subject could not be read. Beckon tries again.").Because(err)
}

// threadID is another one for an endpoint that sends elsewhere since.
func threadID(t *target, key string) string {
	h := sha256.New()
	for _, part := range []string{t.ID, t.Format, t.address(), t.To, key} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

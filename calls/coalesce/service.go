package coalesce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/events"
	"beckon/internal/fence"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/work"
	"beckon/runs"
)

// Service decides which runs answer for calls, and makes their prompts.
type Service struct {
	Store  *store.Store
	Sealer *secret.Sealer // for what is kept of calls whose clients have rules
	Runs   func() *runs.Service
}

// tidyEvery is how often what is over is removed.
const tidyEvery = 5 * time.Minute

// Register makes the instance delete expired rows.
func (s *Service) Register(w *work.Instance) {
	w.Every(tidyEvery, "remove alerts that are over", func(ctx context.Context) error {
		return s.Store.Write(ctx, func(tx store.Tx) error { return forget(tx, time.Now()) })
	})
}

// Admit returns what decides, in the transaction that would queue a run, which run answers for a call.
func (s *Service) Admit(a Arrival) runs.Admit {
	call, err := s.prepare(&a)
	return func(tx store.Tx, r *runs.Run) (runs.Admission, error) {
		if err != nil {
			return runs.Admission{}, err
		}
		return s.admit(tx, r, &a, call)
	}
}

func (s *Service) admit(tx store.Tx, r *runs.Run, a *Arrival, call Call) (runs.Admission, error) {
	now := r.CreatedAt
	st := storage{tx, s.Store.Shared(), r.ClientID}
	known, err := st.known(a.Key, a.Rules, now)
	if err != nil {
		return runs.Admission{}, err
	}
	d := a.Rules.Decide(now, call, known)
	answers := d.RunID
	if d.Starts {
		answers = r.ID
	}
	if answers == "" {
		return runs.Admission{None: true}, nil
	}
	if err := s.gather(st, r, a, d, answers, known); err != nil {
		return runs.Admission{}, fmt.Errorf("coalesce a call of %q: %w", r.ClientID, err)
	}
	if d.Tells {
		if err := s.tell(tx, r, a, answers, now); err != nil {
			return runs.Admission{}, err
		}
	}
	if d.Starts {
		return runs.Admission{}, nil
	}
	return runs.Admission{RunID: answers}, nil
}

// gather writes what a call changes.
func (s *Service) gather(st storage, r *runs.Run, a *Arrival, d Decision, answers string, known Known) error {
	taken := d.Taken
	if d.Starts && d.Closes { // a run about what is resolved
		taken = slices.Concat(taken, d.Resolved)
	}
	joined := known.gatheringOf(answers)
	if d.Starts || joined != nil {
		tells := taken
		if !d.Starts {
			tells = slices.Concat(taken, d.Resolved) // its model has not been asked yet, and is told
		}
		part := a.said(tells)
		tellsPart := a.Prompt.Text == "" && len(taken) < len(a.Event.Items)
		if d.Starts && tellsPart && a.Source != nil && a.Source.Prompt != nil {
			r.Input = senders.Clean(a.Source.Prompt(part))
			r.Fence = r.Fence.With(fence.All(r.Input))
		}
		if len(tells) > 0 {
			if err := s.addCall(st, r, a, d, joined, answers, part, len(taken)); err != nil {
				return err
			}
		}
	}
	if err := st.addInputs(answers, a.inputs, taken, joined); err != nil {
		return err
	}
	if err := st.resolve(a.Key, a.inputs, d.Resolved); err != nil {
		return err
	}
	return st.keep(a.Key, answers, a.inputs, d, r.CreatedAt)
}

// tell notes on a run that its key is resolved, and tells those outside who ask for it.
func (s *Service) tell(tx store.Tx, r *runs.Run, a *Arrival, runID string, now time.Time) error {
	at := a.resolvedAt(now)
	title := senders.Clip(a.Event.Title, 500)
	note := runs.Note{
		At:   now,
		Kind: runs.NoteResolved,
		Text: fmt.Sprintf("Resolved at %s: %s", at.UTC().Format(runs.TimeFormat), keptTitle(r.Rules, title)),
	}
	if err := runs.AddNote(tx, runID, note); err != nil {
		return err
	}
	const most = 100
	data, err := json.Marshal(map[string]any{
		"key":        a.Key,
		"title":      title,
		"resolvedAt": at.UTC().Format(runs.TimeFormat),
		"runId":      runID,
		"items":      a.inputs[:min(len(a.inputs), most)],
	})
	if err != nil {
		return fmt.Errorf("encode what is resolved: %w", err)
	}
	return s.Runs().Tell(tx, *r, runID, events.EventResolved, now, data)
}

// Prompt returns the prompt of a run that leaves the queue, made from all of its calls. From then on the run takes
// no more calls. An empty prompt means that the run keeps its own.
func (s *Service) Prompt(tx store.Tx, r *runs.Run) (fence.Text, error) {
	st := storage{tx, s.Store.Shared(), r.ClientID}
	said, err := st.ask(r.ID)
	if err != nil || len(said) < 2 {
		return fence.Text{}, err
	}
	var list []senders.Event
	var prompts []fence.Text
	for _, one := range said {
		if one, err = s.opened(r, one); err != nil {
			return fence.Text{}, err
		}
		if one.Prompt != "" {
			prompts = append(prompts, one.prompt())
			continue
		}
		var e senders.Event
		if err := json.Unmarshal([]byte(one.Event), &e); err != nil {
			return fence.Text{}, fmt.Errorf("decode what a call of run %s says: %w", r.ID, err)
		}
		list = append(list, e)
	}
	if len(list) > 0 {
		if source := clients.Source(list[0].Source); source != nil && source.Prompt != nil {
			prompts = append([]fence.Text{fence.Data(source.Prompt(senders.Merge(list...)))}, prompts...)
		}
	}
	return joinPrompts(prompts).Map(senders.Clean), nil
}

package deliveries

import (
	"context"
	"slices"
	"strings"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/store"
)

// claimed is a delivery that this process sends.
type claimed struct {
	row
	event events.Event // an empty one when it is gone
	at    time.Time    // when it was claimed

	rules      *redact.Rules  // of the run that it is about; nil keeps all as it is
	unreadable *problem.Error // why what it has to tell cannot be told; nil where it can
}

// claimDue claims deliveries of a lane that are due, the longest-waiting first; more says that there are others.
func (s *Service) claimDue(ctx context.Context, lane string, most int) (list []*claimed, more bool, err error) {
	ids, err := s.storage.dueIn(ctx, lane, most+1, s.Now())
	if err != nil || len(ids) == 0 {
		return nil, false, err
	}
	more = len(ids) > most
	list, err = s.claim(context.WithoutCancel(ctx), ids[:min(len(ids), most)])
	return list, more, err
}

// claim claims those of the deliveries that are due. Each of them is held until it is recorded or given back.
func (s *Service) claim(ctx context.Context, ids []string) ([]*claimed, error) {
	s.held.Hold(ids...)
	at := time.Now()
	var rows []row
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		rows, err = s.storage.claim(tx, ids, s.Work.ID(), s.Now())
		return err
	})
	if err != nil {
		s.held.Drop(ids...)
		return nil, err
	}
	s.held.Drop(butRows(ids, rows)...)
	list, err := s.withEvents(ctx, rows)
	if err != nil {
		s.giveBack(rows)
		return nil, err
	}
	for _, d := range list {
		d.at = at
	}
	slices.SortFunc(list, func(a, b *claimed) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// giveBack gives up what was claimed and is held, so that it is claimed again when it can be sent.
func (s *Service) giveBack(rows []row) {
	err := s.Store.WriteUntil(s.lanes.closing, func(tx store.Tx) error {
		for _, w := range rows {
			if err := s.storage.release(tx, w.ID, w.Claim); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && s.lanes.closing.Err() == nil { // else Drain gives back all there are
		s.Log.Error("claimed deliveries could not be given back; they are released soon",
			"deliveries", len(rows), "error", err)
	}
	for _, w := range rows {
		s.held.Drop(w.ID)
	}
}

// butRows returns the ids that no row has.
func butRows(ids []string, rows []row) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(rows, func(w row) bool { return w.ID == id })
	})
}

// withEvents joins deliveries with what they have to tell. An event that is gone leaves an empty one.
func (s *Service) withEvents(ctx context.Context, rows []row) ([]*claimed, error) {
	list := make([]*claimed, len(rows))
	var refs []events.Ref
	for i, w := range rows {
		list[i] = &claimed{row: w}
		if err := s.openContent(ctx, list[i]); err != nil {
			return nil, err
		}
		if w.Payload == nil && list[i].event.Payload == nil && list[i].unreadable == nil {
			refs = append(refs, events.Ref{RunID: deref(w.RunID), ID: w.EventID})
		}
	}
	found, err := events.Find(ctx, s.Store, refs)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.event.Payload != nil || d.unreadable != nil {
			continue
		}
		if d.Payload != nil {
			d.event = events.Event{ID: d.EventID, RunID: deref(d.RunID), Payload: events.Current([]byte(*d.Payload))}
		} else {
			d.event = found[d.EventID]
		}
	}
	return list, nil
}

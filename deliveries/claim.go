package deliveries

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"beckon/events"
)

// claimed is a delivery that this process sends.
type claimed struct {
	row
	event events.Event // an empty one when it is gone
}

// reserve takes room for deliveries in their lanes, and returns those that have got some.
func (s *Service) reserve(due []waiting) (reserved []waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range due {
		if !s.open(w.Lane) {
			continue // it waits in the table
		}
		l := s.lane(w.Lane)
		if l.room >= laneRoom {
			l.more = true
			continue
		}
		l.room++
		reserved = append(reserved, w)
	}
	return reserved
}

// refill takes up what is due in a lane, as much as it has room for.
func (s *Service) refill(l *lane) {
	s.mu.Lock()
	room := max(laneRoom-l.room, 0)
	l.room += room
	s.mu.Unlock()
	ids, err := s.storage.dueIn(s.closing, l.key, room+1, s.Now())
	more := len(ids) > room
	ids = ids[:min(len(ids), room)]
	s.mu.Lock()
	l.more, l.refilling = l.more || more, false
	s.leaveLocked(l, room-len(ids))
	s.mu.Unlock()
	if err == nil && len(ids) > 0 {
		reserved := make([]waiting, len(ids))
		for i, id := range ids {
			reserved[i] = waiting{id, l.key}
		}
		err = s.takeUp(context.Background(), reserved)
	}
	if err != nil && s.closing.Err() == nil {
		s.Log.Error("due deliveries could not be taken up; it is tried again", "lane", l.key, "error", err)
	}
}

// takeUp claims deliveries that have room reserved, and has their lanes send them.
func (s *Service) takeUp(ctx context.Context, reserved []waiting) error {
	if len(reserved) == 0 {
		return nil
	}
	ids := make([]string, len(reserved))
	left := map[string]int{} // room that is not needed after all, by lane
	for i, w := range reserved {
		ids[i] = w.ID
		left[w.Lane]++
	}
	defer func() {
		for key, n := range left {
			s.leave(key, n)
		}
	}()
	s.held.Hold(ids...)
	dropped := ids // what is not claimed after all
	defer func() { s.held.Drop(dropped...) }()
	var rows []row
	err := s.Store.Write(ctx, func(tx *gorm.DB) (err error) {
		rows, err = s.storage.claim(tx, ids, s.Work.ID(), s.Now())
		return err
	})
	if err != nil {
		return err
	}
	dropped = butRows(ids, rows)
	list, err := s.withEvents(ctx, rows)
	if err != nil {
		s.giveBack(rows)
		return err
	}
	slices.SortFunc(list, func(a, b *claimed) int { return strings.Compare(a.ID, b.ID) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range list {
		left[d.Lane]--
		s.push(s.lane(d.Lane), d)
	}
	return nil
}

// giveBack gives up what was claimed and is held, so that it is claimed again when it can be sent.
func (s *Service) giveBack(rows []row) {
	err := s.Store.WriteUntil(s.closing, func(tx *gorm.DB) error {
		for _, w := range rows {
			if err := s.storage.release(tx, w.ID, w.Claim); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && s.closing.Err() == nil { // else Drain gives back all there are
		s.Log.Error("claimed deliveries could not be given back; they are released soon", "deliveries", len(rows), "error", err)
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
		if w.Payload == nil {
			refs = append(refs, events.Ref{RunID: deref(w.RunID), ID: w.EventID})
		}
	}
	found, err := s.Events.Find(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.Payload != nil {
			d.event = events.Event{ID: d.EventID, RunID: deref(d.RunID), Payload: []byte(*d.Payload)}
		} else {
			d.event = found[d.EventID]
		}
	}
	return list, nil
}

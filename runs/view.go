package runs

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/events"
	"beckon/internal/store"
)

// maxViewEvents is how many times in an hour those outside are told that a run's page was opened: its link may be
// anywhere.
const maxViewEvents = 60

// View describes one visit to the page of a run.
type View struct {
	IP, UserAgent string
	At            time.Time
}

// Viewed records that a client has read a run that has no page for recipients. The first time that a client reads
// an ended run, it appends an event for receivers that ask for it.
func (s *Service) Viewed(ctx context.Context, r *Run) error {
	if !r.Status.Ended() || r.viewed || r.Share != NoPage {
		return nil
	}
	r = s.named(r)
	if !s.Events.Wanted(r.subject(), events.Event{Type: events.RunViewed, Name: r.EventNames[events.RunViewed]}) {
		return nil
	}
	now := time.Now().UTC()
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if first, err := noteViewed(tx, r.ID, now); err != nil || !first {
			return err
		}
		return s.tellViewed(tx, r, now, nil)
	})
}

// Opened records that a person has opened the page of an ended run. It appends an event each time for receivers
// that ask for it, but no more than maxViewEvents an hour. Further visits are only counted.
func (s *Service) Opened(ctx context.Context, r *Run, v View) error {
	if !r.Status.Ended() {
		return nil
	}
	r = s.named(r)
	return s.Store.Write(ctx, func(tx store.Tx) error {
		inHour, err := countView(tx, r.ID, v.At)
		if err != nil || inHour == 0 || inHour > maxViewEvents {
			return err
		}
		return s.tellViewed(tx, r, v.At, &v)
	})
}

func (s *Service) tellViewed(tx store.Tx, r *Run, at time.Time, v *View) error {
	event := runEventOf("evt_"+ulid.Make().String(), r, events.RunViewed, at, countNodes(r.Nodes), v)
	event.Transient = true
	return s.Events.Append(tx, r.subject(), []events.Event{event})
}

// appendView writes who has opened a page, and when.
func appendView(text []byte, v *View) []byte {
	if v == nil {
		return text
	}
	text = appendText(append(text, `,"viewerIp":`...), v.IP)
	text = appendText(append(text, `,"userAgent":`...), v.UserAgent)
	return append(v.At.UTC().AppendFormat(append(text, `,"viewedAt":"`...), TimeFormat), '"')
}

package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/events"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const patience = 10 * time.Second

func newRun() string { return "run_" + ulid.Make().String() }

// write appends events of a run and publishes them.
func write(t testing.TB, s *store.Store, l *events.Log, list ...events.Event) {
	require.NoError(t, s.Write(context.Background(), func(tx store.Tx) error { return l.Append(tx, events.Subject{}, list) }))
	l.Publish(list)
}

func event(ids *events.Sequence, run, kind, text string) events.Event {
	payload, _ := json.Marshal(map[string]string{"text": text})
	return events.Event{ID: ids.Next(time.Now()), RunID: run, Type: kind, Payload: payload}
}

func ids(list []events.Event) (ids []string) {
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestIDsOfARun(t *testing.T) {
	run, other := newRun(), newRun()
	s := events.NewSequence(run, "")
	last := ""
	for range 1000 {
		id := s.Next(time.Now())
		require.Less(t, last, id)
		require.NoError(t, events.CheckID(run, id))
		require.Error(t, events.CheckID(other, id))
		last = id
	}
	// The clock jumps back an hour, and another process goes on.
	parsed := ulid.MustParse(last[len("evt_"):])
	require.NoError(t, parsed.SetTime(parsed.Time()+uint64(time.Hour/time.Millisecond)))
	future := "evt_" + parsed.String()
	next := events.NewSequence(run, future).Next(time.Now())
	require.Less(t, future, next)
	require.NoError(t, events.CheckID(run, next))
	first := events.FirstID(run, time.Now().Add(time.Hour))
	require.Less(t, first, events.NewSequence(run, first).Next(time.Now()))
	for _, bad := range []string{"", "evt_", "run_" + last[4:], last + "0", "evt_" + fmt.Sprintf("%026d", 0), "evt_IIIIIIIIIIIIIIIIIIIIIIIIII"} {
		require.Error(t, events.CheckID(run, bad), bad)
	}
}

func TestAFollowerMissesNothing(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		l, run := events.NewLog(events.Config{Store: s}), newRun()
		sequence := events.NewSequence(run, "")
		var want []string
		add := func(n int) {
			for range n {
				e := event(sequence, run, events.MessageDelta, "x")
				write(t, s, l, e)
				want = append(want, e.ID)
			}
		}
		add(300) // more than a page
		f := l.Follow(run, "")
		defer f.Close()
		var got []string
		read := func() {
			for len(got) < len(want) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				list, err := f.Next(ctx)
				cancel()
				require.NoError(t, err)
				got = append(got, ids(list)...)
			}
			require.Equal(t, want, got)
		}
		read()
		add(3)
		read()
		add(100) // more than wait in memory for who does not read
		read()
		middle := l.Follow(run, want[200])
		defer middle.Close()
		list, err := middle.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, want[201:], ids(list)[:len(want)-201])
		list, err = middle.Ready(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
		require.True(t, l.Followed(run))
		f.Close()
		middle.Close()
		require.False(t, l.Followed(run))
	})
}

// What another process writes is seen at the next look.
func TestEventsOfAnotherProcess(t *testing.T) {
	url := storetest.Postgres(t)
	here, there := storetest.Open(t, url), storetest.Open(t, url)
	l, other := events.NewLog(events.Config{Store: here}), events.NewLog(events.Config{Store: there})
	require.LessOrEqual(t, events.LookEvery, 250*time.Millisecond)
	run := newRun()
	sequence := events.NewSequence(run, "")
	f := l.Follow(run, "")
	defer f.Close()
	list, err := f.Ready(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
	for range 5 {
		e := event(sequence, run, events.NodeCompleted, "x")
		write(t, there, other, e)
		l.Look(t.Context())
		waiting, stop := context.WithTimeout(t.Context(), patience)
		list, err := f.Next(waiting)
		stop()
		require.NoError(t, err)
		require.Equal(t, []string{e.ID}, ids(list))
	}
}

// The events of a run that left none in the log are those that somebody else knows.
func TestComputedEvents(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	run := newRun()
	sequence := events.NewSequence(run, "")
	list := []events.Event{event(sequence, run, events.RunStarted, "a"), event(sequence, run, events.RunCompleted, "b")}
	l := events.NewLog(events.Config{Store: s, Computed: func(_ context.Context, id string) ([]events.Event, error) {
		if id == run {
			return slices.Clone(list), nil
		}
		return nil, nil
	}})
	for after, want := range map[string][]events.Event{"": list, list[0].ID: list[1:], list[1].ID: {}} {
		got, err := l.Read(t.Context(), run, after)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := l.Read(t.Context(), newRun(), "")
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestTrim(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		l, run := events.NewLog(events.Config{Store: s}), newRun()
		sequence := events.NewSequence(run, "")
		begin, piece, end := event(sequence, run, events.RunStarted, ""), event(sequence, run, events.MessageDelta, "x"), event(sequence, run, events.RunCompleted, "")
		write(t, s, l, begin, piece, end)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return events.Trim(tx, run) }))
		got, err := l.Read(t.Context(), run, piece.ID) // a follower that comes back behind a piece that is gone
		require.NoError(t, err)
		require.Equal(t, []string{end.ID}, ids(got))
		require.True(t, got[0].Ends())
		require.False(t, begin.Ends())
	})
}

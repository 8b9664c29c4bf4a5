package schedules_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
	"beckon/schedules"
)

const every = 15 * time.Minute

var backup = clients.Client{ID: "backup", Passthrough: true, ExpectEvery: units.Duration(every)}

// calls notes a call at the house's time.
func (h *house) calls(id string) { h.set.Get(id).NoteCall(h.clock.Now()) }

// margin is more than gateways give each other.
const margin = 5 * time.Second

func TestAClientThatFallsSilentIsToldOfOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, backup, clients.Client{ID: "other", Passthrough: true})
		g := h.open()
		g.look()
		h.clock.advance(10 * time.Minute)
		called := h.clock.Now()
		h.calls("backup")
		g.look()
		require.Equal(t, called, g.state("backup").LastCall.UTC())
		g.lookAt(called.Add(every - time.Second))
		require.Empty(t, h.told())

		g.lookAt(called.Add(every + margin))
		require.Len(t, h.told(), 1, "one endpoint has asked for it, about this client")
		require.JSONEq(t, `{"success":false,"type":"client.silent","runId":null,"workflowId":null,"metadata":null,
			"data":{"clientId":"backup","expectEvery":"15m","lastCallAt":"2026-11-30T06:40:00.000Z","errorCode":"client_silent"},
			"error":"The client \"backup\" has not called since 2026-11-30T06:40:00.000Z, and is expected to call every 15m.",
			"createdAt":"2026-11-30T06:55:05.000Z"}`, h.told()[0])
		require.Equal(t, h.clock.Now(), g.state("backup").SilentSince)

		// Neither later, nor after a restart.
		g.lookAt(called.Add(4 * every))
		again := h.open()
		again.look()
		again.lookAt(called.Add(8 * every))
		require.Len(t, h.told(), 1)

		// The next call ends it.
		h.calls("backup")
		require.Zero(t, again.state("backup").SilentSince)
		again.look()
		require.Zero(t, again.state("backup").SilentSince)
		h.clock.advance(every + margin)
		again.look()
		require.Len(t, h.told(), 2)
	})
}

func TestAClientThatHasNeverCalled(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, clients.Client{ID: "backup", Passthrough: true})
		g := h.open()
		g.lookAt(monday.Add(time.Hour))
		h.use(backup) // it counts from here
		g.look()
		g.lookAt(monday.Add(time.Hour + every - time.Second))
		require.Empty(t, h.told())
		g.lookAt(monday.Add(time.Hour + every + margin))
		require.Len(t, h.told(), 1)
		require.Contains(t, h.told()[0], `"lastCallAt":null`)
		require.Contains(t, h.told()[0], `has not called yet`)
	})
}

// While a client is disabled nobody expects it to call.
func TestADisabledClientIsNotSilent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		disabled := backup
		disabled.Enabled = new(bool)
		h := newHouse(t, s, backup)
		g := h.open()
		g.look()
		h.use(disabled)
		g.look()
		g.lookAt(monday.Add(4 * every))
		require.Empty(t, h.told())
		require.Zero(t, g.state("backup"))
		h.use(backup)
		g.look()
		g.lookAt(monday.Add(5*every - time.Second))
		require.Empty(t, h.told())
		g.lookAt(monday.Add(5*every + margin))
		require.Len(t, h.told(), 1)
	})
}

// A call is known to the gateway that it came to, and to the others from the database.
func TestSeveralGatewaysTellOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, backup)
		there := &house{t: t, store: s, clock: h.clock, limits: clients.NewLimits()}
		there.use(backup)
		here, other := h.open(), there.open()
		here.look()
		other.look()
		for range 5 { // all calls come to this one
			h.clock.advance(10 * time.Minute)
			h.calls("backup")
			here.look()
			other.look()
		}
		require.Empty(t, h.told())
		require.Equal(t, here.state("backup").LastCall.UTC(), other.state("backup").LastCall.UTC())

		h.clock.advance(every + margin)
		var together sync.WaitGroup
		for range 5 {
			for _, g := range []*gateway{here, other} {
				together.Go(func() {
					if err := schedules.Look(g.Service, context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			together.Wait()
		}
		require.Len(t, h.told(), 1)
		there.calls("backup")
		other.look()
		here.look()
		require.Zero(t, here.state("backup").SilentSince)
	})
}

// However often a client calls, little is written.
func TestCallsCostNoWrites(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), backup)
	g := h.open()
	g.look()
	written := 0
	h.store.Watch(func(statement string, _ []any) {
		if statement[:6] == "UPDATE" {
			written++
		}
	})
	for range int(every / time.Second) {
		h.clock.advance(time.Second)
		for range 10 {
			h.calls("backup")
		}
		g.look()
	}
	require.LessOrEqual(t, written, 11)
	require.Equal(t, h.clock.Now(), g.state("backup").LastCall.UTC())

	// What is not on record yet is written when the process ends.
	h.clock.advance(time.Second)
	h.calls("backup")
	schedules.NoteLastCalls(g.Service)
	require.Equal(t, h.clock.Now().UnixMilli(), storetest.Row[int64](t, h.store, "SELECT called_at FROM expected_calls"))
}

// Callers whom a stopped gateway has kept from calling get a moment to come again.
func TestAfterAStop(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), backup, clients.Client{ID: "gone", Passthrough: true, ExpectEvery: units.Duration(every)})
	h.open().look()
	h.clock.advance(time.Hour)
	g := h.open()
	g.look()
	require.Empty(t, h.told())
	h.clock.advance(20 * time.Second)
	h.calls("backup")
	g.look()
	h.clock.advance(20 * time.Second)
	g.look()
	require.Len(t, h.told(), 1)
	require.Contains(t, h.told()[0], `"gone"`)
}

// A client that was deleted and made anew has not called, although another one of its id has.
func TestTheCallsOfAnEarlierClient(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), backup)
	g := h.open()
	g.look()
	h.clock.advance(time.Minute)
	h.calls("backup")
	g.look()
	h.clock.advance(time.Minute)
	again := backup
	again.Since = h.clock.Now()
	h.use(again)
	require.Zero(t, g.state("backup").LastCall)
	g.look()
	require.Zero(t, g.state("backup").LastCall)
}

package web_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/calls"
	"beckon/clients"
	"beckon/events"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/units"
	"beckon/internal/work"
	"beckon/runs"
	"beckon/schedules"
	"beckon/web"
)

// timesSite has a gateway's look at the times of clients, on the clock of the pages.
type timesSite struct {
	*browser
	editor   *catalog.Editor
	limits   *clients.Limits
	instance *work.Instance
}

func newTimesSite(t *testing.T) *timesSite {
	s := &timesSite{limits: clients.NewLimits()}
	site := newSite(t, func(c *web.Config) {
		s.editor = gatewaytest.Editor(t, c.Store, gatewaytest.Setup{File: fileOfClients})
		silent := slog.New(slog.DiscardHandler)
		s.instance = work.New(c.Store, silent)
		times := schedules.New(schedules.Config{Store: c.Store, Work: s.instance, Log: silent, Clients: s.inForce, Now: c.Now,
			Run: func(context.Context, string) (runs.Request, error) {
				return runs.Request{}, errors.New("nothing runs here")
			},
			Tell: func(store.Tx, string, events.Subject, problem.Failure, map[string]any) error { return nil }})
		service := runs.New(runs.Config{Store: c.Store})
		preview := calls.New(calls.Config{Catalog: func() calls.Catalog { return calls.Catalog{Agents: &agents.Set{}} }, Runs: service, MaxBodyBytes: 1 << 20})
		c.Backend = &web.Backend{Editor: s.editor, Runs: service, Calls: &clientSite{calls: preview}, Schedules: times, Refused: c.Store}
	})
	s.browser = site.signedIn()
	return s
}

func (s *timesSite) inForce() *clients.Set {
	v, err := s.editor.View(context.Background())
	if err != nil {
		s.t.Error(err)
	}
	set, _ := clients.SetOf(v, nil, s.limits)
	return set
}

func (s *timesSite) have(item clients.Client) clients.Client {
	item.AllowedAgents = []string{"triage"}
	record, _, err := catalog.Of[clients.Client](s.editor).Create(context.Background(), "test", item)
	require.NoError(s.t, err)
	return record.Item
}

// heading is the part of a client's page above its form.
func (s *timesSite) heading(id string) string {
	page := s.get("/admin/clients/" + id)
	require.Equal(s.t, 200, page.StatusCode)
	above, _, found := strings.Cut(page.body, `<form id="client"`)
	require.True(s.t, found)
	return above
}

func TestThePageSaysWhenAClientRunsByItself(t *testing.T) {
	s := newTimesSite(t)
	report := s.have(clients.Client{ID: "report", Schedule: "0 7 * * *", Timezone: "Europe/Berlin", Prompt: "work"})
	require.Regexp(t, `Next scheduled run: <strong>\w+day \d+ \w+ \d{4} 07:00:00 CES?T \(Europe/Berlin\)</strong>. Last: none yet.`, s.heading("report"))

	at := time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC).UnixMilli()
	require.NoError(t, s.store.Write(t.Context(), func(tx store.Tx) error {
		return tx.Exec("INSERT INTO schedules (client_id, client_made, spec, last_at, last_run_id) VALUES ('report', ?, '', ?, 'run_1')", report.Since.UnixMilli(), at)
	}))
	require.Contains(t, s.heading("report"), `Last: <a href="/admin/runs/run_1">Friday 2 January 2026 07:00:00 CET (Europe/Berlin)</a>.`)

	form := s.get("/admin/clients/report").body
	for _, kept := range []string{`name="schedule" value="0 7 * * *"`, `name="timezone" value="Europe/Berlin"`} {
		require.Contains(t, form, kept)
	}
	s.have(clients.Client{ID: "other", Passthrough: true})
	require.NotContains(t, s.heading("other"), "scheduled run")
}

func TestThePageSaysWhenAClientHasCalled(t *testing.T) {
	s := newTimesSite(t)
	s.have(clients.Client{ID: "backup", Passthrough: true, ExpectEvery: units.Duration(15 * time.Minute)})
	require.Contains(t, s.heading("backup"), "No call yet, expected every 15m.")

	require.NoError(t, s.instance.Start(t.Context()))
	t.Cleanup(s.instance.Stop)
	s.clock.advance(time.Hour)
	s.inForce().Get("backup").NoteCall(s.clock.Now())
	s.clock.advance(3 * time.Minute)
	require.Contains(t, s.heading("backup"), "Last call 3 minutes ago, expected every 15m.")
	require.NotContains(t, s.heading("backup"), "Silent")

	s.clock.advance(time.Hour)
	require.Eventually(t, func() bool {
		s.clock.advance(time.Minute) // it counts from the first look
		return strings.Contains(s.heading("backup"), "<strong>Silent.</strong> Last call 1 hour ago, expected every 15m.")
	}, 20*time.Second, 100*time.Millisecond)
	s.inForce().Get("backup").NoteCall(s.clock.Now())
	require.NotContains(t, s.heading("backup"), "Silent")
}

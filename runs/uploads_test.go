package runs_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// hear answers with the file that the call brought.
func hear(ctx context.Context, call agents.Call) (agents.Result, error) {
	r, _, err := call.Files.Open(ctx, call.Artifacts[0].ID)
	if err != nil {
		return agents.Result{}, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return agents.Result{Output: string(text)}, err
}

// withUpload is a call that brings a file.
func withUpload(t *testing.T, s *runs.Service, a agent) runs.Request {
	r := request(a)
	r.Entry.RetryOnCrash, r.Input, r.ID = true, "", runs.NewID()
	file, err := s.Upload(t.Context(), r.ID, r.ClientID, nil, "call.wav", "audio/wav", strings.NewReader("hello"))
	require.NoError(t, err)
	r.Uploads = []agents.Artifact{file}
	return r
}

func TestARunHasTheFilesOfItsCall(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		kept := newFiles(t, s)
		service := newService(t, s, withFiles(kept))
		r := withUpload(t, service, hear)
		require.NoError(t, kept.RemoveUnused(t.Context()), "which leaves it alone while the run is not on record")
		run, err := ended(t, start(t, service, r))
		require.NoError(t, err)
		require.Equal(t, "hello", run.Output)
		require.Empty(t, run.Artifacts)

		found, err := service.Get(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, r.Uploads, found.Uploads)
		require.Empty(t, found.Artifacts)
		require.Empty(t, found.AllNodes()[0].Artifacts)
		require.Empty(t, dataOf(t, service, run.ID, events.RunCompleted).Artifacts, "what is told of is what was made")

		service.Discard(t.Context(), r.Uploads)
		require.NoError(t, kept.RemoveUnused(t.Context()))
		_, err = kept.Get(t.Context(), r.Uploads[0].ID)
		require.NoError(t, err, "a run that is on record keeps its files")
		require.NoError(t, service.Retain(t.Context(), time.Now().Add(time.Hour)))
		require.Equal(t, "REMOVED", storetest.Row[string](t, s, "SELECT state FROM artifacts"), "they go with their run")
	})
}

// A process is killed while it works on a run, or before it has begun: the next one has the file.
func TestACrashLosesNoFileOfACall(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		kept := newFiles(t, s)
		var entry *agents.Entry
		gateway := func() *runs.Service {
			return newService(t, s, func(c *runs.Config) {
				c.Artifacts, c.Work = kept, work.New(s, slog.New(slog.DiscardHandler))
				c.Metrics, c.Entry = telemetry.NewMetrics("test"), func(string) *agents.Entry { return entry }
			})
		}
		first := gateway()
		queued := withUpload(t, first, hear)
		entry = queued.Entry
		_, err := first.Enqueue(t.Context(), queued)
		require.NoError(t, err)
		running := withUpload(t, first, waitForEnd)
		start(t, first, running)
		die(t, s, running.ID)
		require.NoError(t, first.Reconcile(t.Context()))

		instance := work.New(s, slog.New(slog.DiscardHandler))
		second := newService(t, s, func(c *runs.Config) {
			c.Artifacts, c.Work, c.Entry = kept, instance, func(string) *agents.Entry { return entry }
		})
		require.NoError(t, instance.Start(t.Context()))
		t.Cleanup(instance.Stop)
		require.NoError(t, second.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
		for _, r := range []runs.Request{queued, running} {
			run := awaitStatus(t, second, r.ID, runs.Completed)
			require.Equal(t, "hello", run.Output)
			require.Equal(t, r.Uploads, run.Uploads)
		}
	})
}

// The file of a process that died before the run was on record is removed an hour later.
func TestAFileWithoutARunIsRemoved(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	now := time.Now()
	kept := newFiles(t, s)
	kept.Now = func() time.Time { return now }
	service := newService(t, s, withFiles(kept))
	r := withUpload(t, service, hear)
	require.NoError(t, kept.RemoveUnused(t.Context()))
	require.EqualValues(t, 1, storetest.Row[int64](t, s, "SELECT COUNT(*) FROM artifacts"))
	now = now.Add(time.Hour + time.Minute)
	require.NoError(t, kept.RemoveUnused(t.Context()))
	require.Zero(t, storetest.Row[int64](t, s, "SELECT COUNT(*) FROM artifacts"))
	_, err := service.Start(t.Context(), r)
	require.ErrorContains(t, err, "removed before its run was recorded")
	_, err = service.Get(t.Context(), r.ID)
	require.Error(t, err)
}

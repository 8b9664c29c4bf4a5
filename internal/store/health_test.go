package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
)

// playedWriter is a database whose writes end as the test wants.
type playedWriter struct {
	err   atomic.Pointer[error]
	hangs atomic.Bool
	n     atomic.Int64
}

func (w *playedWriter) write(ctx context.Context, _ func(Tx) error, done func(error)) {
	w.n.Add(1)
	for w.hangs.Load() && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		done(err)
		return
	}
	done(*w.err.Load())
}

func (w *playedWriter) ends(err error) { w.err.Store(&err) }

// watched plays a claimed database of which nobody makes use, in a bubble of its own time.
func watched(t *testing.T, test func(s *Store, w *playedWriter, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := &playedWriter{}
		w.ends(nil)
		s := &Store{writer: w, log: slog.New(slog.NewTextHandler(&log, nil))}
		stop := s.watch()
		defer func() { require.NoError(t, stop()) }()
		test(s, w, &log)
	})
}

// after returns once some time has passed and everything that was due in it is done.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAQuietDatabaseThatTakesNoWritesIsNoticedBothWays(t *testing.T) {
	watched(t, func(s *Store, w *playedWriter, log *bytes.Buffer) {
		after(time.Minute)
		require.NoError(t, s.failure())
		require.Empty(t, log.String())
		require.LessOrEqual(t, w.n.Load(), int64(60/quietAfter.Seconds()), "a quiet database is not written to all the time")

		w.ends(errClosed)
		after(5*time.Second + time.Millisecond)
		require.True(t, problem.Is(s.failure(), problem.Unavailable))
		require.Contains(t, problem.Of(s.failure()).Detail, "the connection failed")
		after(time.Minute)
		require.Equal(t, 1, strings.Count(log.String(), "cannot be used"))

		w.ends(nil)
		after(watchEvery + time.Millisecond)
		require.NoError(t, s.failure())
		after(watchEvery)
		require.Contains(t, log.String(), "the database can be used again")
	})
}

func TestADatabaseWhoseWritesDoNotEndIsNoticedBothWays(t *testing.T) {
	watched(t, func(s *Store, w *playedWriter, _ *bytes.Buffer) {
		w.hangs.Store(true)
		after(quietAfter + stalledAfter + 2*watchEvery)
		require.ErrorIs(t, s.failure(), errStalled)
		w.hangs.Store(false)
		after(time.Second)
		require.NoError(t, s.failure())
	})
}

// A small write may work on a disk that is full for others.
func TestAFullDiskIsNotForgottenForOneSmallWrite(t *testing.T) {
	watched(t, func(s *Store, _ *playedWriter, _ *bytes.Buffer) {
		for range 5 {
			require.Error(t, s.noteOutcome(t.Context(), &pgconn.PgError{Code: "53100"}))
			for range 3 {
				after(time.Second)
				require.NoError(t, s.noteOutcome(t.Context(), nil))
				require.Contains(t, problem.Of(s.failure()).Detail, "out of resources")
			}
		}
		after(5*time.Second - 3*time.Second + time.Millisecond)
		require.NoError(t, s.failure())
	})
}

func TestOnlyTheDatabaseItselfCountsAgainstIt(t *testing.T) {
	s := &Store{writer: &playedWriter{}}
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, ended := range []struct {
		ctx context.Context
		err error
	}{
		{t.Context(), errors.New("mine")},
		{t.Context(), problem.New(problem.Unavailable, "overloaded", "The queue is full.")},
		{left, context.Canceled},
		{left, errClosed},
	} {
		require.ErrorIs(t, s.noteOutcome(ended.ctx, ended.err), ended.err)
		require.NoError(t, s.failure())
	}
	require.ErrorIs(t, s.noteOutcome(left, errClosed), context.Canceled)
	require.Error(t, s.noteOutcome(t.Context(), errClosed))
	require.Error(t, s.failure())
	require.NoError(t, s.noteOutcome(t.Context(), nil))
	require.NoError(t, s.failure())
}

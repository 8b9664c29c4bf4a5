package server_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// holdLock lets another process's write transaction, played by a second store, stand in the way until release.
func holdLock(t *testing.T, url string) (release func()) {
	other := storetest.Open(t, url)
	locked, let, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- other.Write(context.Background(), func(store.Tx) error {
			close(locked)
			<-let
			return nil
		})
	}()
	<-locked
	return func() {
		close(let)
		require.NoError(t, <-done)
	}
}

// fillDisk gives the file no page more than it has; SQLite then answers as it does on a full disk.
func fillDisk(t *testing.T, s *store.Store) { pragma(t, s, "PRAGMA max_page_count = 1") }

func makeRoom(t *testing.T, s *store.Store) { pragma(t, s, "PRAGMA max_page_count = 1000000") }

func pragma(t *testing.T, s *store.Store, statement string) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec(statement) }))
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

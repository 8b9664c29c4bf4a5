package artifacts_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// endless is a file that was never in memory.
type endless struct{ left int64 }

func (r *endless) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.left)
	r.left -= n
	return int(n), nil
}

// blackHole takes an answer.
type blackHole struct {
	header http.Header
	n      int64
}

func (w *blackHole) Header() http.Header { return w.header }
func (w *blackHole) WriteHeader(int)     {}

func (w *blackHole) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

// allocated is how many bytes fn allocates, whether they are freed meanwhile or not: more than it ever holds.
func allocated(fn func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestFilesAreNeverInMemory(t *testing.T) {
	const size = artifacts.DefaultMaxBytes
	s := storetest.Open(t, storetest.SQLite(t))
	service, _ := newService(t, s)
	addRun(t, s, maker.RunID, false)
	saveAndServe := func(size int64) {
		a, err := service.Save(context.Background(), maker, "large", "", &endless{size})
		if err == nil {
			err = s.Write(context.Background(), func(tx store.Tx) error { return service.Keep(tx, maker.RunID, []agents.Artifact{a}) })
		}
		if err != nil {
			t.Error(err)
			return
		}
		found, err := service.Get(context.Background(), a.ID)
		if err != nil {
			t.Error(err)
			return
		}
		answer := &blackHole{header: http.Header{}}
		if err := service.Serve(answer, httptest.NewRequest(http.MethodGet, "/", nil), found); err != nil || answer.n != size {
			t.Errorf("%d bytes: %v", answer.n, err)
		}
		if err := service.Remove(context.Background(), a.ID); err != nil {
			t.Error(err)
		}
	}
	one := allocated(func() { saveAndServe(size) })
	fifty := allocated(func() {
		var wg sync.WaitGroup
		for range 50 { // of files that take the disk less time
			wg.Go(func() { saveAndServe(size / 5) })
		}
		wg.Wait()
	})
	t.Logf("allocated in all: one file %d KiB, fifty at once %d KiB", one>>10, fifty>>10)
	require.Less(t, one, int64(10<<20))
	require.Less(t, fifty, int64(100<<20))
}

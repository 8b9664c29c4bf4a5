package store_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// What has been written, or could not be, is not kept until the next write, which may be hours away.
func TestWhatIsWrittenLaterIsLetGo(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		gone := make(chan struct{}, 2)
		for _, outcome := range []error{nil, errors.New("refused")} {
			err := s.Write(context.Background(), func(tx *gorm.DB) error {
				item := make([]byte, 1<<20)
				runtime.AddCleanup(&item[0], func(gone chan struct{}) { gone <- struct{}{} }, gone)
				if err := s.Later(tx, "test", item, func(*gorm.DB, []any) error { return nil }); err != nil {
					return err
				}
				return outcome
			})
			require.ErrorIs(t, err, outcome)
		}
		require.Eventually(t, func() bool {
			runtime.GC()
			return len(gone) == 2
		}, 10*time.Second, 10*time.Millisecond)
	})
}

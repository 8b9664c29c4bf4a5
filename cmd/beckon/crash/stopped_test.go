package crash_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// stopFor is longer than it takes until a process that is silent is taken for dead.
const stopFor = 20 * time.Second

// A gateway stands still for so long that others take it for dead, and then goes on as if nothing had happened.
func stoppedReplica(t *testing.T, table *results) {
	each(t, func(t *testing.T, url string, replicas int) {
		l := newLab(t, url, url, replicas)
		l.wakes = true
		back := l.interrupt(func() {
			stopped := l.gateway(0).cmd.Process
			require.NoError(t, stopped.Signal(syscall.SIGSTOP))
			<-time.After(stopFor)
			require.NoError(t, stopped.Signal(syscall.SIGCONT))
		})
		l.conclude(table, "a gateway is stopped for 20 s", back)
	})
}

// PostgreSQL stands still for so long that every gateway seems dead, twice.
func stoppedPostgres(t *testing.T, table *results) {
	eachPostgres(t, func(t *testing.T, replicas int) {
		server := storetest.NewServer(t)
		l := newLab(t, server.URL(), server.URL(), replicas)
		back := l.interrupt(func() {
			for i := range 2 {
				if i > 0 {
					l.load.awaitEachAccepts(time.Now())
				}
				require.NoError(t, server.Signal(syscall.SIGSTOP))
				<-time.After(stopFor)
				require.NoError(t, server.Signal(syscall.SIGCONT))
			}
		})
		l.conclude(table, "PostgreSQL is stopped for 20 s, twice", back)
	})
}

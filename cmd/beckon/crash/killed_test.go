package crash_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Gateways end at any moment, by kill -9 and by SIGTERM in turn, and others are started in their place. A run that was there
// when its process was killed three times is given up, so that every other time what is open ends first.
func killedGateway(t *testing.T, table *results) {
	each(t, func(t *testing.T, url string, replicas int) {
		l, rounds := newLab(t, url, url, replicas), times(4, 30)
		l.load.vanish = true
		back := l.interrupt(func() {
			for i := range rounds {
				if i > 0 && i%4 == 0 {
					before := time.Now()
					require.Eventually(t, func() bool {
						open, err := l.record.openBefore(before)
						return err == nil && open == 0
					}, patience, 50*time.Millisecond)
				}
				l.load.awaitAccepted(rand.IntN(60)) // any moment will do
				n := rand.IntN(replicas)
				if i%2 == 0 {
					l.gateway(n).kill()
				} else {
					require.NoError(t, l.gateway(n).cmd.Process.Signal(syscall.SIGTERM))
					<-l.gateway(n).dead
				}
				l.replace(n, l.start())
			}
		})
		l.concludeWithin(table, "gateways end, by kill -9 and SIGTERM in turn"+often(rounds), back, withinKill)
	})
}

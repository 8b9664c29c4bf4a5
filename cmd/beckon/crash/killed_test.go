package crash_test

import (
	"math/rand/v2"
	"testing"
)

// Gateways are killed at any moment, and others are started in their place.
func killedGateway(t *testing.T, table *results) {
	each(t, func(t *testing.T, url string, replicas int) {
		l := newLab(t, url, url, replicas)
		l.load.vanish = true
		back := l.interrupt(func() {
			for range times(4, 30) {
				l.load.awaitAccepted(rand.IntN(60)) // any moment will do
				n := rand.IntN(replicas)
				l.gateway(n).kill()
				l.replace(n, l.start())
			}
		})
		l.conclude(table, "a gateway is killed (kill -9) four times", back)
	})
}

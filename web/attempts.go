package web

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	maxWrong     = 5 // tries of an address in attemptSpan
	attemptSpan  = time.Minute
	maxAddresses = 10_000 // that are remembered: less than 2 MB
	maxNews      = 10     // entries of the audit list in attemptSpan, from however many addresses
)

// attempts counts the wrong tries to log in by address, in bounded memory.
type attempts struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[netip.Prefix][]time.Time // oldest first, maxWrong at most
	told  map[netip.Prefix]time.Time   // when a refusal was news, maxNews at most
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, tries: map[netip.Prefix][]time.Time{}, told: map[netip.Prefix]time.Time{}}
}

// take counts a try before it is looked at, so that many at once don't slip through, and returns 0. When the address
// has none left it returns how long until it has.
func (a *attempts) take(address string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, now := networkOf(address), a.now()
	tries := recent(a.tries[key], now)
	if len(tries) >= maxWrong {
		return tries[0].Add(attemptSpan).Sub(now)
	}
	if _, known := a.tries[key]; !known {
		a.makeRoom(now)
	}
	a.tries[key] = append(tries, now)
	return 0
}

// news reports whether the refusal of an address is worth a line in the log and an entry in the audit list, which nobody should
// be able to fill.
func (a *attempts) news(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, key := a.now(), networkOf(address)
	maps.DeleteFunc(a.told, func(_ netip.Prefix, at time.Time) bool { return now.Sub(at) >= attemptSpan })
	if _, known := a.told[key]; known || len(a.told) >= maxNews {
		return false
	}
	a.told[key] = now
	return true
}

// giveBack is for a try that came to nothing: nobody has learnt from it whether a password is right.
func (a *attempts) giveBack(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := networkOf(address)
	if tries := a.tries[key]; len(tries) > 1 {
		a.tries[key] = tries[:len(tries)-1]
	} else {
		delete(a.tries, key)
	}
}

// forget is for an address that knew the password.
func (a *attempts) forget(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tries, networkOf(address))
}

// makeRoom lets go of what is over, and of any one address when nothing is: who has that many addresses isn't slowed
// down by a count of each, and must not lock out others.
func (a *attempts) makeRoom(now time.Time) {
	if len(a.tries) < maxAddresses {
		return
	}
	for key, tries := range a.tries {
		if len(recent(tries, now)) == 0 {
			delete(a.tries, key)
		}
	}
	for key := range a.tries {
		if len(a.tries) < maxAddresses {
			return
		}
		delete(a.tries, key)
	}
}

func recent(tries []time.Time, now time.Time) []time.Time {
	for len(tries) > 0 && now.Sub(tries[0]) >= attemptSpan {
		tries = tries[1:]
	}
	return tries
}

// networkOf is what counts as one address: of IPv6 the /64, which is what one subscriber has.
func networkOf(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	network, _ := ip.Prefix(bits) // bits fit
	return network
}

package web

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	maxTries     = 5 // tries of an address in attemptSpan
	attemptSpan  = time.Minute
	maxAddresses = 10_000 // that are remembered: less than 2 MB
	maxReports   = 10     // entries of the audit list in attemptSpan, from however many addresses
)

// attempts counts the wrong tries to log in by address, in bounded memory.
type attempts struct {
	now func() time.Time

	mu       sync.Mutex
	tries    map[netip.Prefix][]time.Time // oldest first, maxWrong at most
	reported map[netip.Prefix]time.Time   // when a refusal was news, maxNews at most
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, tries: map[netip.Prefix][]time.Time{}, reported: map[netip.Prefix]time.Time{}}
}

// count counts a try before the password is checked, so that parallel tries are counted, too, and returns 0. An address
// without a try left gets the time until it has one again.
func (a *attempts) count(address string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, now := networkOf(address), a.now()
	tries := recent(a.tries[key], now)
	if len(tries) >= maxTries {
		return tries[0].Add(attemptSpan).Sub(now)
	}
	if _, known := a.tries[key]; !known {
		a.evict(now)
	}
	a.tries[key] = append(tries, now)
	return 0
}

// shouldReport reports whether the refusal of an address goes to the log and the audit list. Few do, so that nobody can fill them.
func (a *attempts) shouldReport(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, key := a.now(), networkOf(address)
	maps.DeleteFunc(a.reported, func(_ netip.Prefix, at time.Time) bool { return now.Sub(at) >= attemptSpan })
	if _, known := a.reported[key]; known || len(a.reported) >= maxReports {
		return false
	}
	a.reported[key] = now
	return true
}

// uncount takes back a try whose password was not checked.
func (a *attempts) uncount(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := networkOf(address)
	if tries := a.tries[key]; len(tries) > 1 {
		a.tries[key] = tries[:len(tries)-1]
	} else {
		delete(a.tries, key)
	}
}

// forget removes the tries of an address that has logged in.
func (a *attempts) forget(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tries, networkOf(address))
}

// evict removes addresses whose tries are over, else any address: whoever has that many addresses is not slowed down by
// counting each, and must not lock out others.
func (a *attempts) evict(now time.Time) {
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

// networkOf returns the network that is counted as one address: the /64 of an IPv6 address, which is what one subscriber has.
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

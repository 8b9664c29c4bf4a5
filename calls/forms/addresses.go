package forms

import (
	"net/netip"
	"sync"
	"time"
)

// maxAddresses is how many addresses a generation of Addresses remembers.
const maxAddresses = 20000

// Addresses counts the forms that each address has sent. IPv6 addresses count by their network (/64), since one
// visitor has all addresses of it. It keeps at most two generations of addresses, each of maxAddresses. The count
// of an address that is in neither starts at zero.
type Addresses struct {
	mu          sync.Mutex
	now, before map[netip.Prefix]time.Time // when what the address has sent is forgotten
}

// Take counts a form. Where the address has sent as many as it may, it returns how long to wait.
func (a *Addresses) Take(address string, rate Rate, now time.Time) (wait time.Duration) {
	addr, _ := netip.ParseAddr(address) // what is none counts as one address
	addr = addr.Unmap().WithZone("")
	network, _ := addr.Prefix(min(addr.BitLen(), 64))
	per := time.Duration(rate.Per)
	each := per / time.Duration(rate.Requests)
	a.mu.Lock()
	defer a.mu.Unlock()
	until, known := a.now[network]
	if !known {
		until = a.before[network]
	}
	if until.Before(now) {
		until = now
	}
	next := until.Add(each)
	if wait = next.Sub(now) - per; wait > 0 {
		return wait
	}
	if !known && len(a.now) >= maxAddresses || a.now == nil {
		a.before, a.now = a.now, map[netip.Prefix]time.Time{}
	}
	a.now[network] = next
	return 0
}

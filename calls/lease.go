package calls

import (
	"sync"

	"beckon/clients"
	"beckon/internal/memory"
	"beckon/runs"
)

// Lease is what one call has taken of the limits: one call of the client's rate limit, memory, and the slots of the
// gateway and of the client (maxConcurrent) for a run. It has no expiry: the call releases its part with release, the
// run its own with releaseRun.
type Lease struct {
	Quota clients.Quota // what is left of the client's rate limit
	Free  int           // how many more calls the client may run; 0 without maxConcurrent

	client     *clients.Member
	memory     *memory.Reservation
	releaseRun func() // releases the slots, and the run's part of the memory; never nil
}

func noop() {}

// newLease returns a lease that has taken nothing yet.
func newLease(budget *memory.Budget) *Lease {
	return &Lease{memory: budget.Reserve(), releaseRun: noop}
}

// takeRate takes one call of the client's rate limit.
func (l *Lease) takeRate(client *clients.Member) (err error) {
	l.client, l.Free = client, client.Free()
	l.Quota, err = client.TakeRate()
	return err
}

// takeSlot takes a slot of the gateway: for a run in this process, or for one that is being put into the queue. A run
// in this process also takes a slot of the client; a queued one takes it when it leaves the queue.
func (l *Lease) takeSlot(service *runs.Service, queued bool) error {
	defer func() { l.Free = l.client.Free() }() // other calls may have come or ended while the body was read
	release, err := service.Slot(queued)
	if err != nil {
		return err
	}
	if !queued {
		if err := l.client.StartRun(); err != nil {
			release()
			return err
		}
		releaseSlot, runMemory := release, l.memory.Share()
		release = func() {
			l.client.EndRun()
			releaseSlot()
			runMemory.Release()
		}
	}
	l.releaseRun = sync.OnceFunc(release)
	return nil
}

// release releases the call's part of the memory.
func (l *Lease) release() { l.memory.Release() }

package calls

import (
	"sync"

	"beckon/clients"
	"beckon/internal/memory"
	"beckon/runs"
)

// Lease is what one call has taken of the limits: one call of the client's rate, memory, and a place among the calls of
// the gateway and of the client. The call gives its share back with release, and the run its own with releaseRun.
type Lease struct {
	Quota clients.Quota // what is left of the client's rate
	Free  int           // how many more calls the client can run, as of the last step, where that is limited

	client     *clients.Member
	memory     *memory.Reservation
	releaseRun func() // gives back the places, and the run's share of the memory; never nil
}

func noop() {}

// newLease takes nothing yet.
func newLease(budget *memory.Budget) *Lease {
	return &Lease{memory: budget.Reserve(), releaseRun: noop}
}

// takeRate takes one call of the client's rate.
func (l *Lease) takeRate(client *clients.Member) (err error) {
	l.client, l.Free = client, client.Free()
	l.Quota, err = client.TakeRate()
	return err
}

// takeSlot takes a place for a run of this process, or for one that is to be accepted into the queue. That needs none
// of the client's places: it gets one when it leaves the queue.
func (l *Lease) takeSlot(service *runs.Service, queued bool) error {
	defer func() { l.Free = l.client.Free() }() // other calls may have come while the body was read
	release, err := service.Slot(queued)
	if err != nil {
		return err
	}
	if !queued {
		if err := l.client.StartRun(); err != nil {
			release()
			return err
		}
		gateway, run := release, l.memory.Share()
		release = func() {
			l.client.EndRun()
			gateway()
			run.Release()
		}
	}
	l.releaseRun = sync.OnceFunc(release)
	return nil
}

// release gives back the call's share of the memory.
func (l *Lease) release() { l.memory.Release() }

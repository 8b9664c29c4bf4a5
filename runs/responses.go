package runs

import (
	"context"
	"errors"
	"slices"
	"time"

	"beckon/agents"
	"beckon/internal/store"
)

const (
	maxResponses = 64 // of one run or node that are kept: the last ones
	// cancelTime bounds how long providers are asked to stop what they work on for a run that ended while nobody
	// worked on it.
	cancelTime = 10 * time.Second
)

// responses are the agents.Responses of a run, or of a node.
type responses struct {
	service *Service
	active  *Active
	node    string // "" for the run of an agent; of a flow within the flow, what the ids of its nodes begin with
}

func (r *responses) Node(id string) agents.Responses {
	return &responses{r.service, r.active, r.node + id}
}

func (r *responses) List() []agents.Response { return r.active.progress.responsesOf(r.node) }

func (r *responses) Add(ctx context.Context, one agents.Response) error {
	by := agents.Answerer{Responses: r.active.progress.addResponse(r.node, one)}
	soon := time.NewTimer(callerPatience)
	defer soon.Stop()
	// Rows are inserted at the end of their transaction: in the same one the update below would not find a new run.
	r.active.journal.release()
	select {
	case <-r.active.recorded:
		if r.active.startErr != nil {
			return r.active.startErr
		}
	case <-soon.C:
		return nil // the run's end says the same
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	outcome := make(chan error, 1)
	r.active.journal.add(entry{done: func(err error) { outcome <- err },
		write: func(tx store.Tx) error { return keepAnswerer(tx, r.active.ID, r.node, by) }})
	select {
	case err := <-outcome:
		return err
	case <-soon.C:
		return nil // it is tried on; the answer need not wait for it
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *responses) GoesOn(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, errEnded) || errors.Is(cause, errInterrupted) && r.service.putsBack(r.active.progress.run)
}

func (p *progress) responsesOf(node string) []agents.Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.responses[node])
}

func (p *progress) addResponse(node string, one agents.Response) []agents.Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := append(p.responses[node], one)
	list = list[max(0, len(list)-maxResponses):]
	if p.responses == nil {
		p.responses = map[string][]agents.Response{}
	}
	p.responses[node] = list
	return slices.Clone(list)
}

// cancelResponses has providers stop what they work on for a run that has ended while nobody worked on it. It does
// not wait for them.
func (s *Service) cancelResponses(r *Run) {
	byAgent := map[string][]agents.Response{}
	if !r.IsFlow {
		byAgent[r.WorkflowID] = lastOf(r.By.Responses)
	}
	for _, n := range r.Nodes {
		if n.Status != agents.NodeCompleted {
			byAgent[n.Type] = append(byAgent[n.Type], lastOf(n.By.Responses)...)
		}
	}
	for id, list := range byAgent {
		if len(list) == 0 || s.Entry == nil {
			continue
		}
		entry := s.Entry(id)
		if entry == nil {
			continue
		}
		if canceler, ok := entry.Invoker.(agents.ResponseCanceler); ok {
			s.cancelAside(canceler, list)
		}
	}
}

// lastOf is the last of the responses: those before it have ended.
func lastOf(list []agents.Response) []agents.Response { return list[max(0, len(list)-1):] }

// cancelAside cancels responses while others work on, unless the process is ending.
func (s *Service) cancelAside(canceler agents.ResponseCanceler, list []agents.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.active.Add(1)
	go func() {
		defer s.active.Done()
		ctx, stop := context.WithTimeout(s.working, cancelTime)
		defer stop()
		for _, one := range list {
			if err := canceler.CancelResponse(ctx, one); err != nil {
				s.Log.Info("a response could not be cancelled: the provider may go on with it",
					"response", one.ID, "error", err)
			}
		}
	}()
}

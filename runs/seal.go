package runs

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/sealed"
	"beckon/internal/store"
)

// sealedRun is what a run needs of its content besides what is kept of it.
type sealedRun struct {
	Input     string          `json:"input"`
	Fence     string          `json:"fence,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Origin    json.RawMessage `json:"origin,omitempty"`
	Output    string          `json:"output,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	IsData    bool            `json:"isData,omitempty"`
}

// sealedNode is the same of a node.
type sealedNode struct {
	Output string         `json:"output"`
	IsData bool           `json:"isData,omitempty"`
	State  map[string]any `json:"state,omitempty"`
}

const placeOfRun = "run"

func placeOfNode(id string) string { return "node/" + id }

func (s *Service) box() sealed.Box { return sealed.Box{Sealer: s.Sealer} }

// seal keeps what a run needs of its content until it and its deliveries have ended.
func (s *Service) seal(tx store.Tx, r *Run) error {
	k := r.kept()
	if k.Input == r.Input && k.SessionID == r.SessionID && string(k.Metadata) == string(r.Metadata) &&
		k.Output == r.Output && string(k.Origin) == string(r.Origin) {
		return nil
	}
	return s.box().Put(tx, r.ID, placeOfRun, sealedRun{
		Input:     storable(r.Input),
		Fence:     fenceText(r.Fence),
		SessionID: r.SessionID,
		Metadata:  r.Metadata,
		Origin:    r.Origin,
		Output:    storable(r.Output),
		Reason:    storable(r.Reason),
		IsData:    r.By.IsData,
	})
}

// unseal gives a run the content back that it was sealed with. Where there is none, what is kept is all of it.
func (s *Service) unseal(tx store.Tx, r *Run) error {
	if r.Rules == nil {
		return nil
	}
	var c sealedRun
	found, err := s.box().Get(tx, r.ID, placeOfRun, &c)
	if err != nil {
		return err
	}
	r.isKept, r.texts = false, &texts{}
	if found {
		r.Input, r.SessionID, r.Metadata, r.Origin = c.Input, c.SessionID, c.Metadata, c.Origin
		r.Output, r.Reason, r.By.IsData = c.Output, c.Reason, c.IsData
		if c.Fence != "" {
			r.Fence = fenceOf(c.Fence, r.Input)
		}
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		var c sealedNode
		if found, err := s.box().Get(tx, r.ID, placeOfNode(n.ID), &c); err != nil {
			return err
		} else if found {
			n.Output, n.By.IsData, n.State = c.Output, c.IsData, c.State
		}
	}
	return nil
}

// insert writes a run that is not in the table yet.
func (s *Service) insert(tx store.Tx, r *Run, instance string) error {
	if r.Rules == nil {
		return s.storage.insert(tx, r, instance)
	}
	if !r.Status.Ended() || r.Rules.Discards && r.Erased == "" {
		if err := s.seal(tx, r); err != nil {
			return err
		}
	}
	k := *r.kept()
	k.Erased = r.Erased
	return s.storage.insert(tx, &k, instance)
}

// endNode writes what became of a node.
func (s *Service) endNode(tx store.Tx, r *Run, n agents.Node) error {
	if r.Rules != nil {
		if n.Output != "" || len(n.State) > 0 {
			if err := s.box().Put(tx, r.ID, placeOfNode(n.ID), sealedNode{
				storable(n.Output), n.By.IsData, n.State,
			}); err != nil {
				return err
			}
		}
		n = r.keptNode(n)
		n.State = nil
	}
	if err := endNode(tx, r.ID, n); err != nil {
		return err
	}
	return s.keepArtifacts(tx, r.ID, n.Artifacts)
}

// settleNew decides what becomes of the content of a run with rules that is written when it has ended already.
func (s *Service) settleNew(r *Run, list []events.Event) {
	if r.Rules.Discarding() && !s.Events.Wanted(r.subject(), append(list, createdOutline(r))...) {
		r.Erased = ErasedByClient
	}
}

// settle decides what becomes of the sealed content of a run that has ended in this transaction, with the last
// events, which wanted says somebody outside wants: it is dropped, unless deliveries need it.
func (s *Service) settle(tx store.Tx, r *Run, wanted bool) error {
	if r.Rules == nil {
		return nil
	}
	if !r.Rules.Discards {
		return sealed.Drop(tx, r.ID)
	}
	if !wanted {
		pending, err := s.Events.Pending(tx, []string{r.ID})
		if err != nil {
			return err
		}
		wanted = len(pending) > 0
	}
	switch {
	case !wanted:
		return s.discard(tx, r.ID)
	case !r.isKept:
		return s.seal(tx, r)
	}
	return nil
}

// discard drops what is sealed of a run whose client keeps no content.
func (s *Service) discard(tx store.Tx, runID string) error {
	if err := markErased(tx, runID, ErasedByClient); err != nil {
		return err
	}
	if s.Artifacts != nil {
		if err := s.Artifacts.RemoveUploadsOf(tx, runID); err != nil {
			return err
		}
	}
	if s.OnErase != nil {
		if err := s.OnErase(tx, runID, false); err != nil {
			return err
		}
	}
	return sealed.Drop(tx, runID)
}

// DeliveryEnded drops the content of a run that has ended when a delivery has that was the last to need it. It
// belongs into the transaction that ends the delivery.
func (s *Service) DeliveryEnded(tx store.Tx, runID string) error {
	// Of two deliveries that end at the same time, the second waits here until the first has committed.
	ended, err := lockEnded(tx, runID)
	if err != nil || !ended {
		return err
	}
	pending, err := s.Events.Pending(tx, []string{runID})
	if err != nil || len(pending) > 0 {
		return err
	}
	return s.discard(tx, runID)
}

const (
	sealedEvery = time.Minute
	sealedBatch = 100
)

// dropSealed drops what is sealed of runs that nobody needs: those that were deleted, or whose last delivery went
// without a trace.
func (s *Service) dropSealed(ctx context.Context) error {
	for after, n := "", sealedBatch; n == sealedBatch; {
		err := s.Store.Write(ctx, func(tx store.Tx) error {
			ids, err := sealed.Runs(tx, after, sealedBatch)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			after = ids[n-1]
			going, err := notEnded(tx, ids)
			if err != nil {
				return err
			}
			pending, err := s.Events.Pending(tx, ids)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if slices.Contains(going, id) || slices.Contains(pending, id) {
					continue
				}
				if err := s.dropOf(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) dropOf(tx store.Tx, id string) error {
	discards, err := discarding(tx, id)
	if err != nil {
		return err
	}
	if discards {
		return s.discard(tx, id)
	}
	return sealed.Drop(tx, id)
}

// View returns a run as receivers outside see it. It works also while the content is sealed.
func (s *Service) View(ctx context.Context, id string) (*Run, error) {
	r, err := s.Get(ctx, id)
	if err != nil || !r.Rules.Discarding() || r.Erased != "" {
		return r, err
	}
	if err := s.unseal(s.Store.Read(ctx), r); err != nil {
		return nil, err
	}
	view := *r.sent()
	view.Nodes = slices.Clone(r.Nodes)
	for i, n := range view.Nodes {
		view.Nodes[i] = r.sentNode(n)
	}
	return &view, nil
}

// Origin returns what the sender of a run's call reported, an events.Origin as JSON. It is nil if the run or its
// origin is not recorded.
func (s *Service) Origin(ctx context.Context, id string) ([]byte, error) {
	origin, rules, err := s.storage.origin(ctx, id)
	if err != nil || !rules.Discarding() {
		return origin, err
	}
	var c sealedRun
	_, err = s.box().Get(s.Store.Read(ctx), id, placeOfRun, &c)
	return c.Origin, err
}

// unreadable is the problem of a run whose sealed content does not open; nil where that is not what has failed.
func unreadable(err error) *problem.Error {
	if _, ok := errors.AsType[*sealed.Unreadable](err); !ok {
		return nil
	}
	return problem.New(problem.Unavailable, problem.CodeContentUnreadable,
		"What was kept of this run for its work does not open with this secrets key. "+
			"Is server.secretsKey the one that it was accepted under? Send the call again.").Because(err)
}

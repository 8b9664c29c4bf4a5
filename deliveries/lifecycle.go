package deliveries

import (
	"context"
	"fmt"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// recoverBatch bounds what one transaction sends again.
const recoverBatch = 200

// Health is what has become of an endpoint.
type Health struct {
	FailingSince   time.Time // no attempt has succeeded since; zero when the last one did
	DisabledAt     time.Time // zero unless it is disabled
	DisabledReason string    // one of the Disabled constants
}

// Health returns the state of an endpoint.
func (s *Service) Health(ctx context.Context, id string) (h Health, err error) {
	t, err := s.endpoint(id)
	if err != nil {
		return h, err
	}
	states, err := s.storage.states(ctx)
	if err != nil {
		return h, err
	}
	if since := states[id].FailingSince; since != nil {
		h.FailingSince = time.UnixMilli(*since).UTC()
	}
	if t.disabled != nil {
		h.DisabledAt, h.DisabledReason = t.disabled.At, t.disabled.Reason
	}
	return h, nil
}

// Disable has an endpoint's deliveries wait until it is enabled, for 24 hours at most.
func (s *Service) Disable(ctx context.Context, id string) error {
	if _, err := s.endpoint(id); err != nil {
		return err
	}
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		_, err := s.disableIn(tx, id, DisabledByHand, s.Now())
		return err
	})
	if err != nil {
		return err
	}
	return s.refresh(ctx)
}

// Enable sends the deliveries that have waited for an endpoint, and forgets its failures. The error is a Conflict
// if the configuration disables the endpoint.
func (s *Service) Enable(ctx context.Context, id string) error {
	t, err := s.endpoint(id)
	if err != nil {
		return err
	}
	if !t.IsEnabled() {
		return problem.New(problem.Conflict, "disabled_by_configuration",
			"The endpoint %q has enabled: false. Change that instead.", id)
	}
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		if err := deleteState(tx, id); err != nil {
			return err
		}
		return changed(tx, id)
	})
	if err != nil {
		return err
	}
	return s.refresh(ctx)
}

// changed has everybody see, and who is about to change the endpoint as well, that it is another one than it was.
func changed(tx store.Tx, id string) error { return catalog.Renew(tx, section, id) }

// Resend sends a delivery again that has ended, under the same event's id, or at once one that waits for a retry. A
// Conflict says that it cannot be sent now.
func (s *Service) Resend(ctx context.Context, id string) error {
	d, _, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if d.EndpointID != "" {
		t, err := s.endpoint(d.EndpointID)
		if err != nil {
			return problem.New(problem.Conflict, "endpoint_gone", "There is no endpoint %q any more.", d.EndpointID)
		}
		if t.disabled != nil {
			return problem.New(problem.Conflict, "endpoint_disabled",
				"The endpoint %q is disabled. Enable it first.", d.EndpointID)
		}
	}
	if d.Erased {
		return problem.New(problem.Conflict, problem.CodeContentErased,
			"There is nothing to send again: the content of the delivery's run was erased.")
	}
	return s.Store.Write(ctx, func(tx store.Tx) error {
		n, err := s.again(tx, []string{id}, ReasonResend)
		if err == nil && n == 0 {
			err = problem.New(problem.Conflict, "being_sent", "The delivery is being sent right now.")
		}
		return err
	})
}

// Recover sends everything to an endpoint again that has failed since a time, and returns how many deliveries those
// are.
func (s *Service) Recover(ctx context.Context, id string, since time.Time) (n int64, err error) {
	t, err := s.endpoint(id)
	if err != nil {
		return 0, err
	}
	if t.disabled != nil {
		return 0, problem.New(problem.Conflict, "endpoint_disabled",
			"The endpoint %q is disabled. Enable it first.", id)
	}
	until := s.Now()
	for {
		var part int64
		err := s.Store.Write(ctx, func(tx store.Tx) error {
			ids, err := s.storage.failedSince(tx, id, since, until, recoverBatch)
			if part = 0; err != nil || len(ids) == 0 {
				return err
			}
			part, err = s.again(tx, ids, ReasonRecover)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("recover the deliveries of endpoint %q: %w", id, err)
		}
		if n += part; part == 0 {
			return n, nil
		}
	}
}

// again has deliveries sent anew, with all their retries.
func (s *Service) again(tx store.Tx, ids []string, reason string) (int64, error) {
	due, err := s.storage.sendAgain(tx, ids, reason, s.Now())
	if err != nil {
		return 0, err
	}
	s.sendAfter(tx, due...)
	return int64(len(due)), nil
}

package work

import (
	"context"
	"errors"
	"fmt"
	"time"

	"beckon/internal/store"
)

const reconcileEvery = 2 * time.Second

// Claimant claims rows of one kind.
type Claimant interface {
	// Owners returns the ids of all instances that own rows.
	Owners(ctx context.Context) ([]string, error)
	// RecoverFrom lets others claim what a dead instance owns. It calls confirm in each transaction, and gives up
	// with the error that confirm returns.
	RecoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error
	// Reconcile releases the rows that this instance owns and does not hold, and gives up those that it holds and does
	// not own any more.
	Reconcile(ctx context.Context) error
}

// errAlive ends a recovery: the instance has been seen again.
var errAlive = errors.New("the instance is alive")

// Claims adds a claimant. It comes before Start.
func (i *Instance) Claims(c Claimant) { i.claimants = append(i.claimants, c) }

func (i *Instance) reconcile(ctx context.Context) error {
	for _, c := range i.claimants {
		if err := c.Reconcile(ctx); err != nil {
			return err
		}
	}
	return nil
}

// recover lets what dead instances own be claimed again. Several instances may do so at the same time.
func (i *Instance) recover(ctx context.Context) error {
	if i.store.Shared() && time.Since(i.steadySince) < deadAfter {
		return nil
	}
	dead, err := i.dead(ctx)
	if err != nil {
		return err
	}
	for _, instance := range dead {
		confirm := func(tx store.Tx) error { return i.confirmDead(tx, instance) }
		err := i.recoverFrom(ctx, instance, confirm)
		if errors.Is(err, errAlive) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recover what instance %s has left: %w", instance, err)
		}
		delete(i.unlisted, instance)
		i.log.Info("recovered what a dead process has left", "instance", instance)
	}
	return nil
}

func (i *Instance) recoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error {
	for _, c := range i.claimants {
		if err := c.RecoverFrom(ctx, instance, confirm); err != nil {
			return err
		}
	}
	return i.store.Write(ctx, func(tx store.Tx) error {
		if err := confirm(tx); err != nil {
			return err
		}
		return unlist(tx, instance)
	})
}

// dead returns the instances that are.
func (i *Instance) dead(ctx context.Context) (dead []string, err error) {
	listed, err := i.list(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{i.id: true}
	for _, l := range listed {
		if l.ID != i.id && (l.Dead || !i.store.Shared()) {
			dead = append(dead, l.ID)
		}
		known[l.ID] = true
	}
	unlisted, err := i.ownersBut(ctx, known)
	return append(dead, unlisted...), err
}

// ownersBut returns the owners of rows that are not known, and have not been for deadAfter: one that stopped in good
// order may have left a row whose end it could not write.
func (i *Instance) ownersBut(ctx context.Context, known map[string]bool) (dead []string, err error) {
	before := i.unlisted
	i.unlisted = map[string]time.Time{}
	for _, c := range i.claimants {
		owners, err := c.Owners(ctx)
		if err != nil {
			return nil, err
		}
		for _, id := range owners {
			if known[id] {
				continue
			}
			known[id] = true
			since, seen := before[id]
			if !seen {
				since = time.Now()
			}
			i.unlisted[id] = since
			if !i.store.Shared() || time.Since(since) >= deadAfter {
				dead = append(dead, id)
			}
		}
	}
	return dead, nil
}

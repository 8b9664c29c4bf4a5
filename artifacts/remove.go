package artifacts

import (
	"context"
	"errors"
	"fmt"

	"beckon/internal/store"
)

// removeBatch bounds what is removed together.
const removeBatch = 100

// unused is a file that nobody needs.
type unused struct{ ID, StorageKey string }

// Remove revokes an artifact: its links lead nowhere from now on, and its file is deleted. A NotFound says that
// there is none.
func (s *Service) Remove(ctx context.Context, id string) error {
	var one unused
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		var found bool
		if one, found, err = revoke(tx, id); err == nil && !found {
			return errNone
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.remove(ctx, []unused{one}); err != nil {
		s.Log.Warn("the file of an artifact that was removed could not be deleted; it is tried again in a minute",
			"artifact", id, "error", err)
	}
	return nil
}

// RemoveUploadsOf has the files removed that the call of a run brought. The files themselves are deleted later.
func (s *Service) RemoveUploadsOf(tx store.Tx, runID string) error { return removeUploadsOf(tx, runID) }

// RemoveUnused deletes the files of artifacts that were removed, that no run names, and that a process has left
// which died while it saved them.
func (s *Service) RemoveUnused(ctx context.Context) error {
	var failed error
	for after := ""; ; {
		list, err := s.storage.unused(ctx, after, s.Now().Add(-savingLife), removeBatch)
		if err != nil {
			return errors.Join(failed, err)
		}
		failed = errors.Join(failed, s.remove(ctx, list))
		if len(list) < removeBatch || ctx.Err() != nil {
			return failed
		}
		after = list[len(list)-1].ID
	}
}

// remove deletes files, and then their rows. A save that is still running notices that its row is gone, and deletes
// its file.
func (s *Service) remove(ctx context.Context, list []unused) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	if err := s.Store.Write(ctx, func(tx store.Tx) error { return markRemoved(tx, ids) }); err != nil {
		return err
	}
	var failed error
	gone := ids[:0]
	for _, one := range list {
		if err := s.bucket.remove(ctx, one.StorageKey); err != nil {
			failed = errors.Join(failed, fmt.Errorf("delete artifact %s: %w", one.ID, err))
			continue
		}
		gone = append(gone, one.ID)
	}
	if len(gone) == 0 {
		return failed
	}
	return errors.Join(failed, s.Store.Write(ctx, func(tx store.Tx) error { return deleteRemoved(tx, gone) }))
}

package artifacts

import (
	"context"
	"errors"
	"io"

	"beckon/agents"
	"beckon/internal/store"
)

// Upload stores a file that a call brings for the run that it asks for, before that is on record. RecordUploads or
// Discard must follow; RemoveUnused removes the file of a process that died in between.
func (s *Service) Upload(
	ctx context.Context, runID, clientID, name, mediaType string, content io.Reader,
) (agents.Artifact, error) {
	return s.save(ctx, s.bucket.forCalls, Maker{RunID: runID, ClientID: clientID}, name, mediaType, content)
}

var errUploadGone = errors.New("a file of the call was removed before its run was recorded")

// RecordUploads notes that a run has the files of its call. It belongs into the transaction that records the run.
func (s *Service) RecordUploads(tx store.Tx, runID string, list []agents.Artifact) error {
	n, err := keepSaved(tx, runID, idsOf(list))
	if err == nil && n != int64(len(list)) {
		return errUploadGone
	}
	return err
}

// Discard removes files of a call whose run was not recorded. It leaves those alone whose run turns out to be on
// record.
func (s *Service) Discard(ctx context.Context, list []agents.Artifact) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var discarded []unused
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		discarded, err = discard(tx, idsOf(list))
		return err
	})
	if err == nil {
		err = s.remove(ctx, discarded)
	}
	if err != nil {
		s.Log.Warn("the files of a call that was refused could not be removed; it is tried again later",
			"artifact", list[0].ID, "error", err)
	}
}

func idsOf(list []agents.Artifact) []string {
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = a.ID
	}
	return ids
}

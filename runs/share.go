package runs

import (
	"context"

	"beckon/internal/problem"
	"beckon/internal/store"
)

const codeNoPage = "share_not_found"

// HasSharePage reports whether a run has a page for recipients.
func (s *Service) HasSharePage(ctx context.Context, id string) (bool, error) {
	return s.storage.hasPage(ctx, id)
}

// RevokeShare permanently removes a run's page for recipients. The error is a NotFound if there is no such run, or
// if it has no page.
func (s *Service) RevokeShare(ctx context.Context, id string) error {
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if revoked, err := revokePage(tx, id); err != nil || revoked {
			return err
		}
		return problem.New(problem.NotFound, codeNoPage,
			"There is no such run, or it has no page for recipients, or that was revoked.")
	})
}

package calls

import (
	"context"
	"errors"

	"beckon/internal/catalog"
	"beckon/runs"
)

// Erased counts what Erase erased.
type Erased struct {
	Runs     int   `json:"runs" doc:"Whose content was erased now."`
	GoOn     int   `json:"running" doc:"Runs that have not ended and keep their content. Cancel them, and erase again."`
	Sessions int64 `json:"sessions" doc:"Conversations that were deleted."`
	Requests int64 `json:"requests" doc:"Kept requests that were deleted besides those of the runs."`
}

// Erase erases the content of all runs of a data subject (see runs.Service.Erase), its conversations, its kept
// requests and its refused calls. Calling it again is no error, and continues what an earlier call could not finish.
// If it fails, Erased counts what was erased until then.
func (s *Service) Erase(ctx context.Context, d runs.DataSubject) (e Erased, err error) {
	if err := d.Check(); err != nil {
		return e, err
	}
	err = s.Runs.EachOf(ctx, d, func(list []*runs.Run) error {
		erased, running, err := s.Runs.EraseAll(ctx, list)
		e.Runs, e.GoOn = e.Runs+erased, e.GoOn+running
		return err
	})
	switch {
	case err != nil:
		return e, err
	case d.ClientID == "":
		e.Requests, err = s.Kept.EraseByVisitor(ctx, d.Visitor)
		return e, err
	}
	if e.Requests, err = s.Kept.EraseClient(ctx, d.ClientID); err != nil {
		return e, err
	}
	if s.Sessions != nil {
		if e.Sessions, err = s.Sessions.EraseClient(ctx, d.ClientID); err != nil {
			return e, err
		}
	}
	return e, s.Runs.Store.EraseRefused(ctx, d.ClientID)
}

// VisitorName stands for a visitor in the audit list, which must not keep the address.
const VisitorName = "visitor"

// EraseNoted calls Erase, and adds an entry to the audit list. It does not stop if ctx is canceled.
func (s *Service) EraseNoted(
	ctx context.Context, editor *catalog.Editor, who string, d runs.DataSubject,
) (Erased, error) {
	if err := d.Check(); err != nil {
		return Erased{}, err
	}
	ctx = context.WithoutCancel(ctx)
	erased, err := s.Erase(ctx, d)
	section, id := "clients", d.ClientID
	if id == "" {
		section, id = "visitors", VisitorName
	}
	return erased, errors.Join(err, editor.Note(ctx, who, "erase", section, id, erased))
}

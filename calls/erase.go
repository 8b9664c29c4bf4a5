package calls

import (
	"context"
	"errors"

	"beckon/internal/catalog"
	"beckon/runs"
)

// Erased says how much was erased of a data subject.
type Erased struct {
	Runs     int   `json:"runs" doc:"Whose content was erased now."`
	GoOn     int   `json:"running" doc:"Runs that have not ended and keep their content. Cancel them, and erase again."`
	Sessions int64 `json:"sessions" doc:"Conversations that were deleted."`
	Requests int64 `json:"requests" doc:"Kept requests that were deleted besides those of the runs."`
}

// Erase erases for good what is on record of a data subject, as runs.Service.Erase does of each run, and its conversations, kept requests
// and refused calls. To erase twice is no error: what was begun and broke off is continued. Where it fails, Erased says how far it came.
func (s *Service) Erase(ctx context.Context, d runs.DataSubject) (e Erased, err error) {
	if err := d.Check(); err != nil {
		return e, err
	}
	err = s.Runs.EachOf(ctx, d, func(list []*runs.Run) error {
		erased, goOn, err := s.Runs.EraseAll(ctx, list)
		e.Runs, e.GoOn = e.Runs+erased, e.GoOn+goOn
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

// VisitorName stands for a visitor in the list of changes, which is not to keep the address.
const VisitorName = "visitor"

// EraseNoted is Erase with an entry in the list of changes. It goes on when its caller leaves.
func (s *Service) EraseNoted(ctx context.Context, editor *catalog.Editor, who string, d runs.DataSubject) (Erased, error) {
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

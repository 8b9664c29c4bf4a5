package web

import (
	"context"
	"time"
)

// savedMeanwhile is what somebody else saved while a form was open, compared with what the form has.
type savedMeanwhile struct {
	Who  string // empty where nobody knows
	At   time.Time
	Rows []difference // Before is what is saved, After what was typed
	More int          // differences that are not listed
}

// compareWithSaved finds how a resource that was typed differs from the saved one. Secrets are masked.
func (p nounPages[T, F]) compareWithSaved(ctx context.Context, item T) (*savedMeanwhile, error) {
	section := p.resources()
	record, err := section.Get(ctx, item.Key())
	if err != nil {
		return nil, err
	}
	saved, typed, err := section.Documents(record.Item, section.Revised(record.Item, item))
	if err != nil {
		return nil, err
	}
	found := &savedMeanwhile{}
	found.Rows, found.More = compare(saved, typed)
	activity, err := p.web.activityOf(ctx, p.form, item.Key())
	if err == nil && len(activity.Changes) > 0 {
		found.Who, found.At = activity.Changes[0].Who, activity.Changes[0].At
	}
	return found, err
}

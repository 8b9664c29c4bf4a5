package runs

import (
	"context"
	"encoding/json"
	"net/mail"
	"slices"
	"strings"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// DataSubject is whose data is exported or erased: that of a client, or that which a visitor has sent with forms of
// any client. One of its fields is set.
type DataSubject struct {
	ClientID string
	Visitor  string // the mail address that is in a field of the form
}

// Check returns an Invalid where it is not clear whose data is meant.
func (d DataSubject) Check() error {
	if d.ClientID != "" {
		return nil
	}
	if a, err := mail.ParseAddress(d.Visitor); err != nil || a.Address != d.Visitor {
		p := problem.New(problem.Invalid, problem.CodeInvalidParameter,
			"The visitor must be a mail address such as ada@example.com.")
		p.Fields.Add("address", "must be a mail address such as ada@example.com")
		return p
	}
	return nil
}

// eraseTogether bounds the runs whose content one transaction erases.
const eraseTogether = 20

// EachOf calls each with all runs of a data subject, without their nodes, in groups, the newest first.
func (s *Service) EachOf(ctx context.Context, d DataSubject, each func(list []*Run) error) error {
	if d.ClientID != "" {
		return s.eachOf(ctx, Query{ClientID: d.ClientID}, each)
	}
	for _, source := range []string{SourceForm, SourcePage} { // an administrator may have replayed a form on the page
		err := s.eachOf(ctx, Query{source: source}, func(list []*Run) error {
			return each(slices.DeleteFunc(list, func(r *Run) bool { return !r.names(d.Visitor) }))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) eachOf(ctx context.Context, q Query, each func(list []*Run) error) error {
	for q.Limit = MaxPage; ; {
		list, next, err := s.List(ctx, q)
		if err != nil {
			return err
		}
		if err := each(list); err != nil {
			return err
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// names reports whether a field of the run's form is the mail address.
func (r *Run) names(address string) bool {
	var metadata struct {
		Form map[string]any `json:"form"`
	}
	var origin events.Origin
	// What cannot be read names nobody.
	_ = json.Unmarshal(r.Metadata, &metadata)
	_ = json.Unmarshal(r.Origin, &origin)
	is := func(value any) bool {
		text, ok := value.(string)
		return ok && strings.EqualFold(strings.TrimSpace(text), address)
	}
	for _, value := range metadata.Form {
		if list, ok := value.([]any); ok && slices.ContainsFunc(list, is) || is(value) {
			return true
		}
	}
	for _, value := range origin.Labels {
		if is(value) {
			return true
		}
	}
	return is(origin.ReplyTo)
}

// EraseAll calls Erase for several runs. It skips runs whose content is erased already, and counts in goOn the runs
// that have not ended, because they still need their content. If it fails, erased counts what was erased until
// then.
func (s *Service) EraseAll(ctx context.Context, list []*Run) (erased, goOn int, err error) {
	list = slices.DeleteFunc(slices.Clone(list), func(r *Run) bool { return r.Erased == ErasedByAdmin })
	for part := range slices.Chunk(list, eraseTogether) {
		var done, left int
		err := s.Store.Write(ctx, func(tx store.Tx) error {
			done, left = 0, 0
			return tx.Scrub(func() error {
				for _, r := range part {
					ended, err := lockEnded(tx, r.ID)
					switch {
					case err != nil:
						return err
					case !ended:
						left++
						continue
					}
					if err := s.erase(tx, r.ID); err != nil {
						return err
					}
					done++
				}
				return nil
			})
		})
		if err != nil {
			return erased, goOn, err
		}
		erased, goOn = erased+done, goOn+left
	}
	return erased, goOn, nil
}

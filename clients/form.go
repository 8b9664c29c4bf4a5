package clients

import (
	"context"
	"slices"
	"time"

	"beckon/calls/forms"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// IsForm reports whether the client's callers are visitors of a web page, who send its form.
func (c Client) IsForm() bool { return c.Source == forms.Source }

// formKeys returns the keys of the client's form that may be good.
func (c Client) formKeys() (list []string) {
	if !c.IsForm() {
		return nil
	}
	if c.Form.Key != "" {
		list = append(list, c.Form.Key)
	}
	for _, old := range c.Form.OldKeys {
		list = append(list, old.Key)
	}
	return list
}

// withFormKey returns the client with the key that its form has, or a new one. A kept secret goes that it needs no
// longer.
func (c Client) withFormKey(have forms.Form) Client {
	if c.Form.Secret == have.Secret && (!c.IsForm() || !c.Form.NeedsSecret()) {
		c.Form.Secret = ""
	}
	if !c.IsForm() {
		return c
	}
	c.Form.OldKeys = have.OldKeys
	switch {
	case c.Form.Key == "" && have.Key != "":
		c.Form.Key = have.Key
	case c.Form.Key == "":
		c.Form.Key = forms.NewKey()
	}
	return c
}

// SetFormKeys gives keys to the forms that have none: those of the configuration file. Where keyOf returns no key,
// the form has no address. It must be called before the Set is used.
func (s *Set) SetFormKeys(keyOf func(clientID string) string) {
	for id, m := range s.byID {
		if !m.IsForm() || m.Form.Key != "" {
			continue
		}
		if key := keyOf(id); key != "" && s.byForm[key] == nil {
			m.Form.Key, s.byForm[key] = key, m
		}
	}
}

// ByFormKey returns the client whose form has this key, or nil.
func (s *Set) ByFormKey(key string, now time.Time) *Member {
	m := s.byForm[key]
	if m == nil || !m.Form.HasKey(key, now) {
		return nil
	}
	return m
}

// TakeForm counts a form that an address sends. An Exhausted problem says when it may send the next one.
func (m *Member) TakeForm(address string, now time.Time) error {
	rate := m.Form.Rate()
	if wait := m.addresses.Take(address, rate, now); wait > 0 {
		return problem.New(problem.Exhausted, problem.CodeRateLimitExceeded,
			"This address may send %d forms in %s (perAddress), and has sent them.",
			rate.Requests, rate.Per).After(wait)
	}
	return nil
}

// sharedFormKey finds another client of a view whose form has the same key.
func sharedFormKey(v *catalog.View, c Client) (found problem.Fields) {
	for _, other := range catalog.All[Client](v) {
		if c.IsForm() && c.Form.Key != "" && other.ID != c.ID && slices.Contains(other.formKeys(), c.Form.Key) {
			found.Add("form.key", "is also the key of client %q; every form needs one of its own", other.ID)
		}
	}
	return found
}

// RotateFormKey gives a client of the database another key for its form and returns it. The one before stays good
// for overlap.
func RotateFormKey(
	ctx context.Context, all catalog.Section[Client], who, id string, overlap time.Duration,
) (key string, err error) {
	if err := checkOverlap(overlap); err != nil {
		return "", err
	}
	key = forms.NewKey()
	err = all.Act(ctx, who, "rotate-form-key", id, nil, func(tx store.Tx) error {
		return all.Change(tx, id, func(c *Client) error {
			if !c.IsForm() {
				return problem.New(problem.Conflict, problem.CodeFormNotFound,
					"The client %q has no form: set its source to form first.", id)
			}
			c.Form = c.Form.WithKey(key, overlap, time.Now())
			return nil
		})
	})
	return key, err
}

package senders

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Set is the list of senders that a gateway knows.
type Set []*Sender

// Source returns the source of that name, or nil.
func (s Set) Source(name string) *Sender {
	return s.find(func(one *Sender) bool { return one.Name == name && one.Event != nil })
}

// Scheme returns the scheme of that name, or nil.
func (s Set) Scheme(name string) *Sender {
	return s.find(func(one *Sender) bool { return one.Name == name && (one.Verify != nil || one.Token != nil) })
}

func (s Set) find(is func(*Sender) bool) *Sender {
	if i := slices.IndexFunc(s, is); i >= 0 {
		return s[i]
	}
	return nil
}

// Sources returns the names of the sources, in order.
func (s Set) Sources() []string {
	return s.names(func(one *Sender) bool { return one.Event != nil })
}

// Schemes returns the names of the schemes, in order.
func (s Set) Schemes() []string {
	return s.names(func(one *Sender) bool { return one.Verify != nil || one.Token != nil })
}

func (s Set) names(is func(*Sender) bool) []string {
	var names []string
	for _, one := range s {
		if is(one) {
			names = append(names, one.Name)
		}
	}
	slices.Sort(names)
	return names
}

// CheckProof returns what is wrong with one entry of a client's auth, or nil.
func (s Set) CheckProof(p Proof) error {
	one := s.Scheme(p.Scheme)
	switch {
	case one == nil:
		return Refuse("scheme %q is unknown; there are %s", p.Scheme, strings.Join(s.Schemes(), ", "))
	case one.Verify != nil && !one.Keyless && (len(p.Secrets) == 0 || slices.Contains(p.Secrets, "")):
		return Refuse("scheme %s needs the secret that the sender signs with", p.Scheme)
	case one.Check != nil:
		return one.Check(p)
	}
	return nil
}

// Prove returns what the first proof that holds has proved. All are tried, whether one held or not. isToken reports
// whether a text is the client's token. The Refusal is for the administrator: it says why each proof that the
// delivery tried did not hold.
func (s Set) Prove(
	ctx context.Context, proofs []Proof, d Delivery, now time.Time, isToken func(string) bool,
) (Proved, error) {
	var proved *Proved
	var tried, reasons []string
	for _, p := range proofs {
		one := s.Scheme(p.Scheme)
		if one == nil {
			continue
		}
		got, err := one.prove(ctx, p, d, now, isToken)
		if err == nil && proved == nil {
			got.Scheme = p.Scheme
			proved = &got
		}
		if err != nil && one.Shows(p, d) {
			tried, reasons = append(tried, p.Scheme), append(reasons, err.Error())
		}
	}
	switch {
	case proved != nil:
		return *proved, nil
	case len(tried) > 0:
		return Proved{}, Refuse("%s", strings.Join(reasons, " "))
	}
	return Proved{}, s.otherProof(proofs, d)
}

func (s *Sender) prove(
	ctx context.Context, p Proof, d Delivery, now time.Time, isToken func(string) bool,
) (Proved, error) {
	if s.Token == nil {
		return s.Verify(ctx, p, d, now)
	}
	token, err := s.Token(p, d)
	// The client is asked in any case, which takes its time.
	if good := isToken(token); err == nil && (!good || token == "") {
		err = RefuseToken("token")
	}
	return Proved{}, err
}

// otherProof says what the delivery tries although the client does not take it.
func (s Set) otherProof(taken []Proof, d Delivery) error {
	names := make([]string, len(taken))
	for i, p := range taken {
		names[i] = p.Scheme
	}
	for _, one := range s {
		if one.Shows != nil && !slices.Contains(names, one.Name) && one.Shows(Proof{Scheme: one.Name}, d) {
			return Refuse("The call proves itself with %s; this client takes %s.", one.Name, strings.Join(names, ", "))
		}
	}
	return Refuse("The call has no proof; this client takes %s.", strings.Join(names, ", "))
}

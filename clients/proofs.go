package clients

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

// Proofs are the ways in which the callers of a Set may authenticate. A call to any id is verified once in each
// way: with the client's secrets in the ways that the client uses, and with random secrets in the others. So a
// refusal takes the same time whether or not the client exists.
type Proofs struct {
	ways   []senders.Proof // one for each Key, with as many secrets as the client that has the most
	shown  map[string]bool // the headers, in canonical form, that administrators have chosen for proofs
	inBody bool            // there is a way that needs the body
}

// newProofs returns the ways of these clients, and completes those of each.
func newProofs(members map[string]*Member) (p Proofs) {
	p.shown = map[string]bool{}
	most := map[string]int{}
	for _, m := range members {
		m.proofs = m.Client.Proofs()
		for _, one := range m.proofs {
			key := one.Key()
			if _, known := most[key]; !known {
				p.ways = append(p.ways, one)
			}
			most[key] = max(most[key], len(one.Secrets))
			if header, _ := one.Shown(); header != "" {
				p.shown[http.CanonicalHeaderKey(header)] = true
			}
			p.inBody = p.inBody || isSigned(one)
		}
	}
	slices.SortFunc(p.ways, func(a, b senders.Proof) int { return strings.Compare(a.Key(), b.Key()) })
	for i, way := range p.ways {
		p.ways[i].Secrets = decoys(most[way.Key()])
	}
	for _, m := range members {
		own := map[string]bool{}
		for i, one := range m.proofs {
			own[one.Key()] = true
			m.proofs[i].Secrets = slices.Concat(one.Secrets, decoys(most[one.Key()]-len(one.Secrets)))
		}
		m.decoys = slices.DeleteFunc(slices.Clone(p.ways), func(way senders.Proof) bool { return own[way.Key()] })
	}
	return p
}

func isSigned(p senders.Proof) bool {
	scheme := known.Scheme(p.Scheme)
	return scheme != nil && scheme.Verify != nil && p.Scheme != "oidc"
}

// decoys returns secrets that nobody has, in a form that every scheme can read.
func decoys(n int) []secret.String {
	list := make([]secret.String, max(n, 0))
	for i := range list {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		list[i] = secret.String("whsec_" + base64.StdEncoding.EncodeToString(raw))
	}
	return list
}

// Of returns how the callers of an id prove themselves, and what else has to be tried where none of that holds. m
// is nil for an id that no client has.
func (p Proofs) Of(m *Member) (own, decoys []senders.Proof) {
	if m == nil {
		return nil, p.ways
	}
	return m.proofs, m.decoys
}

// NeedBody reports whether a delivery shows a signature that some client's callers sign with, so that its body has
// to be read first.
func (p Proofs) NeedBody(d senders.Delivery) bool {
	return p.inBody && slices.ContainsFunc(p.ways, func(way senders.Proof) bool {
		return isSigned(way) && known.Scheme(way.Scheme).Shows(way, d)
	})
}

// Show reports whether a delivery tries to prove something.
func (p Proofs) Show(d senders.Delivery) bool {
	return d.Header.Get("Authorization") != "" || slices.ContainsFunc(p.ways, func(way senders.Proof) bool {
		scheme := known.Scheme(way.Scheme)
		return scheme != nil && scheme.Shows(way, d)
	})
}

// IsHeader reports whether an administrator has chosen that header for a proof: its value belongs into no record.
func (p Proofs) IsHeader(name string) bool { return p.shown[http.CanonicalHeaderKey(name)] }

// Hides reports whether a header proves who the client's caller is, and HidesQuery the same of a parameter.
func (m *Member) Hides(header string) bool {
	return slices.ContainsFunc(m.proofs, func(p senders.Proof) bool {
		name, _ := p.Shown()
		return name != "" && strings.EqualFold(name, header)
	})
}

// HidesQuery reports whether a query parameter proves who the client's caller is.
func (m *Member) HidesQuery(name string) bool {
	return slices.ContainsFunc(m.proofs, func(p senders.Proof) bool {
		_, parameter := p.Shown()
		return parameter != "" && parameter == name
	})
}

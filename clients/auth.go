package clients

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// The values of Client.Respond.
const (
	RespondSync  = "sync"
	RespondAsync = "async"
)

// known are the senders that a client's source and auth can name. It verifies nothing, and has no way out.
var known = all.Senders(nil, nil)

// Sources returns the names of the sources that a client can have.
func Sources() []string { return known.Sources() }

// Source returns the sender with that name, or nil.
func Source(name string) *senders.Sender { return known.Source(name) }

// Schemes returns the names of the schemes that a client's auth can have.
func Schemes() []string { return known.Schemes() }

// Scheme returns the scheme of authentication with that name, or nil.
func Scheme(name string) *senders.Sender { return known.Scheme(name) }

// Senders returns the sources of a group, in the order in which they are listed for people.
func Senders(group senders.Group) (list []*senders.Sender) {
	for _, one := range known {
		if one.Group == group && one.Event != nil {
			list = append(list, one)
		}
	}
	return list
}

// NewSigningSecret makes a secret for a sender that takes any text: 32 random bytes in hexadecimal.
func NewSigningSecret() secret.String {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return secret.String(hex.EncodeToString(raw))
}

// Auth is one way in which a caller may prove itself. In files and JSON one that has only a scheme may be written
// as that.
type Auth struct {
	Scheme string  `json:"scheme" yaml:"scheme"`
	Secret Secrets `json:"secret,omitempty" yaml:"secret,omitempty"`
	// of the header or parameter: schemes header and query
	Name            string            `json:"name,omitempty" yaml:"name,omitempty"`
	Header          string            `json:"header,omitempty" yaml:"header,omitempty"`
	Prefix          string            `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	Algorithm       string            `json:"algorithm,omitempty" yaml:"algorithm,omitempty"`
	Encoding        string            `json:"encoding,omitempty" yaml:"encoding,omitempty"`
	Content         string            `json:"content,omitempty" yaml:"content,omitempty"`
	TimestampHeader string            `json:"timestampHeader,omitempty" yaml:"timestampHeader,omitempty"`
	IDHeader        string            `json:"idHeader,omitempty" yaml:"idHeader,omitempty"`
	Tolerance       units.Duration    `json:"tolerance,omitempty" yaml:"tolerance,omitempty"`
	TopicARN        string            `json:"topicArn,omitempty" yaml:"topicArn,omitempty"`
	Issuer          string            `json:"issuer,omitempty" yaml:"issuer,omitempty"`
	Audience        string            `json:"audience,omitempty" yaml:"audience,omitempty"`
	Claims          map[string]string `json:"claims,omitempty" yaml:"claims,omitempty"`
}

// ShortText says that a file may have the scheme alone.
func (a *Auth) ShortText() *string { return &a.Scheme }

// UnmarshalJSONFrom reads the name of a scheme, or an object.
func (a *Auth) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		*a = Auth{}
		return json.UnmarshalDecode(in, &a.Scheme)
	}
	type plain Auth
	return json.UnmarshalDecode(in, (*plain)(a))
}

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (a *Auth) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, a, json.RejectUnknownMembers(true))
}

// MarshalYAML writes one that has only a scheme as that.
func (a Auth) MarshalYAML() (any, error) {
	if a.proof().Key() == (senders.Proof{Scheme: a.Scheme}).Key() && len(a.Secret) == 0 && len(a.Claims) == 0 {
		return a.Scheme, nil
	}
	type plain Auth
	return plain(a), nil
}

// proof is a as package senders takes it.
func (a Auth) proof() senders.Proof {
	return senders.Proof{
		Scheme: a.Scheme, Secrets: a.Secret, Name: a.Name,
		Header: a.Header, Prefix: a.Prefix, Algorithm: a.Algorithm, Encoding: a.Encoding, Content: a.Content,
		TimestampHeader: a.TimestampHeader, IDHeader: a.IDHeader, Tolerance: time.Duration(a.Tolerance),
		TopicARN: a.TopicARN, Issuer: a.Issuer, Audience: a.Audience, Claims: a.Claims,
	}
}

// Secrets are one secret or several that are good at once, the newest first.
type Secrets []secret.String

// UnmarshalJSONFrom reads a text or a list of them.
func (s *Secrets) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		*s = make(Secrets, 1)
		return json.UnmarshalDecode(in, &(*s)[0])
	}
	return json.UnmarshalDecode(in, (*[]secret.String)(s))
}

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (s *Secrets) UnmarshalJSON(text []byte) error {
	return s.UnmarshalJSONFrom(jsontext.NewDecoder(bytes.NewReader(text)))
}

// MarshalYAML writes one as a text.
func (s Secrets) MarshalYAML() (any, error) {
	if len(s) == 1 {
		return s[0], nil
	}
	return []secret.String(s), nil
}

// revised returns what kept secrets become when a change gives wanted for them: none leaves them as they are, and
// the nth ••• of a list stands for the nth of them.
func (s Secrets) revised(wanted Secrets) Secrets {
	if len(wanted) == 0 || len(wanted) == 1 && wanted[0] == "" {
		return s
	}
	if wanted[0] == secret.Removed {
		return nil
	}
	wanted, masks := slices.Clone(wanted), 0
	for i := range wanted {
		if wanted[i] == secret.Mask && masks < len(s) {
			wanted[i] = s[masks]
			masks++
		}
	}
	return wanted
}

// keepSecrets puts in the secrets of have that a change leaves as they are. A secret stays with its scheme.
func (c *Client) keepSecrets(have Client) {
	if c.Source == have.Source {
		c.Secret = have.Secret.revised(c.Secret)
	} else if slices.Equal(c.Secret, Secrets{secret.Removed}) {
		c.Secret = nil
	}
	kept := map[string][]Secrets{}
	for _, a := range have.Auth {
		kept[a.Scheme] = append(kept[a.Scheme], a.Secret)
	}
	c.Auth = slices.Clone(c.Auth)
	for i, a := range c.Auth {
		if of := kept[a.Scheme]; len(of) > 0 {
			c.Auth[i].Secret, kept[a.Scheme] = of[0].revised(a.Secret), of[1:]
		}
	}
}

// signingSecrets are the secrets of all its proofs, by their paths.
func (c Client) signingSecrets(do func(path string, s secret.String)) {
	for i, s := range c.Secret {
		do(fmt.Sprintf("secret[%d]", i), s)
	}
	for i, a := range c.Auth {
		for k, s := range a.Secret {
			do(fmt.Sprintf("auth[%d].secret[%d]", i, k), s)
		}
	}
}

// Proofs returns the ways in which the client's callers may authenticate: those in auth, and the signature of its
// source if the client has a secret for it. Without any of them, it is the bearer token.
func (c Client) Proofs() []senders.Proof {
	var list []senders.Proof
	for _, a := range c.Auth {
		list = append(list, a.proof())
	}
	if len(c.Secret) > 0 {
		list = append(list, senders.Proof{Scheme: c.Source, Secrets: c.Secret})
	}
	if len(list) == 0 {
		list = append(list, senders.Proof{Scheme: "bearer"})
	}
	return list
}

// NeedsToken reports whether one of the proofs is the client's token. Visitors of a form have none.
func (c Client) NeedsToken() bool {
	if c.IsForm() && len(c.Auth) == 0 {
		return false
	}
	return slices.ContainsFunc(c.Proofs(), func(p senders.Proof) bool {
		scheme := known.Scheme(p.Scheme)
		return scheme != nil && scheme.Token != nil
	})
}

// callsItselfOnly reports whether nobody has to call the client but its schedule.
func (c Client) callsItselfOnly() bool { return c.Schedule != "" && len(c.Auth) == 0 && !c.HasSource() }

// SignsURL reports whether one of the proofs covers the URL of the call, so that server.publicURL has to be right.
func (c Client) SignsURL() bool {
	return slices.ContainsFunc(c.Proofs(), func(p senders.Proof) bool {
		scheme := known.Scheme(p.Scheme)
		return scheme != nil && scheme.SignsURL
	})
}

// HasSource reports whether the client's caller is a system that Beckon knows.
func (c Client) HasSource() bool { return c.Source != "" && c.Source != "generic" }

// TakesRequest reports whether the prompt comes from the request. With a source it does, unless something else is said.
func (c Client) TakesRequest() bool {
	return c.Passthrough || c.HasSource() && c.CommandID == "" && strings.TrimSpace(c.Prompt) == ""
}

// RespondsAsync reports whether calls are answered before their runs end: as the client says, or as its source is
// used to it.
func (c Client) RespondsAsync() bool {
	source := known.Source(c.Source)
	return c.Respond == RespondAsync || c.coalescing() != nil || c.Respond == "" && source != nil && source.Async
}

// checkCaller finds what is wrong with how callers prove themselves and are answered.
func (c Client) checkCaller() (found problem.Fields) {
	if c.Source != "" && known.Source(c.Source) == nil {
		found.Add("source", "%q is unknown; there are %s", c.Source, strings.Join(known.Sources(), ", "))
	} else if len(c.Secret) > 0 && known.Scheme(c.Source) == nil {
		found.Add("secret",
			"is for sources that sign their calls, and this one does not. Use auth, such as auth: [basic] or "+
				"auth: [{scheme: hmac, secret: …, header: X-Signature}]")
	} else if len(c.Secret) > 0 {
		checkProof(&found, "secret", senders.Proof{Scheme: c.Source, Secrets: c.Secret})
	}
	for i, a := range c.Auth {
		checkProof(&found, fmt.Sprintf("auth[%d]", i), a.proof())
	}
	switch {
	case c.IsForm():
		found.Under("form", c.Form.Check())
	case !c.Form.IsZero():
		found.Add("form", "is for clients with source: form")
	}
	if c.Respond != "" && c.Respond != RespondSync && c.Respond != RespondAsync {
		found.Add("respond", "must be sync or async")
	}
	return found
}

func checkProof(found *problem.Fields, path string, p senders.Proof) {
	err := known.CheckProof(p)
	if refusal, ok := errors.AsType[senders.Refusal](err); ok {
		found.Add(path, "%s", refusal)
	}
}

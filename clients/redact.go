package clients

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/internal/redact"
)

// Redact says what is redacted in the content of a client's runs before it is stored or sent. In YAML and JSON, a
// list of kinds may be used in place of the object.
type Redact struct {
	Kinds    []string `json:"kinds,omitempty" yaml:"kinds,omitempty"`
	Patterns []string `json:"patterns,omitempty" yaml:"patterns,omitempty"` // RE2
	Model    bool     `json:"model,omitempty" yaml:"model,omitempty"`       // what models see is blacked out too
}

// ShortList says that a file may have the kinds alone.
func (r *Redact) ShortList() *[]string { return &r.Kinds }

// UnmarshalJSONFrom reads a list of kinds, or an object.
func (r *Redact) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '[' {
		*r = Redact{}
		return json.UnmarshalDecode(in, &r.Kinds)
	}
	type plain Redact
	return json.UnmarshalDecode(in, (*plain)(r))
}

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (r *Redact) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, r, json.RejectUnknownMembers(true))
}

// MarshalYAML writes one that has kinds only as their list.
func (r Redact) MarshalYAML() (any, error) {
	if len(r.Patterns) == 0 && !r.Model {
		return r.Kinds, nil
	}
	type plain Redact
	return plain(r), nil
}

func (r *Redact) check(found *problem.Fields) {
	seen := map[string]bool{}
	for i, kind := range r.Kinds {
		path := fmt.Sprintf("redact.kinds[%d]", i)
		switch err := redact.CheckKind(kind); {
		case err != nil:
			found.Add(path, "%q %v", problem.Shorten(kind), err)
		case seen[kind]:
			found.Add(path, "%q is there twice", kind)
		}
		seen[kind] = true
	}
	if err := redact.TooManyPatterns(len(r.Patterns)); err != nil {
		found.Add("redact.patterns", "%v", err)
		return
	}
	for i, pattern := range r.Patterns {
		if err := redact.CheckPattern(pattern); err != nil {
			found.Add(fmt.Sprintf("redact.patterns[%d]", i), "%v", err)
		}
	}
	if len(r.Kinds)+len(r.Patterns) == 0 {
		found.Add("redact",
			"blacks nothing out: give kinds (%s) or patterns, or leave it out", strings.Join(redact.Kinds(), ", "))
	}
}

// StoresContent reports whether input and output of the client's runs are kept.
func (c Client) StoresContent() bool { return c.StoreContent == nil || *c.StoreContent }

// checkContent finds what is wrong with how the content of the client's runs is treated.
func (c Client) checkContent(found *problem.Fields) {
	if c.Redact != nil {
		c.Redact.check(found)
	}
	switch {
	case c.KeepRequests < 0 || c.KeepRequests > MaxKeptRequests:
		found.Add("keepRequests", "must be from 0 to %d", MaxKeptRequests)
	case c.KeepRequests > 0 && (c.Redact != nil || !c.StoresContent()):
		found.Add("keepRequests",
			"cannot be used with redact or storeContent: false, since requests are kept as they came")
	}
	if !c.StoresContent() && c.Share {
		found.Add("share",
			"is for clients whose content is kept: with storeContent: false there is nothing for a page to show")
	}
}

// content is how the content of the client's runs is treated; nil keeps it as it is. Check reports what is wrong
// with it.
func (c Client) content() *redact.Rules {
	given := c.Redact
	if given == nil {
		given = &Redact{}
	}
	rules, err := redact.New(slices.Clone(given.Kinds), slices.Clone(given.Patterns), given.Model, !c.StoresContent())
	if err != nil {
		return redact.Strictest()
	}
	return rules
}

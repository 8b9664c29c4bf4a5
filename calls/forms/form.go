// Package forms has the rules of forms on web pages: which origins may send one, what its fields may hold, how often an
// address may send it, how it proves that no program fills it in, and what its visitor is told, in their language.
//
// A form is public: its key stands in the page. All that a visitor sends is data, and no function here trusts it.
//
// Addresses has a lock of its own. Challenges keeps what was used in the database, so that a solution is good once
// over all replicas, also after a restart.
package forms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// Source is the source of clients that are forms.
const Source = "form"

// The values of Form.Show.
const (
	ShowNothing = "nothing"
	ShowAnswer  = "answer"
)

// Form is what a client has whose callers are visitors of a web page.
type Form struct {
	// of its public address; made unless it is given
	Key     string   `json:"key,omitempty" yaml:"key,omitempty"`
	Origins []string `json:"origins,omitempty" yaml:"origins,omitempty"`
	// where a plain form goes on; empty is a page of thanks
	Redirect string `json:"redirect,omitempty" yaml:"redirect,omitempty"`
	// empty takes any field
	Fields map[string]Field `json:"fields,omitempty" yaml:"fields,omitempty"`
	// a field that people do not see
	Honeypot string `json:"honeypot,omitempty" yaml:"honeypot,omitempty"`
	PerAddr  *Rate  `json:"perAddress,omitempty" yaml:"perAddress,omitempty"`
	// altcha, turnstile, hcaptcha
	Challenge string `json:"challenge,omitempty" yaml:"challenge,omitempty"`
	// of turnstile and hcaptcha; public
	SiteKey string `json:"siteKey,omitempty" yaml:"siteKey,omitempty"`
	// of turnstile and hcaptcha
	Secret secret.String `json:"secret,omitempty" yaml:"secret,omitempty"`
	// nothing, answer; empty is nothing
	Show string `json:"show,omitempty" yaml:"show,omitempty"`
	// of its pages; empty is the visitor's
	Language string  `json:"language,omitempty" yaml:"language,omitempty"`
	Thanks   *Thanks `json:"thanks,omitempty" yaml:"thanks,omitempty"`
	// that another one has replaced
	OldKeys []OldKey `json:"oldKeys,omitempty" yaml:"-"`
}

// Rate is how many forms one address may send.
type Rate struct {
	Requests int            `json:"requests" yaml:"requests"`
	Per      units.Duration `json:"per" yaml:"per"`
}

// Thanks are the words of the page of thanks, in place of those of the visitor's language.
type Thanks struct {
	Title string `json:"title,omitempty" yaml:"title,omitempty"`
	Text  string `json:"text,omitempty" yaml:"text,omitempty"`
}

// OldKey is a key that stays good until a time.
type OldKey struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

// DefaultRate is how many forms one address may send where the form says nothing.
var DefaultRate = Rate{Requests: 30, Per: units.Duration(time.Minute)}

// maxDeclared limits the fields that a form declares, and maxThanks the bytes of each of its words of thanks.
const (
	maxDeclared = 100
	maxThanks   = 2000
)

// isLanguage reports whether a name is that of a language in which the pages of forms are written.
func isLanguage(name string) bool {
	_, err := language.Parse(name)
	return err == nil && slices.Contains(Languages(), name)
}

// IsZero reports whether a client has no form.
func (f Form) IsZero() bool {
	return f.Key == "" && len(f.Origins) == 0 && f.Redirect == "" && len(f.Fields) == 0 &&
		f.Honeypot == "" && f.PerAddr == nil && f.Challenge == "" && f.SiteKey == "" && f.Secret == "" &&
		f.Show == "" && f.Language == "" && f.Thanks == nil
}

// TakesFiles reports whether visitors may send files with the form.
func (f Form) TakesFiles() bool {
	for _, field := range f.Fields {
		if field.Type == File {
			return true
		}
	}
	return len(f.Fields) == 0
}

// TakesFile reports whether a field of the form may be a file.
func (f Form) TakesFile(field string) bool {
	return len(f.Fields) == 0 && !isReserved(field) && field != f.Honeypot || f.Fields[field].Type == File
}

// ShowsAnswer reports whether visitors see what the agent answers.
func (f Form) ShowsAnswer() bool { return f.Show == ShowAnswer }

// NeedsSecret reports whether the challenge is verified with a secret.
func (f Form) NeedsSecret() bool { return siteverify[f.Challenge] != "" }

// Rate returns how many forms one address may send.
func (f Form) Rate() Rate {
	if f.PerAddr == nil {
		return DefaultRate
	}
	return *f.PerAddr
}

// Check returns the mistakes in the settings of the form.
func (f Form) Check() (found problem.Fields) {
	if f.Key != "" && !ValidKey(f.Key) {
		found.Add("key", "must be pk_ and 16 to 64 letters and digits; leave it out, and one is made")
	}
	if len(f.Origins) == 0 {
		found.Add("origins", "must list the origins of the pages that have the form, such as https://acme.example")
	}
	for i, origin := range f.Origins {
		if !validOrigin(origin) {
			found.Add(fmt.Sprintf("origins[%d]", i),
				"must be an origin such as https://acme.example, without a path, "+
					"or null for pages that are opened from disk")
		}
	}
	if _, ok := absolute(f.Redirect); f.Redirect != "" && !ok {
		found.Add("redirect", "must be a URL such as https://acme.example/thanks")
	}
	found = append(found, f.checkFields()...)
	if r := f.PerAddr; r != nil && (r.Requests < 1 || r.Per <= 0) {
		found.Add("perAddress", "needs requests (at least 1) and per (a duration)")
	}
	found = append(found, f.checkChallenge()...)
	if f.Show != "" && f.Show != ShowNothing && f.Show != ShowAnswer {
		found.Add("show", "must be nothing or answer")
	}
	if f.Language != "" && !isLanguage(f.Language) {
		found.Add("language", "must be one of %s; leave it out for the visitor's own", strings.Join(Languages(), ", "))
	}
	if t := f.Thanks; t != nil && (len(t.Title) > maxThanks || len(t.Text) > maxThanks) {
		found.Add("thanks", "may have %d bytes in its title and in its text", maxThanks)
	}
	return found
}

func (f Form) checkFields() (found problem.Fields) {
	if len(f.Fields) > maxDeclared {
		found.Add("fields", "may be %d at most", maxDeclared)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		switch {
		case name == "" || len(name) > maxName || isReserved(name):
			found.Add("fields."+name,
				"is no name that a field can have: it must be at most %d bytes, "+
					"and not be one that Beckon reads itself", maxName)
		case name == f.Honeypot:
			found.Add("honeypot", "%q is also one of the fields: give it a name of its own", name)
		}
		found.Under("fields."+name, f.Fields[name].check())
	}
	if isReserved(f.Honeypot) || len(f.Honeypot) > maxName {
		found.Add("honeypot", "must be the name of a field that people do not see, such as website")
	}
	return found
}

func (f Form) checkChallenge() (found problem.Fields) {
	isVendor := f.NeedsSecret()
	switch {
	case f.Challenge != "" && f.Challenge != Altcha && !isVendor:
		found.Add("challenge", "must be altcha, turnstile or hcaptcha")
	case isVendor && f.Secret == "":
		found.Add("secret", "is required: the secret key that %s gives you for the site", f.Challenge)
	case !isVendor && f.Secret != "":
		found.Add("secret", "is for the challenges turnstile and hcaptcha")
	}
	return found
}

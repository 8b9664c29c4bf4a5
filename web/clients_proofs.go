package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// maxProofs is how many ways to prove itself the form of a client reads.
const maxProofs = 20

// proofForm is one way in which a client's caller may prove itself, as it was typed.
type proofForm struct {
	Scheme string
	place  int               // of the saved proof that it is, from 1; 0 for a new one
	values map[string]string // of proofSettings
	kept   secret.String     // "kept", or the variable that the saved secret is in; empty where there is none
	typed  secret.String
}

// proofSetting is a setting of a proof.
type proofSetting struct {
	name, label, help, placeholder string
	schemes                        string // that have it; the form shows it for these
	options                        []string
	rows                           int
}

const signed = "signed" // every scheme with a secret

var proofSettings = []proofSetting{
	{
		name:        "name",
		label:       "Name of the header or parameter",
		help:        "The one that carries the client's token.",
		placeholder: "X-Token",
		schemes:     "header query",
	},
	{
		name:        "header",
		label:       "Header with the signature",
		help:        "Such as X-Signature. Grafana: empty for its own.",
		placeholder: "X-Signature",
		schemes:     "hmac grafana",
	},
	{name: "prefix", label: "Text before the signature", help: "Within that header. Empty: none.", placeholder: "sha256=", schemes: "hmac"},
	{
		name:        "algorithm",
		label:       "Hash",
		help:        "Of the HMAC.",
		placeholder: "Default: sha256",
		schemes:     "hmac",
		options:     []string{"sha1", "sha256", "sha512"},
	},
	{
		name:        "encoding",
		label:       "Encoding",
		help:        "Of the signature.",
		placeholder: "Default: hex",
		schemes:     "hmac",
		options:     []string{"hex", "base64", "base64url"},
	},
	{
		name:        "content",
		label:       "What is signed",
		help:        "A text with .body, .timestamp, .id, .url and .method. Empty: the body.",
		placeholder: "{{ .timestamp }}.{{ .body }}",
		schemes:     "hmac",
		rows:        2,
	},
	{
		name:    "timestampHeader",
		label:   "Header with the time",
		help:    "In seconds since 1970. Empty: the signature covers no time.",
		schemes: "hmac grafana",
	},
	{name: "idHeader", label: "Header with the id of the delivery", help: "Used to recognize repeated deliveries.", schemes: "hmac"},
	{name: "tolerance", label: "How old a signature may be", help: "Empty: 5m.", placeholder: "5m", schemes: "hmac"},
	{
		name:        "topicArn",
		label:       "ARN of the topic",
		help:        "Amazon signs everybody's messages with the same key: only those of this topic are accepted.",
		placeholder: "arn:aws:sns:eu-west-1:123456789012:alarms",
		schemes:     "sns",
	},
	{
		name:        "issuer",
		label:       "Issuer",
		help:        "The platform whose tokens are accepted. GitLab: the address of your GitLab.",
		placeholder: "https://token.actions.githubusercontent.com",
		schemes:     "oidc",
	},
	{
		name:        "audience",
		label:       "Audience",
		help:        "The audience that the job requests its token for.",
		placeholder: "beckon",
		schemes:     "oidc",
	},
	{
		name:        "claims",
		label:       "Claims",
		help:        "One a line, at least one. * stands for any text.",
		placeholder: "repository=acme/shop",
		schemes:     "oidc",
		rows:        2,
	},
}

// proofFormsOf are the proofs of a client that there is.
func proofFormsOf(list []clients.Auth) []proofForm {
	forms := make([]proofForm, len(list))
	for i, a := range list {
		tolerance := ""
		if a.Tolerance != 0 {
			tolerance = a.Tolerance.String()
		}
		forms[i] = proofForm{Scheme: a.Scheme, place: i + 1, kept: keptSecret(a.Secret), values: map[string]string{
			"name": a.Name, "header": a.Header, "prefix": a.Prefix, "algorithm": a.Algorithm, "encoding": a.Encoding, "content": a.Content,
			"timestampHeader": a.TimestampHeader, "idHeader": a.IDHeader, "tolerance": tolerance, "topicArn": a.TopicARN,
			"issuer": a.Issuer, "audience": a.Audience, "claims": writeClaims(a.Claims),
		}}
	}
	return forms
}

// keptSecret is what a form shows of secrets: nothing but that there are some, or the variable of a single one.
func keptSecret(list clients.Secrets) secret.String {
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1 && list[0].IsReference():
		return list[0]
	}
	return "kept"
}

// readProofForms takes the proofs as they were sent; ok is false for a form that has none to fill in.
func readProofForms(sent url.Values) (forms []proofForm, ok bool) {
	for i := range maxProofs {
		path := proofPath(i, "")
		if !sent.Has(path + "scheme") {
			return forms, i > 0
		}
		f := proofForm{Scheme: trimmed(sent, path+"scheme"), values: map[string]string{}, typed: typedSecret(sent, path+"secret")}
		f.place, _ = strconv.Atoi(sent.Get(path + "place")) // 0 where it has none
		for _, setting := range proofSettings {
			f.values[setting.name] = trimmed(sent, path+setting.name)
		}
		f.values["content"] = sent.Get(path + "content")
		if f.Scheme != "" {
			forms = append(forms, f)
		}
	}
	return forms, true
}

// auth reads what was typed.
func (f proofForm) auth(wrong *problem.Fields) clients.Auth {
	v := f.values
	a := clients.Auth{
		Scheme: f.Scheme, Name: v["name"], Header: v["header"], Prefix: v["prefix"], Algorithm: v["algorithm"], Encoding: v["encoding"],
		Content: v["content"], TimestampHeader: v["timestampHeader"], IDHeader: v["idHeader"], TopicARN: v["topicArn"],
		Issuer: v["issuer"], Audience: v["audience"], Claims: readClaims(wrong, v["claims"]),
	}
	var tolerance units.Duration
	readInto(wrong, "auth", v["tolerance"], &tolerance)
	a.Tolerance = tolerance
	if f.typed != "" {
		a.Secret = clients.Secrets{f.typed}
	}
	return a
}

// saved is the saved proof that the form is of; nil for another one, and once its scheme has changed.
func (f proofForm) saved(have []clients.Auth) *clients.Auth {
	if f.place < 1 || f.place > len(have) || have[f.place-1].Scheme != f.Scheme {
		return nil
	}
	return &have[f.place-1]
}

// keepSecrets gives each proof without a typed secret the saved one. list was read of forms.
func keepSecrets(list []clients.Auth, forms []proofForm, have []clients.Auth) {
	for i, f := range forms {
		if saved := f.saved(have); saved != nil && len(list[i].Secret) == 0 {
			list[i].Secret = saved.Secret
		}
	}
}

func writeClaims(claims map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		lines = append(lines, name+"="+claims[name])
	}
	return strings.Join(lines, "\n")
}

func readClaims(wrong *problem.Fields, text string) map[string]string {
	var claims map[string]string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			wrong.Add("auth", "the claim %q is not name=value, such as repository=acme/shop", problem.Shorten(line))
			continue
		}
		if claims == nil {
			claims = map[string]string{}
		}
		claims[name] = strings.TrimSpace(value)
	}
	return claims
}

func proofPath(i int, name string) string { return fmt.Sprintf("auth-%d-%s", i, name) }

// proofView is a proof in the form.
type proofView struct {
	Path, Label string // of its scheme
	PlacePath   string
	Place       int
	Extra       bool // it is one more than most clients need
	Choices     []schemeChoice
	Fields      []proofField
}

type schemeChoice struct {
	Name, Title    string
	Chosen, Signed bool
}

// proofField is a field that some schemes have: For are the classes of these.
type proofField struct {
	field
	For string
}

// Proofs are the methods by which a call may authenticate, and one more to fill in.
func (s clientScreen) Proofs() (list []proofView) {
	forms := s.Form.Proofs
	if !s.Managed && len(forms) < maxProofs {
		forms = append(slices.Clone(forms), proofForm{})
	}
	for i, f := range forms {
		view := proofView{Path: proofPath(i, "scheme"), Label: "Method", PlacePath: proofPath(i, "place"), Place: f.place, Extra: i > 0}
		if i > 0 {
			view.Label = "Alternative method " + strconv.Itoa(i)
		}
		for _, name := range clients.Schemes() {
			one := clients.Scheme(name)
			view.Choices = append(view.Choices, schemeChoice{Name: name, Title: one.Title, Chosen: name == f.Scheme, Signed: one.Signs()})
		}
		view.Fields = append(view.Fields, proofField{
			s.Secret(proofPath(i, "secret"), "Secret that is signed with", f.kept.Reveal(), "As it is set at the sender."), "for-" + signed,
		})
		for _, setting := range proofSettings {
			view.Fields = append(view.Fields, proofField{
				s.proofSetting(i, f, setting), "for-" + strings.Join(strings.Fields(setting.schemes), " for-"),
			})
		}
		list = append(list, view)
	}
	return list
}

func (s clientScreen) proofSetting(i int, f proofForm, setting proofSetting) field {
	path, value := proofPath(i, setting.name), f.values[setting.name]
	switch {
	case setting.options != nil:
		return s.Choice(path, setting.label, value, setting.help, setting.options).WithPlaceholder(setting.placeholder)
	case setting.rows > 0:
		return s.Area(path, setting.label, value, setting.rows, setting.help).WithPlaceholder(setting.placeholder)
	}
	return s.Text(path, setting.label, value, setting.help).WithPlaceholder(setting.placeholder)
}

// Respond is the field that says when calls are answered.
func (s clientScreen) Respond() field {
	return s.Choice("respond", "Response", s.Form.Respond,
		"sync: answer when the run has ended. async: answer at once, with the run's address.",
		[]string{clients.RespondSync, clients.RespondAsync}).
		WithPlaceholder("Default: what the sender expects")
}

// Trusted is the field that says whose word it is what calls say.
func (s clientScreen) Trusted() field {
	return s.Choice("trusted", "Trusted", s.Form.Trusted,
		"Whether the agent may follow instructions in its calls. false: the content is data that the model is told not to obey. "+
			"Default: false for clients with a source, a form or a template, because third parties write what these send; true for others.",
		[]string{"true", "false"}).WithPlaceholder("Default")
}

// HasNoHandling reports whether what says how calls are proved and answered has nothing to show.
func (s clientScreen) HasNoHandling() bool {
	shown := s.Form.Respond + s.Form.Filter + s.Form.Coalesce + s.Form.Trusted
	for _, path := range []string{"auth", "respond", "filter", "coalesce", "trusted"} {
		shown += s.ErrorOf(path)
	}
	return shown == "" && (len(s.Form.Proofs) == 0 || s.Caller != nil)
}

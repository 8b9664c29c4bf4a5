package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// nounForm is what the page of one resource shows: F as it was typed, right or wrong.
type nounForm[F any] struct {
	Path    string // of the list: "/admin/agents"
	One     string // "agent"
	ID      string // empty for one that is being made
	Version int64
	Managed bool
	Notice  string
	IsNew   bool     // it was created just now
	Tab     string   // the part of the page that is shown
	Notes   []string // what is known of it besides
	Budgets []budgetLine
	// Activity is what has happened with it.
	Activity activity
	// Warnings say why the saved resource is not in force, Cautions what should be changed although it is in force, Errors why
	// the form was not saved.
	Warnings, Cautions, Errors problem.Fields
	Refused                    string          // the action that was refused, such as "deleted"; empty: "saved"
	Outdated                   bool            // somebody else has changed it meanwhile
	Meanwhile                  *savedMeanwhile // how that differs from the form; nil where nothing was typed
	Form                       F
	Choices                    []string // the ids of what it can refer to
	Models                     *modelList
	Try                        agentTry // of an agent or a flow
}

// modelList is a provider's list of models, or why there is none.
type modelList struct {
	Names []string
	Error string
	Note  string // why there is none, where the provider may be used nevertheless
}

// ErrorOf is what is wrong with a field; empty when nothing is.
func (f nounForm[F]) ErrorOf(path string) string { return f.field("", path, "", "", "").Error }

// Crumb is its place below the list.
func (f nounForm[F]) Crumb() string { return cmp.Or(f.ID, "New "+f.One) }

// RefusedAction names the action that the Errors are about: saved, deleted …
func (f nounForm[F]) RefusedAction() string { return cmp.Or(f.Refused, "saved") }

// Address is where the form goes, and where the resource is seen.
func (f nounForm[F]) Address() string {
	if f.ID == "" {
		return f.Path + "/new"
	}
	return addressOf(f.Path, f.ID)
}

// addressOf is the page of a resource. An id cannot begin with a hyphen: /admin/agents/-new is the agent "new".
func addressOf(path, id string) string {
	if id == "new" {
		id = "-" + id
	}
	return path + "/" + url.PathEscape(id)
}

// Text is a field of one line.
func (f nounForm[F]) Text(path, label, value, help string) field {
	return f.field("text", path, label, value, help)
}

// Secret is a field that shows neither the saved secret nor the typed one. The name of a variable is shown: it is no secret.
func (f nounForm[F]) Secret(path, label, value, help string) field {
	shown := f.field("password", path, label, "", help)
	switch s := secret.String(value); {
	case s.IsReference():
		shown.Type, shown.Value = "text", value
	case value != "":
		shown.Placeholder, shown.Removable = secret.Mask+" saved", !f.Managed
	}
	return shown
}

// typedSecret reads a field that Secret has drawn; secret.Removed says that the saved secret should be removed.
func typedSecret(sent url.Values, path string) secret.String {
	typed := secret.String(trimmed(sent, path))
	if typed == "" && sent.Has("remove-"+path) {
		return secret.Removed
	}
	return typed
}

// Area is a field of many lines.
func (f nounForm[F]) Area(path, label, value string, rows int, help string) field {
	area := f.field("area", path, label, value, help)
	area.Rows = rows
	return area
}

// Choice is one of several.
func (f nounForm[F]) Choice(path, label, value, help string, options []string) field {
	choice := f.field("choice", path, label, value, help)
	choice.Options = options
	return choice
}

// YesNo is a yes or no that may be left to the default.
func (f nounForm[F]) YesNo(path, label, value, help, byDefault string) field {
	return f.Choice(path, label, value, help, []string{"yes", "no"}).WithPlaceholder("Default: " + byDefault)
}

func writeYesNo(value *bool) string {
	switch {
	case value == nil:
		return ""
	case *value:
		return "yes"
	}
	return "no"
}

// typedYesNo reads a field that YesNo has drawn; nil is the default.
func typedYesNo(wrong *problem.Fields, path, text string) *bool {
	yes := text == "yes"
	switch {
	case text == "":
		return nil
	case !yes && text != "no":
		wrong.Add(path, "must be yes or no, or left at the default")
	}
	return &yes
}

// Check is a yes or no.
func (f nounForm[F]) Check(path, label string, checked bool, help string) field {
	check := f.field("check", path, label, "", help)
	check.Checked = checked
	return check
}

func (f nounForm[F]) field(kind, path, label, value, help string) field {
	shown := field{Type: kind, Path: path, Label: label, Value: value, Help: help}
	if i := slices.IndexFunc(f.Errors, func(e problem.Field) bool { return e.Path == path }); i >= 0 {
		shown.Error = besideField(f.Errors[i].Message)
	}
	return shown
}

// fillFromSaved sets what the form shows of the saved resource.
func fillFromSaved[F any, T interface{ Key() string }](f *nounForm[F], record catalog.Record[T]) {
	f.ID, f.Version, f.Managed = record.Item.Key(), record.Version, isDeclared(record.Origin)
	f.Warnings, f.Cautions = inFormOrder(f.One, record.Warnings), inFormOrder(f.One, record.Cautions)
}

// formVersion returns the version of the resource that a form was made from. It is -1, which matches no version, where the form
// has none, so that nothing is overwritten by mistake.
func formVersion(sent url.Values) int64 {
	version, err := strconv.ParseInt(sent.Get("version"), 10, 64)
	if err != nil || version < 1 {
		return -1
	}
	return version
}
